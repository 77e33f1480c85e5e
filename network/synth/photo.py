"""Windows from photographs: a camera moves along one path over three exposures of a sharp picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.planes import to_frame
from network.synth.camera import raised, random_camera, random_highlights
from network.synth.crops import random_crop, tinted
from network.synth.driving import light_lamps, passing_field
from network.synth.light import to_linear
from network.synth.scene import CameraMotion, MovingObject, Scene
from network.synth.text import write_signs
from network.synth.trajectory import random_path, random_turn
from network.synth.window import random_duration, recorded, short_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.data.planes import Frame
    from network.synth.profile import BlurProfile
    from network.synth.trajectory import Style
    from network.synth.window import Window

    FloatArray = NDArray[np.float32]

_STYLES: tuple[Style, ...] = ("pan", "shake", "mixed")

_DARKNESS = (0.05, 0.5)
"""Light by night relative to that by day."""


def photo_window(rng: Generator, photos: Sequence[Path], profile: BlurProfile, size: int) -> Window:
    """Makes a window.

    Args:
        rng: Source of randomness; the same state and photographs give the same window.
        photos: Sharp photographs.
        profile: Distribution of the blur.
        size: Height and width of the frames in pixels, even.

    Raises:
        DataError: If a photograph can't be read.
    """
    border = profile.border
    picture = tinted(rng, random_crop(rng, photos, size + 2 * border))
    is_short = rng.random() < profile.short_exposures
    duration = short_duration(rng) if is_short else random_duration(rng)
    length = _length(rng, profile, duration, is_short=is_short)
    motion = _camera_motion(rng, profile, length, duration, size)
    if rng.random() < profile.text:
        picture = write_signs(rng, picture)
    at_night = rng.random() < profile.night
    camera = random_camera(rng, profile, at_night=at_night)
    darkness = np.float32(rng.uniform(*_DARKNESS) if at_night else 1)
    light = to_linear(picture, camera.steepness) * darkness
    if at_night:
        light = light_lamps(rng, light)
    elif rng.random() < profile.highlights:
        light = raised(random_highlights(rng), light)
    objects = []
    if rng.random() < profile.objects:
        for _ in range(1 if rng.random() < 0.7 else 2):
            own = _length(rng, profile, duration, is_short=is_short)
            path = random_path(rng, own, duration, 1.2 * border, "pan" if rng.random() < 0.5 else "mixed")
            if rng.random() < 0.5:
                path = path.plus(motion.shift)  # as fast as the ground, and by itself on top
            cut_out = _cut_out(rng, photos, camera.steepness, size, darkness)
            objects.append(MovingObject(cut_out, path, _place(rng, size)))
    scene = Scene(light, border, motion, tuple(objects))
    exposures = scene.exposed(-1, duration), scene.exposed(0, duration), scene.exposed(1, duration)

    def other_scene() -> Frame:
        return to_frame(np.float32(1 / 255) * random_crop(rng, photos, size), camera.matrix)

    return recorded(rng, camera, exposures, scene.at(0), profile, other_scene)


def _length(rng: Generator, profile: BlurProfile, duration: float, *, is_short: bool) -> float:
    """Path during an exposure, in pixels; a short one sees its share of what passes in a whole interval."""
    if is_short:
        return float(duration * rng.uniform(profile.shortest, profile.longest))
    draws = rng.random(3)
    return 0.0 if draws[0] < profile.still else profile.length(draws[1], draws[2])


def _camera_motion(rng: Generator, profile: BlurProfile, length: float, duration: float, size: int) -> CameraMotion:
    if not length:
        return CameraMotion()
    reach, radius = profile.border - 4, size / 2
    style = _STYLES[int(rng.integers(len(_STYLES)))]
    centre = (radius + rng.uniform(-0.3, 0.3) * size, radius + rng.uniform(-0.3, 0.3) * size)
    if rng.random() < profile.driving:
        # The car shakes a little while it drives. The field's fastest points are twice as fast as its mean.
        shake = random_path(rng, length * rng.uniform(0, 0.4), duration, reach / 4, style)
        advance = random_turn(rng, length * rng.uniform(0.6, 1), duration, reach / 3, steady=True)
        field = passing_field(rng, size, size, length, profile.longest)
        return CameraMotion(shake, passing=field, advance=advance)
    shift = random_path(rng, length, duration, reach, style)
    roll = zoom = CameraMotion().roll
    if rng.random() < 0.4:
        amount, limit = rng.uniform(0, 0.5) * length / radius, 0.6 * profile.border / size
        roll = random_turn(rng, amount, duration, limit, steady=False)
    if rng.random() < 0.35:
        amount, limit = rng.uniform(0, 0.7) * length / radius, 0.5 * profile.border / size
        zoom = random_turn(rng, amount, duration, limit, steady=True)
    return CameraMotion(shift, roll, zoom, centre)


def _cut_out(rng: Generator, photos: Sequence[Path], steepness: float, size: int, darkness: np.float32) -> FloatArray:
    """An object of a random shape: light times opacity, and opacity, float32 (side, side, 4)."""
    side = int(rng.uniform(0.25, 0.8) * size)
    light = to_linear(tinted(rng, random_crop(rng, photos, side)), steepness) * darkness
    mask = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        count = int(rng.integers(3, 9))
        angles, distances = np.sort(rng.uniform(0, 2 * np.pi, count)), rng.uniform(0.15, 0.48, count) * side
        corners = side / 2 + np.stack((distances * np.cos(angles), distances * np.sin(angles)), axis=1)
        cv2.fillPoly(mask, [corners.astype(np.int32)], [1.0])
    else:
        axes = [max(1, int(share * side)) for share in rng.uniform(0.12, 0.45, 2)]
        cv2.ellipse(mask, (side // 2, side // 2), axes, rng.uniform(0, 180), 0, 360, [1.0], cv2.FILLED)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 1.6)), np.float32)
    return np.dstack((light * mask[..., None], mask))


def _place(rng: Generator, size: int) -> tuple[float, float]:
    left, top = rng.uniform(-0.2, 0.6, 2) * size
    return float(left), float(top)
