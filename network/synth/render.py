"""One exposure: sub-frames of a moving scene, added up in linear light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.synth.motion import Motion

    FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MovingObject:
    """Something in front of the scene.

    Attributes:
        picture: Picture of the object in linear light, float32 (H, W, 3).
        mask: Opacity in [0, 1], float32 (H, W).
        motion: Motion of the object, with as many sub-frames as the camera's.
    """

    picture: FloatArray
    mask: FloatArray
    motion: Motion


def to_linear(codes: NDArray[np.uint8], steepness: float = 1.0) -> FloatArray:
    """Linear light in [0, 1] of a camera's codes.

    Args:
        codes: Codes of the camera, of any shape.
        steepness: 1 takes the codes for sRGB (IEC 61966-2-1); more raises that light to this power: cameras lift
            shadows and hold back highlights by more than sRGB does, so that what they average over an exposure is
            brighter than the average of their codes.
    """
    table = _LINEAR if steepness == 1 else np.power(_LINEAR, np.float32(steepness))
    return table[codes]


def to_srgb_light(linear: FloatArray, steepness: float) -> FloatArray:
    """Light as sRGB counts it, of what :func:`to_linear` gave for ``steepness``; negative light is cut off."""
    if steepness == 1:
        return linear
    return np.power(np.maximum(linear, 0), np.float32(1 / steepness), dtype=np.float32)


def to_codes(linear: FloatArray) -> FloatArray:
    """SRGB codes in [0, 255], float32, not rounded; light beyond [0, 1] is clipped as a sensor does."""
    light = np.clip(linear, 0, 1)
    low, high = light * 12.92, 1.055 * np.power(light, 1 / 2.4, dtype=np.float32) - 0.055
    result: FloatArray = np.where(light <= 0.0031308, low, high).astype(np.float32) * 255
    return result


def expose(scene: FloatArray, camera: Motion, objects: list[MovingObject]) -> tuple[FloatArray, FloatArray]:
    """Blurs a scene by the motion of camera and objects.

    Args:
        scene: Scene in linear light, float32 (H, W, 3); may exceed 1 where highlights saturate.
        camera: Motion of the scene.
        objects: Objects that are drawn over the scene, in order.

    Returns:
        The blurred and the sharp picture, both linear, (H, W, 3). The sharp one is the middle sub-frame; pixels
        near the border read a reflected scene, so crop by the longest path.
    """
    frames = len(camera.shift)
    middle = frames // 2
    total = np.zeros_like(scene)
    sharp = scene
    for index in range(frames):
        picture = _warped(scene, camera, index)
        for item in objects:
            mask = _warped(item.mask, item.motion, index)[..., None]
            picture = picture + mask * (_warped(item.picture, item.motion, index) - picture)
        if index == middle:
            sharp = picture
        total += picture
    return total / np.float32(frames), sharp


def _warped(picture: FloatArray, motion: Motion, index: int) -> FloatArray:
    if motion.is_still(index):
        return picture
    map_x, map_y = motion.maps(index, *picture.shape[:2])
    moved = cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _linear_table() -> FloatArray:
    codes = np.arange(256, dtype=np.float64) / 255
    table: FloatArray = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table


_LINEAR = _linear_table()
