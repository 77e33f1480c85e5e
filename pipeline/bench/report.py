"""The report of a benchmark, as a plain table, JSON, and charts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from network.files import as_json, write_text
from pipeline.bench.charts import Bar, Curve, Curves, Panel, chart
from pipeline.bench.rates import WARM_UP
from pipeline.bench.table import columns, short
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.bench.live import LiveMeasured
    from pipeline.bench.measure import Measured
    from pipeline.bench.rates import Rate
    from pipeline.runner.protocols import EngineInfo

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""

STAGES = ("decode", "infer", "encode", "whole")


@dataclass(frozen=True, slots=True)
class Missing:
    """A case that could not be measured.

    Attributes:
        engine: Name of the engine.
        clip: Name of the clip.
        reason: Reason in one line.
    """

    engine: str
    clip: str
    reason: str


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All cases of one command.

    Attributes:
        source: Description of the clip that was deblurred.
        seconds: Time for each measurement, in seconds.
        machine: Facts about the machine, as :func:`pipeline.system.machine.describe` gives them.
        measured: Cases that were measured.
        missing: Cases that could not be measured.
        live: Cases that were measured as live streams.
        precisions: Milliseconds of a frame by precision, by network.
        notes: Lines for the user.
        scale: Scale of the size at which corrections were computed, one of :data:`network.planes.SCALES`.
    """

    source: str
    seconds: float
    machine: dict[str, Any]
    measured: tuple[Measured, ...] = ()
    missing: tuple[Missing, ...] = ()
    live: tuple[LiveMeasured, ...] = ()
    precisions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scale: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values; rates in frames a second, latencies in milliseconds."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "seconds": self.seconds,
            "scale": self.scale,
            "warm_up_share": WARM_UP,
            "machine": self.machine,
            "cases": [_case_as_dict(case) for case in self.measured],
            "live": [asdict(case) | {"dropped": case.dropped} for case in self.live],
            "precisions_ms": {network: dict(times) for network, times in self.precisions.items()},
            "missing": [asdict(missing) for missing in self.missing],
            "notes": list(self.notes),
        }

    def write_json(self, path: Path) -> None:
        """Writes the report.

        Raises:
            OutputError: If the file can't be written.
        """
        _write(path, as_json(self.as_dict()))

    def write_plot(self, path: Path) -> None:
        """Draws the rates of the stages and, where there are several sizes, against the size.

        Raises:
            OutputError: If the file can't be written.
        """
        _write(path, chart(self._panels()))

    def table(self) -> str:
        """A line for each case, and what the figures mean."""
        machine = self.machine
        where = f"{self.source}; {machine['processor']}, {machine['cores']} cores"
        half = "" if self.scale == 1 else "; corrections computed at half the size"
        lines = [f"{where}; {self.seconds:g} s each, the first {WARM_UP:.0%} left out{half}", ""]
        lines += _live_lines(self.live) if self.live else _stage_lines(self.measured, self.scale)
        lines += self.notes
        for engine, reason in dict.fromkeys((missing.engine, missing.reason) for missing in self.missing):
            clips = [each.clip for each in self.missing if (each.engine, each.reason) == (engine, reason)]
            lines.append(f"not measured: {engine} ({', '.join(clips)}): {reason}")
        load = machine["load_at_start"]
        if load is not None and load > machine["cores"] / 2:
            lines.append(f"note: the machine was busy before (load {load:.1f}); it can do better than this")
        return "\n".join(lines)

    def _panels(self) -> list[Panel | Curves]:
        panels: list[Panel | Curves] = [
            Panel(
                f"Frames a second, {_label(case)}",
                "{:.1f}",
                tuple(Bar(_STAGE_NAMES[stage], (getattr(case, stage).median,)) for stage in STAGES),
            )
            for case in self.measured
        ]
        if len({case.megapixels for case in self.measured}) > 1:
            for stage in ("whole", "infer"):
                points: dict[str, list[tuple[float, float]]] = {}
                for case in self.measured:
                    points.setdefault(_name(case), []).append((case.megapixels, getattr(case, stage).median))
                curves = tuple(Curve(name, tuple(sorted(found))) for name, found in points.items())
                title = f"Frames a second, {_STAGE_NAMES[stage]}"
                panels.append(Curves(title, "Megapixels a frame", curves, logarithmic=True))
        return panels


_STAGE_NAMES = {"decode": "decode", "infer": "engine alone", "encode": "encode", "whole": "whole pipeline"}

_GROUPS = (("", 2), (" alone, frames/s ", 4), (" together ", 2), (" latency, ms ", 3), ("", 1))
_HEADINGS = (
    "", "size", "decode", "engine", "network", "encode", "frames/s", "x real time", "median", "95 %", "99 %",
    "peak MiB",
)  # fmt: skip
_HALF_NETWORK = "network at half size"
"""Heading of the network's rate where it sees frames of half the width and height: no rate for whole frames."""

_LIVE_GROUPS = (("", 2), (" frames ", 3), (" frames/s ", 3), (" latency, ms ", 3), ("", 1))
_LIVE_HEADINGS = (
    "", "size", "captured", "shown", "dropped", "wanted", "captured", "shown", "median", "95 %", "99 %", "engine, ms",
)  # fmt: skip


