"""The report of a live run, as JSON and in a few lines for the user."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from network.counting import count_of
from network.names import printable
from pipeline.report import write_report
from pipeline.system import machine
from pipeline.system.machine import versions

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.errors import DeblurError
    from pipeline.live.counters import FlowCount
    from pipeline.live.input.feed import Event, Gap
    from pipeline.runner.protocols import EngineInfo

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


@dataclass(frozen=True, slots=True)
class SizeChange:
    """A change of the size to which frames are shrunk.

    Attributes:
        at: Time of the change, in seconds since the start.
        size: Width and height from then on, in pixels.
    """

    at: float
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LiveReport:
    """The report of a live run. All :class:`FlowCount` are over the whole run.

    Attributes:
        source: Name of the source; empty where there was none.
        seconds: Wall time from the first frame to the end.
        engine: Facts about the engine.
        look_ahead: Number of frames, 0 or 1, by which each was held back for the network to see the next one. All
            latencies of results hold that time too.
        size: Width and height of the last result; None without frames.
        source_size: Width and height of the last frame as it came.
        captured: Counts of the frames from the source.
        processed: Counts of processed frames, and of frames that were dropped before the engine.
        service: Time that the engine took, as a latency.
        outputs: Counts of the frames that each output showed and dropped, with its latency, by the output's name.
        corrupt: Number of packets that could not be decoded.
        skipped: Number of packets that were not decoded, because decoding was late.
        events: Events of the source, in order.
        gaps: Times without frames.
        sizes: Changes of the size that were made to hold the frame rate.
        notes: Lines that were shown to the user.
        error: Error that ended the run or an output of it; None if nothing did.
    """

    source: str
    seconds: float
    engine: EngineInfo
    look_ahead: int
    size: tuple[int, int] | None
    source_size: tuple[int, int] | None
    captured: FlowCount
    processed: FlowCount
    service: FlowCount
    outputs: dict[str, FlowCount]
    corrupt: int
    skipped: int
    events: tuple[Event, ...]
    gaps: tuple[Gap, ...]
    sizes: tuple[SizeChange, ...]
    notes: tuple[str, ...]
    error: DeblurError | None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values. Times are in seconds, latencies in milliseconds; what is unknown is None."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "seconds": self.seconds,
            "size": self.size,
            "source_size": self.source_size,
            "frames": {
                "captured": self.captured.passed,
                "processed": self.processed.passed,
                "dropped": self.processed.dropped,
            },
            "look_ahead": self.look_ahead,
            "packets": {"corrupt": self.corrupt, "skipped": self.skipped},
            "frames_per_second": {
                "captured": self._rate(self.captured),
                "processed": self._rate(self.processed),
            },
            "latency_ms": {
                "to_capture": _latency(self.captured),
                "to_result": _latency(self.processed),
                "engine": _latency(self.service),
            },
            "outputs": {
                name: {
                    "shown": count.passed,
                    "dropped": count.dropped,
                    "frames_per_second": self._rate(count),
                    "latency_ms": _latency(count),
                }
                for name, count in self.outputs.items()
            },
            "events": [asdict(event) for event in self.events],
            "gaps": [asdict(gap) for gap in self.gaps],
            "sizes": [asdict(change) for change in self.sizes],
            "engine": asdict(self.engine),
            "peak_memory_bytes": machine.peak_memory(),
            "versions": versions(),
            "notes": list(self.notes),
            "error": None if self.error is None else str(self.error),
        }

    def write(self, path: Path) -> None:
        """Writes the report as JSON.

        Raises:
            OutputError: If the file can't be written.
        """
        write_report(path, self.as_dict())

    def summary(self) -> str:
        """A few lines for people, with what to change where frames were dropped."""
        deblurred, dropped = self.processed.passed, self.processed.dropped
        ahead = f", look-ahead {self.look_ahead}" if self.engine.window.after else ""
        lines = [
            f"{printable(self.source) or 'live'}: {count_of(self.captured.passed, 'frame')} in {self.seconds:.1f} s",
            f"{deblurred} processed, {dropped} dropped; {self.engine.network} by {self.engine.backend}{ahead}",
        ]
        for name, count in self.outputs.items():
            latency = count.latency
            if count.passed:
                lines.append(
                    f"{printable(name)}: {self._rate(count):.1f} frames/s, "
                    f"from capture to there p50 {latency.p50:.0f} ms, p95 {latency.p95:.0f} ms, "
                    f"p99 {latency.p99:.0f} ms"
                )
        if self.gaps:
            longest = max(gap.seconds for gap in self.gaps)
            lines.append(f"times at which the source was away: {len(self.gaps)}, the longest {longest:.1f} s")
        if self.captured.passed and self.processed.dropped > 0.02 * self.captured.passed:
            lines.append(f"to drop fewer frames: {advice(self.engine.network)}")
        return "\n".join(lines)

    def _rate(self, count: FlowCount) -> float:
        return count.passed / self.seconds if self.seconds > 0 else 0.0


def advice(network: str) -> str:
    """What to change where the engine is too slow for the source."""
    lighter = ", the network idc-video" if network == "idc" else ""
    return f"`auto_size`, a smaller `size`, a lower `fps`{lighter}, or a faster processor or GPU"


def _latency(count: FlowCount) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in asdict(count.latency).items()}
