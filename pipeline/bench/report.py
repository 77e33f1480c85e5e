"""The report of a benchmark, as a plain table, JSON, and charts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from network.files import as_json, write_text
from pipeline.bench.charts import Bar, Curve, Curves, Panel, chart
from pipeline.bench.rates import WARM_UP
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.bench.measure import Measured
    from pipeline.bench.rates import Rate

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
    """

    source: str
    seconds: float
    machine: dict[str, Any]
    measured: tuple[Measured, ...]
    missing: tuple[Missing, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values; rates in frames a second, latencies in milliseconds."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "seconds": self.seconds,
            "warm_up_share": WARM_UP,
            "machine": self.machine,
            "cases": [_case_as_dict(case) for case in self.measured],
            "missing": [asdict(missing) for missing in self.missing],
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
        lines = [
            f"{where}; medians over {self.seconds:g} s, the first {WARM_UP:.0%} left out",
            "",
            *_columns([_HEADINGS, *map(_row, self.measured)]),
            "",
            "decode, engine, encode: each alone, frames/s. whole: all at once, as deblur video does it.",
            *_network_lines(self.measured),
            "latency: decoded to encoded at full load, in ms. share: of the rate of a matrix product.",
            *dict.fromkeys(map(_engine_line, self.measured)),
            *_matrix_lines(self.measured),
        ]
        lines += [
            f"{_label(case)}: {case.duplicates} frames of the whole repeated the one before"
            for case in self.measured
            if case.duplicates
        ]
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
                curves = tuple(
                    Curve(
                        engine,
                        tuple(
                            sorted(
                                (case.megapixels, getattr(case, stage).median)
                                for case in self.measured
                                if case.engine == engine
                            )
                        ),
                    )
                    for engine in dict.fromkeys(case.engine for case in self.measured)
                )
                title = f"Frames a second, {_STAGE_NAMES[stage]}"
                panels.append(Curves(title, "Megapixels a frame", curves, logarithmic=True))
        return panels


_STAGE_NAMES = {"decode": "decode", "infer": "engine alone", "encode": "encode", "whole": "whole pipeline"}

_HEADINGS = (
    "engine", "size", "decode", "engine", "network", "encode", "whole", "x real time", "MP/s", "p50", "p95", "p99",
    "GFLOP/frame", "GFLOP/s", "share", "peak MiB",
)  # fmt: skip


def _engine_line(case: Measured) -> str:
    info = case.info
    batch = f", {case.batch} frames at a time" if case.batch > 1 else ""
    return f"{case.engine}: {info.network}, {info.precision}, by {info.backend} on {info.device}{batch}"


def _network_lines(measured: Sequence[Measured]) -> list[str]:
    if all(case.network is None for case in measured):
        return []
    return ["network: the engine without what it does around the network, such as the search for motion."]


def _matrix_lines(measured: Sequence[Measured]) -> list[str]:
    """A line for each way in which matrices were multiplied, with the rates that cases found."""
    rates: dict[str, list[float]] = {}
    for case in measured:
        rate = case.matrix_rate
        threads = f", threads: {rate.threads}" if rate.threads else ""
        how = f"{rate.precision}, {rate.size}x{rate.size}, {rate.library}{threads}, {rate.device}"
        rates.setdefault(how, []).append(rate.flops / 1e9)
    return [
        f"matrix product: {min(found):.0f}{f' to {max(found):.0f}' if len(found) > 1 else ''} GFLOP/s, {how}"
        for how, found in rates.items()
    ]


def _row(case: Measured) -> tuple[str, ...]:
    flops = case.flops
    return (
        f"{case.engine} {case.info.precision}",
        f"{case.spec.width}x{case.spec.height}",
        _short(case.decode.median),
        _short(case.infer.median),
        "" if case.network is None else _short(case.network.median),
        _short(case.encode.median),
        _short(case.whole.median),
        "" if case.real_time is None else f"{case.real_time:.2f}",
        _short(case.whole.median * case.megapixels),
        *(f"{value:.0f}" for value in asdict(case.whole_latency).values()),
        "" if flops is None else f"{flops / 1e9:.2f}",
        "" if flops is None else f"{flops * case.infer.median / 1e9:.0f}",
        "" if case.share is None else f"{case.share:.0%}",
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
    return f"{case.engine} {case.info.precision}, {case.spec.width}x{case.spec.height}"


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, the first aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