def _stage_lines(measured: Sequence[Measured], scale: float) -> list[str]:
    """The table of stages, and what its figures mean."""
    headings = [_HALF_NETWORK if each == "network" and scale != 1 else each for each in _HEADINGS]
    return [
        *columns([headings, *map(_row, measured)], _GROUPS),
        "",
        "alone: medians; the engine finds motion and aligns, and runs the network, which is also shown alone",
        "together: all at once, as deblur video does it; latency: decoded to encoded, at full load",
        *dict.fromkeys(map(_engine_line, measured)),
        *_matrix_lines(measured),
        *(
            f"{_label(case)}: {case.duplicates} frames of the whole repeated the one before"
            for case in measured
            if case.duplicates
        ),
    ]


def _live_lines(live: Sequence[LiveMeasured]) -> list[str]:
    """The table of live streams, and what its figures mean."""
    ahead = "; each frame was held back for the next one" if any(case.look_ahead for case in live) else ""
    return [
        *columns([_LIVE_HEADINGS, *map(_live_row, live)], _LIVE_GROUPS),
        "",
        f"latency: capture to output, without camera and display{ahead}",
        "dropped: a newer frame came while the engine was busy",
        *dict.fromkeys(f"{case.engine}: {_facts(case.info)}" for case in live),
    ]


def _live_row(case: LiveMeasured) -> tuple[str, ...]:
    return (
        _name(case),
        f"{case.width}x{case.height}",
        str(case.captured),
        str(case.shown),
        f"{case.dropped / case.captured:.0%}",
        f"{case.rate:.3g}",
        short(case.captured_rate),
        short(case.captured_rate * case.shown / case.captured),
        *(f"{value:.0f}" for value in asdict(case.latency).values()),
        short(case.engine_ms),
    )


def _name(case: Measured | LiveMeasured) -> str:
    return f"{case.info.network} {case.engine} {case.info.precision}"


def _facts(info: EngineInfo) -> str:
    return f"{info.backend} on {info.device}"


def _engine_line(case: Measured) -> str:
    batch = f", {case.batch} frames at a time" if case.batch > 1 else ""
    return f"{case.engine}: {_facts(case.info)}{batch}"


def _matrix_lines(measured: Sequence[Measured]) -> list[str]:
    """A line for each way in which matrices were multiplied, with the rates that cases found."""
    rates: dict[str, list[float]] = {}
    for case in measured:
        rate = case.matrix_rate
        threads = f", threads: {rate.threads}" if rate.threads else ""
        how = f"{rate.precision}, {rate.size}x{rate.size}, {rate.library}{threads}, {rate.device}"
        rates.setdefault(how, []).append(rate.flops / 1e9)
    lines = [
        f"matrix product: {min(found):.0f}{f' to {max(found):.0f}' if len(found) > 1 else ''} GFLOP/s, {how}"
        for how, found in rates.items()
    ]
    lines += [
        f"{_label(case)}: {case.flops / 1e9:.3g} GFLOP a frame, at {case.share:.0%} of the matrix product's rate"
        for case in measured
        if case.flops  # the identity has none
    ]
    return lines


def _row(case: Measured) -> tuple[str, ...]:
    return (
        _name(case),
        f"{case.spec.width}x{case.spec.height}",
        short(case.decode.median),
        short(case.infer.median),
        "" if case.network is None else short(case.network.median),
        short(case.encode.median),
        short(case.whole.median),
        "" if case.real_time is None else f"{case.real_time:.2f}",
        *(f"{value:.0f}" for value in asdict(case.whole_latency).values()),
        "" if case.peak_bytes is None else f"{case.peak_bytes / 2**20:.0f}",
    )


def _case_as_dict(case: Measured) -> dict[str, Any]:
    rates: dict[str, Rate] = {stage: getattr(case, stage) for stage in STAGES}
    if case.network is not None:
        rates["network"] = case.network
    return {
        "engine": case.engine,
        "info": asdict(case.info),
        "video": asdict(case.spec) | {"codec": case.codec, "rate": case.video_rate},
        "encoder": case.encoder,
        "batch": case.batch,
        "ready_s": case.ready_s,
        "frames_per_second": {stage: rate.median for stage, rate in rates.items()},
        "rounds": {stage: asdict(rate) for stage, rate in rates.items()},
        "real_time": case.real_time,
        "megapixels_per_second": case.whole.median * case.megapixels,
        "latency_ms": {"whole": asdict(case.whole_latency), "engine_batch": asdict(case.infer_latency)},
        "duplicates": case.duplicates,
        "peak_memory_bytes": case.peak_bytes,
        "flops_per_frame": case.flops,
        "engine_flops_per_second": None if case.flops is None else case.flops * case.infer.median,
        "matrix_product": asdict(case.matrix_rate),
        "share_of_matrix_product": case.share,
    }


def _label(case: Measured) -> str:
    return f"{_name(case)}, {case.spec.width}x{case.spec.height}"


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
