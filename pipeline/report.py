"""What one run did, as JSON and in a few lines for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from network.counting import count_of, were
from network.files import write_json
from network.names import printable
from pipeline.errors import DamagedInputError, OutputError
from pipeline.system.machine import versions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from network.planes import PlaneSpec
    from pipeline.encode.muxer import Muxer
    from pipeline.encode.sink import VideoSink
    from pipeline.notes import Note
    from pipeline.runner.protocols import EngineInfo, Source
    from pipeline.runner.timing import RunResult

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Parts of the input that could not be decoded.

    Attributes:
        packets: Number of corrupt packets.
        frames: Number of frames that were decoded with errors, or not at all.
        places: Places of the damage, a line each.
    """

    packets: int = 0
    frames: int = 0
    places: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True if anything was damaged."""
        return bool(self.packets or self.frames or self.places)


@dataclass(frozen=True, slots=True)
class Report:
    """What one run did.

    Attributes:
        input: Name of the input.
        output: Name of the output.
        spec: What the frames are.
        engine: What deblurred them.
        batch: Frames that the engine got at a time.
        result: Counts and times.
        damage: Parts of the input that could not be decoded.
        notes: Conversions and surprises.
        kept: Frames of those written that an earlier, interrupted run had finished.
    """

    input: str
    output: str
    spec: PlaneSpec
    engine: EngineInfo
    batch: int
    result: RunResult
    damage: Damage
    notes: tuple[Note, ...]
    kept: int = 0

    @classmethod
    def of_run(
        cls,
        source: Source,
        sink: VideoSink | Muxer,
        engine: EngineInfo,
        batch: int,
        result: RunResult,
        *,
        kept: int = 0,
        notes: Iterable[Note] = (),
    ) -> Report:
        """The report of a run that is complete.

        Args:
            source: Input that was read to its end.
            sink: Output that is finished.
            engine: What deblurred the frames.
            batch: Frames that the engine got at a time.
            result: Counts and times.
            kept: Frames of those written that an earlier run had finished.
            notes: Further lines for the user, besides those of source and sink.
        """
        return cls(
            input=source.info.name,
            output=sink.name,
            spec=source.info.spec,
            engine=engine,
            batch=batch,
            result=result,
            damage=Damage(source.corrupt_packets, source.corrupt_frames, tuple(source.damage)),
            notes=(*source.notes, *sink.notes, *notes),
            kept=kept,
        )

    @property
    def frames_per_second(self) -> float:
        """Frames of this run a second of wall time."""
        return (self.result.frames_out - self.kept) / self.result.wall

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values. Times are in seconds, latencies in milliseconds."""
        result = self.result
        return {
            "schema": SCHEMA,
            "input": self.input,
            "output": self.output,
            "video": asdict(self.spec),
            "frames": {
                "in": result.frames_in,
                "out": result.frames_out,
                "kept": self.kept,
                "corrupt": self.damage.frames,
                "corrupt_packets": self.damage.packets,
            },
            "without_network": {"duplicates": result.duplicates, "sharp": result.sharp},
            "damage": list(self.damage.places),
            "packets_copied": result.packets,
            "wall_s": result.wall,
            "frames_per_second": self.frames_per_second,
            "stages_s": {name: asdict(getattr(result, name)) for name in ("decode", "infer", "encode")},
            "latency_ms": asdict(result.latency),
            "batch": self.batch,
            "engine": asdict(self.engine),
            "versions": versions(),
            "notes": [note.text for note in self.notes],
            "note_records": [asdict(note) for note in self.notes],
        }

    def write(self, path: Path) -> None:
        """Writes the report as JSON.

        Raises:
            OutputError: If the file can't be written.
        """
        write_report(path, self.as_dict())

    def summary(self) -> str:
        """Two lines for people, and more where frames passed the network by or an earlier run had finished some."""
        result = self.result
        passed = [
            text
            for count, text in (
                (result.duplicates, f"{result.duplicates} repeated the frame before"),
                (result.sharp, f"{result.sharp} {were(result.sharp)} sharp and passed untouched"),
            )
            if count
        ]
        stages = ", ".join(
            f"{name} {getattr(result, name).busy / result.wall:.0%}" for name in ("decode", "infer", "encode")
        )
        return (
            f"{printable(self.output)}: {count_of(result.frames_out, 'frame')} in {result.wall:.1f} s, "
            f"{self.frames_per_second:.1f} frames/s, latency p50 {result.latency.p50:.0f} ms, "
            f"p99 {result.latency.p99:.0f} ms\n"
            f"busy: {stages}; {self.engine.network} ({self.engine.precision}) "
            f"by {self.engine.backend} on {self.engine.device}"
            + (f"\nframes without the network: {', '.join(passed)}" if passed else "")
            + (f"\nframes that an interrupted run had finished: {self.kept}" if self.kept else "")
        )

    def raise_if_damaged(self) -> None:
        """Raises where the input was damaged, for those who must not miss it.

        Raises:
            DamagedInputError: If the input was damaged; the message has the counts and the first place.
        """
        if not self.damage:
            return
        text = f"{self.input} is damaged"
        counts = [
            count_of(count, f"corrupt {kind}")
            for count, kind in ((self.damage.packets, "packet"), (self.damage.frames, "frame"))
            if count
        ]
        places = self.damage.places
        # Some damage is no packet and no frame, such as an end that is missing.
        text += f": {', '.join(counts or [count_of(len(places), 'fault')])}"
        if places:
            text += f" (first: {places[0]})"
        raise DamagedInputError(f"{text}; everything that could be decoded is in {self.output}")


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Writes a report of any kind as JSON.

    Args:
        path: File to write; replaced if it is there.
        content: The report as plain values; NaN and infinity become null.

    Raises:
        OutputError: If the file can't be written.
    """
    try:
        write_json(path, content)
    except OSError as error:
        raise OutputError(f"can't write the report {path}: {error.strerror or error}") from error
