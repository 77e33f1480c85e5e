"""A machine of a cluster: what it says of itself, and what it does when it is asked."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import DeblurError, OutputError, UsageError
from pipeline.resume.workers import make_share
from pipeline.system.machine import cores, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from pipeline.job import VideoJob
    from pipeline.resume.workers import ExpectedOutput, FinishedSegment, WorkerShare
    from pipeline.runner.protocols import Engine, EngineInfo

LIBRARIES = ("deblur-stream", "av", "numpy", "opencv-python-headless", "openvino", "torch")
"""Libraries that must have the same version everywhere, so that it does not matter which machine makes a segment."""


@dataclass(frozen=True, slots=True)
class Node:
    """Facts that a machine of the cluster reports of itself.

    Attributes:
        name: Name of the machine in the network.
        libraries: Versions of libraries by name.
        engine: Engine that would run the network.
        cores: Number of cores that encoders divide their work among.
    """

    name: str
    libraries: dict[str, str]
    engine: EngineInfo
    cores: int

    @classmethod
    def here(cls, engine: EngineInfo) -> Node:
        """The machine that this runs on, with the engine that it has loaded."""
        known = versions()
        return cls(platform.node(), {name: known[name] for name in LIBRARIES if name in known}, engine, cores())

    def compare(self, other: Node) -> None:
        """Refuses this machine where its segments would not fit those of another.

        Args:
            other: The machine that joins the segments.

        Raises:
            UsageError: If versions, engines or cores differ.
        """
        names = sorted(name for name in LIBRARIES if self.libraries.get(name) != other.libraries.get(name))
        if names:
            there, here = (
                ", ".join(f"{name} {node.libraries.get(name) or 'not at all'}" for name in names)
                for node in (self, other)
            )
            raise UsageError(f"{self.name} has {there}, and {other.name} {here}; install the same versions everywhere")
        if self.engine != other.engine:
            raise UsageError(
                f"{self.name} would use {_words(self.engine)}, and {other.name} {_words(other.engine)}; say which by "
                "`engine`, `precision` and `weights`, or leave the machine out"
            )
        if self.cores != other.cores:
            raise UsageError(
                f"{self.name} has {self.cores} cores to give, and {other.name} {other.cores}; encoders divide pictures "
                "by their number, and all have to do it alike: use machines of one size"
            )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of this project that a machine met, in a form that travels.

    Attributes:
        node: The machine's name.
        kind: Name of the error's class, for :meth:`network.errors.DeblurError.kind`.
        text: Message in one line.
        field: Option that the message names; see :class:`network.errors.DeblurError`.
    """

    node: str
    kind: str
    text: str
    field: str | None = None

    @classmethod
    def of(cls, error: DeblurError) -> Refusal:
        """The parts of an error that are sent."""
        return cls(platform.node(), type(error).__name__, str(error), error.field)


def _words(engine: EngineInfo) -> str:
    return f"{engine.network} {engine.digest[:12]} in {engine.precision} by {engine.backend} on {engine.device}"


_loaded: dict[str, Engine] = {}
"""The engine of this process, which makes one share after the other, by what made it."""


def _engine(load: Callable[[], Engine]) -> Engine:
    name = repr(load)
    if name not in _loaded:
        _loaded.clear()
        _loaded[name] = load()
    return _loaded[name]


def ask(load: Callable[[], Engine], token: Path) -> Node | Refusal:
    """Facts that the machine reports of itself.

    Args:
        load: Function that makes the engine.
        token: Path of a file that was written to the folder of the outputs.

    Returns:
        The machine, or the error why it can't do its part.
    """
    try:
        if not token.is_file():
            raise OutputError(f"there is no folder {token.parent}; the same folders have to be there on every machine")
        return Node.here(_engine(load).info)
    except DeblurError as error:
        return Refusal.of(error)


def make(
    job: VideoJob,
    wanted: ExpectedOutput,
    load: Callable[[], Engine],
    share: WorkerShare,
    done: Collection[int],
    expected: Node,
) -> list[FinishedSegment] | Refusal:
    """Makes a share of an input; see :func:`pipeline.resume.workers.make_share`.

    Args:
        job: Video to read and to write, by names that hold on every machine.
        wanted: Facts about the output that this machine has to find.
        load: Function that makes the engine.
        share: Segments to make.
        done: Numbers of the segments that nobody has to make.
        expected: The machine that joins the segments. That this one fits was asked at the beginning, unless it came
            later.

    Returns:
        The finished segments, or the error why they can't be made.
    """
    try:
        engine = _engine(load)
        Node.here(engine.info).compare(expected)
        return make_share(job, wanted, lambda: engine, share, done)
    except DeblurError as error:
        return Refusal.of(error)
