"""An engine on a device that is compared with FP32 on the processor before it makes the first frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.parity import Difference, Parity
from network.planes import PlaneBatch
from pipeline.errors import EngineError
from pipeline.runner.outer_engine import OuterEngine, TimedOuterEngine
from pipeline.runner.protocols import TimedEngine, run_windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from network.planes import PlaneSpec
    from pipeline.runner.protocols import Engine

WIDTH, HEIGHT = 160, 96
"""Size of the frames to compare on, in pixels: enough for motion, and made in a moment."""

SAMPLES = ("texture", "black and white noise", "noise of all codes")
"""What the frames to compare on show: three frames of each, one after the other."""

FRAMES = 3


class CheckedEngine(OuterEngine):
    """Runs another engine, and refuses it for frames of a kind of which it makes something else than FP32.

    Both make a few small frames when :meth:`buffers` is first asked for frames of a layout, depth, matrix and range.

    Args:
        engine: Engine on a device.
        reference: Makes the engine to compare with: the same network, in FP32 on the processor. It is let go after
            the comparison.
        device: The user's name of the device, for messages.
    """

    def __init__(self, engine: Engine, reference: Callable[[], Engine], device: str) -> None:
        super().__init__(engine)
        self._reference, self._device = reference, device
        self._checked: set[PlaneSpec] = set()

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch of the other engine, after the comparison for such frames.

        Raises:
            EngineError: If the device computes something else than the processor, or either engine fails.
        """
        small = replace(spec, width=min(spec.width, WIDTH), height=min(spec.height, HEIGHT))
        if small not in self._checked:
            parity = compare(self._engine, self._reference(), small)
            if parity.problem:
                raise EngineError(
                    f"{self._device} can't be used: {parity.problem}; leave out `device`",
                    field="device",
                )
            self._checked.add(small)
        return super().buffers(spec, batch)

    def _change(self, batch: PlaneBatch, out: PlaneBatch, present: NDArray[np.intp]) -> None:
        """Leaves the result as it is."""


class TimedCheckedEngine(TimedOuterEngine, CheckedEngine):
    """As :class:`CheckedEngine`; it tells how much of its time the network takes."""


def checked(engine: Engine, reference: Callable[[], Engine], device: str) -> CheckedEngine:
    """A :class:`CheckedEngine`; it tells of its network if the other engine does."""
    kind = TimedCheckedEngine if isinstance(engine, TimedEngine) else CheckedEngine
    return kind(engine, reference, device)


def compare(engine: Engine, reference: Engine, spec: PlaneSpec) -> Parity:
    """Runs the same frames through two engines.

    Args:
        engine: Engine to judge.
        reference: Engine that computes in FP32.
        spec: Kind and size of the frames.

    Raises:
        EngineError: If either engine fails.
    """
    frames = sample_frames(spec)
    made = [_made(each, frames) for each in (engine, reference)]
    highest = (1 << spec.depth) - 1
    differences = []
    for index, name in enumerate(SAMPLES):
        rows = slice(FRAMES * index, FRAMES * (index + 1))
        errors = np.concatenate(
            [
                np.abs((one[rows] >> spec.code_shift).astype(np.float64) - (other[rows] >> spec.code_shift)).ravel()
                for one, other in zip(*(batch.planes for batch in made), strict=True)
            ]
        )
        differences.append(Difference.of(name, float(errors.max()), float(np.square(errors).mean()), highest))
    return Parity(tuple(differences), highest, reference="FP32 on the processor")


def sample_frames(spec: PlaneSpec) -> PlaneBatch:
    """Frames of all of :data:`SAMPLES`: a blurred picture that moves, and the two worst that there can be."""
    batch, random = PlaneBatch.empty(spec, FRAMES * len(SAMPLES)), np.random.default_rng(20)
    highest = (1 << spec.depth) - 1
    for plane in batch.planes:
        texture, noise, codes = (plane[FRAMES * index : FRAMES * (index + 1)] for index in range(len(SAMPLES)))
        picture = _picture(plane.shape[1:], random)
        for time, frame in enumerate(texture):
            frame[...] = np.rint(highest * np.roll(picture, 2 * time, axis=1))
        noise[...] = highest * random.integers(0, 2, noise.shape)
        codes[...] = random.integers(0, highest + 1, codes.shape)
        plane <<= spec.code_shift
    return batch


def _picture(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[Any]:
    """A picture with detail of all sizes, blurred from left to right, (*shape*), 0 to 1."""
    height, width, *channels = shape
    picture = np.zeros(shape, np.float32)
    for step in (32, 16, 8, 4, 2, 1):
        coarse = random.standard_normal((-(-height // step), -(-width // step), *channels), np.float32)
        picture += step * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(shape)
    blurred = cv2.blur(picture, (7, 1)).reshape(shape)
    return np.asarray(np.clip(0.5 + 0.2 * (blurred - blurred.mean()) / max(float(blurred.std()), 1e-6), 0, 1))


def _made(engine: Engine, frames: PlaneBatch) -> PlaneBatch:
    batch, out = (engine.buffers(frames.spec, frames.size) for _ in range(2))
    for target, plane in zip(batch.planes, frames.planes, strict=True):
        target[...] = plane
    window = engine.info.window
    engine.reset()
    run_windows(engine, batch, out, window.consecutive(frames.size) if window.frames > 1 else None)
    engine.reset()
    return out
