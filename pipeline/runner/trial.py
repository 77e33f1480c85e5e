"""An engine as it is used in the middle of a video, to measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from network.planes import PlaneSpec
    from pipeline.runner.protocols import Engine

_SPEED = 2
"""Rows by which the picture of a trial moves from frame to frame."""


class Trial:
    """Buffers for one run of an engine that makes full batches, with the neighbours that it looks at.

    Args:
        engine: The engine.
        spec: What the frames are.
        batch: Frames that the engine makes at a time.

    Attributes:
        blurred: The frames in the order of time, neighbours included. To be filled before :meth:`run`.
        sharp: What the engine makes of those in the middle.

    Raises:
        EngineError: If the engine can't take such frames.
    """

    def __init__(self, engine: Engine, spec: PlaneSpec, batch: int) -> None:
        self._engine = engine
        window = engine.info.window
        self.blurred = engine.buffers(spec, window.before + batch + window.after)
        self.sharp = engine.buffers(spec, batch)
        self._windows = None
        if window.frames > 1:
            self._windows = window.consecutive(self.blurred.size, window.before, batch)

    def fill(self) -> None:
        """Fills the frames with a picture that moves, since the search for motion takes longer where there is some."""
        spec, random = self.blurred.spec, np.random.default_rng(0)
        for plane in self.blurred.planes:
            picture = random.integers(0, 1 << spec.depth, plane.shape[1:], spec.dtype) << spec.code_shift
            for number, frame in enumerate(plane):
                frame[...] = np.roll(picture, _SPEED * number * plane.shape[1] // spec.height, axis=0)

    def run(self) -> None:
        """Runs the engine once.

        Raises:
            EngineError: If the engine fails.
        """
        run_windows(self._engine, self.blurred, self.sharp, self._windows)
