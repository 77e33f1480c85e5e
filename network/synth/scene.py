"""A scene before a moving camera, and what an exposure of it looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.synth.trajectory import STILL, Trajectory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

_PER_PIXEL = 0.7
"""Instants to a pixel of path that an exposure is made of: more can't be told apart."""

_MOST = 32
_UNSEEN = 0.3
"""Path in pixels below which an exposure is one instant."""

_NO_TURN = Trajectory(np.zeros((len(STILL.values), 1)))


@dataclass(frozen=True, slots=True, eq=False)
class CameraMotion:
    """How the camera moves, about the middle of the present exposure.

    Attributes:
        shift: Path of what is seen at a pixel, x and y in pixels.
        roll: Angle, in radians.
        zoom: Logarithm of the magnification.
        centre: Point (x, y) about which roll and zoom act, in pixels.
        passing: Directions (H, W, 2) in which points pass a moving car, with speeds of mean 1; None for no such motion.
        advance: Path along ``passing``, in pixels.
    """

    shift: Trajectory = STILL
    roll: Trajectory = _NO_TURN
    zoom: Trajectory = _NO_TURN
    centre: tuple[float, float] = (0.0, 0.0)
    passing: FloatArray | None = None
    advance: Trajectory = _NO_TURN

    def length(self, middle: float, duration: float, radius: float) -> float:
        """About the longest path of a point during an exposure, in pixels.

        Args:
            middle: Middle of the exposure.
            duration: Duration of the exposure.
            radius: Distance of the farthest points from the centre, in pixels.
        """
        turned = self.roll.length(middle, duration) + self.zoom.length(middle, duration)
        return self.shift.length(middle, duration) + radius * turned + self.advance.length(middle, duration)


@dataclass(frozen=True, slots=True, eq=False)
class MovingObject:
    """Something in front of the scene.

    Attributes:
        light: Its linear light times its opacity, and its opacity, float32 (h, w, 4).
        path: Its path against the camera's picture: content moves the other way.
        place: Its upper left corner in the present frame, (x, y) in pixels.
    """

    light: FloatArray
    path: Trajectory
    place: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Something to expose.

    Attributes:
        light: Linear light with a border all around, float32 (H + 2 border, W + 2 border, 3); may exceed 1 where
            highlights saturate.
        border: Width of the border in pixels.
        camera: Motion of the camera.
        objects: What is in front, in the order in which it is drawn.
    """

    light: FloatArray
    border: int
    camera: CameraMotion = field(default_factory=CameraMotion)
    objects: tuple[MovingObject, ...] = ()

    def at(self, time: float) -> FloatArray:
        """What the camera sees at an instant, linear, (H, W, 3); at time zero the very pixels of the scene."""
        seen = self._ground(time)
        for item in self.objects:
            _draw(item, time, seen)
        return seen

    def exposed(self, middle: float, duration: float) -> FloatArray:
        """What the camera's sensor gathers during an exposure, linear, (H, W, 3).

        Args:
            middle: Time of its middle, in frame intervals.
            duration: Its duration, in frame intervals.
        """
        radius = (self.light.shape[0] - 2 * self.border) / 2
        paths = [self.camera.length(middle, duration, radius)]
        paths += [item.path.length(middle, duration) for item in self.objects]
        if max(paths) < _UNSEEN:
            return self.at(middle)
        count = min(max(math.ceil(_PER_PIXEL * max(paths)), 2), _MOST)
        total = np.zeros_like(self.light[self._inner])
        for index in range(count):
            cv2.accumulate(self.at(middle + ((index + 0.5) / count - 0.5) * duration), total)
        total *= np.float32(1 / count)
        return total

    @property
    def _inner(self) -> tuple[slice, slice]:
        height, width = self.light.shape[:2]
        return slice(self.border, height - self.border), slice(self.border, width - self.border)

    def _ground(self, time: float) -> FloatArray:
        inner = self.light[self._inner]
        if time == 0:
            return inner.copy()
        camera = self.camera
        shift = camera.shift.at(time)
        angle, zoom = float(camera.roll.at(time)[0]), math.exp(float(camera.zoom.at(time)[0]))
        cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
        turn = np.array([[cosine, -sine], [sine, cosine]])
        centre = np.array(camera.centre)
        start = centre - turn @ centre + shift + self.border
        height, width = inner.shape[:2]
        if camera.passing is None:
            places = np.column_stack((turn, start))
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            moved = cv2.warpAffine(self.light, places, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
            return np.asarray(moved, np.float32)
        # Where a point is read from lies behind it: content moves away from the vanishing point.
        places = camera.passing * np.float32(-camera.advance.at(time)[0])
        columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        for axis in (0, 1):
            places[..., axis] += np.float32(turn[axis, 0]) * columns + np.float32(turn[axis, 1]) * rows
            places[..., axis] += np.float32(start[axis])
        none: Any = None  # both coordinates are in one map
        moved = cv2.remap(self.light, places, none, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(moved, np.float32)


def _draw(item: MovingObject, time: float, seen: FloatArray) -> None:
    """Puts an object in front of what is seen, in place."""
    left, top = np.array(item.place) - item.path.at(time)
    height, width = item.light.shape[:2]
    columns = max(math.floor(left), 0), min(math.floor(left) + width + 1, seen.shape[1])
    rows = max(math.floor(top), 0), min(math.floor(top) + height + 1, seen.shape[0])
    size = columns[1] - columns[0], rows[1] - rows[0]
    if min(size) <= 0:
        return
    places = np.array([[1, 0, columns[0] - left], [0, 1, rows[0] - top]])
    drawn = cv2.warpAffine(item.light, places, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    # By OpenCV throughout: NumPy is slow where the last axis is that of colours.
    clear = cv2.cvtColor(1 - cv2.extractChannel(drawn, 3), cv2.COLOR_GRAY2BGR)
    region = seen[rows[0] : rows[1], columns[0] : columns[1]]
    cv2.multiply(region, clear, dst=region)
    cv2.add(region, cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR), dst=region)
