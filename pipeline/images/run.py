"""Deblurs pictures one after the other; one that fails does not stop the others."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.encode.output_file import check_output
from pipeline.errors import DeblurError, EngineError
from pipeline.images.arrays import picture_spec
from pipeline.images.following import Following
from pipeline.images.picture import read_picture
from pipeline.images.writing import write_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.images.picture import Picture
    from pipeline.job import Limits
    from pipeline.notes import Note
    from pipeline.runner.protocols import Engine


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a picture.

    Attributes:
        path: File that was read.
        output: File that was written.
        notes: What the output has not that the input has.
        damage: What is wrong with the input, in a few words; what could be read is in the output.
        error: Why there is no output; None if there is one.
    """

    path: Path
    output: Path
    notes: tuple[Note, ...] = ()
    damage: str = ""
    error: DeblurError | None = None


def deblur_pictures(
    pairs: Sequence[tuple[Path, Path]],
    engine: Engine,
    limits: Limits,
    *,
    follow: bool = False,
    quality: int,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Deblurs pictures, each into a file.

    The frames of an animation are neighbours in time; other pictures are, too, if they follow each other. A picture
    of another size or depth begins anew.

    Args:
        pairs: File to read and file to write, for each picture. Missing folders of the results are made.
        engine: The engine; nothing else may use it.
        limits: What each picture may hold.
        follow: Whether the pictures follow each other in time.
        quality: Quality of formats with loss, 1 to 100.
        overwrite: Replace files that exist.

    Yields:
        What became of each picture, as soon as it is known.

    Raises:
        EngineError: If the engine fails.
    """
    for group in [pairs] if follow else [[pair] for pair in pairs]:
        yield from _Group(group, engine, limits, follow=follow, quality=quality, overwrite=overwrite).outcomes()


class _Group:
    """Pictures that are read one after the other, and written as their frames come back from the engine."""

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        engine: Engine,
        limits: Limits,
        *,
        follow: bool,
        quality: int,
        overwrite: bool,
    ) -> None:
        self._pairs, self._engine, self._limits = pairs, engine, limits
        self._follow, self._quality, self._overwrite = follow, quality, overwrite
        self._waiting: deque[tuple[Picture, Path]] = deque()
        self._failed: deque[Outcome] = deque()

    def outcomes(self) -> Iterator[Outcome]:
        done: list[NDArray[Any]] = []
        for result in _through(self._engine, self._frames()):
            done.append(result)
            if len(done) == len(self._waiting[0][0].frames):
                yield self._write(*self._waiting.popleft(), done)
                done = []
            yield from self._failures()
        yield from self._failures()

    def _failures(self) -> Iterator[Outcome]:
        while self._failed:
            yield self._failed.popleft()

    def _frames(self) -> Iterator[tuple[NDArray[Any], bool]]:
        """Frames of all pictures that can be read, each with whether it follows the one before in time."""
        for path, output in self._pairs:
            try:
                output.parent.mkdir(parents=True, exist_ok=True)
                check_output(output, path, overwrite=self._overwrite)
                picture = read_picture(path, self._limits)
            except DeblurError as error:
                self._failed.append(Outcome(path, output, error=error))
                continue
            self._waiting.append((picture, output))
            for number, frame in enumerate(picture.frames):
                yield frame, self._follow if number == 0 else picture.is_animation

    def _write(self, picture: Picture, output: Path, frames: Sequence[NDArray[Any]]) -> Outcome:
        try:
            notes = write_picture(picture, frames, output, self._quality)
        except EngineError:
            raise
        except DeblurError as error:
            return Outcome(picture.path, output, error=error)
        return Outcome(picture.path, output, tuple(notes), picture.damage)


def _through(engine: Engine, frames: Iterable[tuple[NDArray[Any], bool]]) -> Iterator[NDArray[Any]]:
    """What the engine makes of frames, in order; a frame that follows none begins a stream."""
    following: Following | None = None
    for frame, follows in frames:
        spec = picture_spec(frame)
        if following is not None and not (follows and spec == following.spec):
            yield from following.rest()
            following = None
        if following is None:
            engine.reset()
            following = Following(engine, spec, 1)
        yield from following.add(frame)
    if following is not None:
        yield from following.rest()
