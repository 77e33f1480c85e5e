"""Pictures that follow each other in time, as they are given to an engine and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.images.arrays import empty_picture, put_picture, take_picture
from pipeline.runner.chunks import pad
from pipeline.runner.protocols import run_windows
from pipeline.runner.windows import WindowPlaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from network.planes import PlaneBatch, PlaneSpec
    from pipeline.runner.protocols import Engine


class Following:
    """A batch that fills up with pictures that follow each other.

    Args:
        engine: The engine, at the beginning of a stream.
        spec: What the planes of each picture are.
        size: Number of pictures that the engine makes at a time.
    """

    def __init__(self, engine: Engine, spec: PlaneSpec, size: int) -> None:
        self.spec = spec
        self._engine, self._size = engine, size
        self._places = WindowPlaces(engine.info.window)
        self._sees_others = engine.info.window.frames > 1
        room = self._places.capacity(size) if self._sees_others else size
        self._batch, self._result = engine.buffers(spec, room), engine.buffers(spec, size)
        self._rows: list[NDArray[np.intp]] = []
        self._waiting = 0

    def add(self, picture: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Adds a picture, and yields results as soon as the engine has its number of pictures to make."""
        put_picture(picture, self._batch, self._places.free)
        self._places.add()
        self._waiting += 1
        if self._places.is_ready:
            yield from self._take()

    def rest(self) -> Iterator[NDArray[Any]]:
        """Yields the results that are left; no picture comes any more."""
        while self._waiting:
            yield from self._take()
        if self._rows:
            yield from self._run()

    def _take(self) -> Iterator[NDArray[Any]]:
        """Counts the next picture among those to make."""
        self._rows.append(self._places.take())
        self._waiting -= 1
        if len(self._rows) == self._size:
            yield from self._run()

    def _run(self) -> Iterator[NDArray[Any]]:
        """Deblurs the pictures that are there, and makes room for others."""
        rows, self._rows = self._rows, []
        if self._sees_others:
            run_windows(self._engine, self._batch, self._result, np.stack(rows))
            for source, target in self._places.move():
                _copy(self._batch, source, target)
        else:
            pad(self._batch, len(rows))
            self._engine.run(self._batch, self._result)
            self._places = WindowPlaces(self._engine.info.window)
        for index in range(len(rows)):
            out = empty_picture(self.spec)
            take_picture(self._result, index, out)
            yield out


def _copy(batch: PlaneBatch, source: int, target: int) -> None:
    if source != target:
        for plane in batch.planes:
            plane[target] = plane[source]
