"""What `--verbose` shows: log lines of the level DEBUG about what was opened, chosen and measured."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo
    from pipeline.runner.protocols import EngineInfo
    from pipeline.runner.timing import RunResult

_log = logging.getLogger("deblur.details")


def log_input(info: SourceInfo) -> None:
    """Logs what an input is."""
    stream, spec, copied = info.stream, info.spec, len(info.copied)
    rate = f"{float(info.average_rate):.5g} frames a second" if info.average_rate else "no frame rate stated"
    length = "length unknown" if info.duration is None else f"{info.duration:.2f} s"
    _log.debug(
        f"input {info.name}: {info.format_name}, {stream.codec_context.name} {spec.width}x{spec.height} "
        f"{info.pixel_format}, {rate}, {length}, other streams: {copied}, "
        f"decoded on the {'device' if info.is_on_device else 'processor'}"
    )


def log_output(name: str, plan: EncoderPlan) -> None:
    """Logs how an output is encoded."""
    options = " ".join(f"{key}={value}" for key, value in plan.options.items()) or "its own settings"
    _log.debug(f"output {name}: {plan.encoder} {plan.width}x{plan.height} {plan.pixel_format}, {options}")


def log_engine(info: EngineInfo, seconds: float) -> None:
    """Logs which engine computes, and how many seconds it took to load."""
    window = info.window
    _log.debug(
        f"engine {info.kind or 'of your own'}: {info.backend}, {info.network} in {info.precision} on {info.device}; "
        f"frames at a time: {info.batch}, neighbours: {window.before} before and {window.after} after; "
        f"ready after {seconds:.2f} s"
    )


def log_run(what: str, result: RunResult) -> None:
    """Logs where the time of a run went."""
    stages = ", ".join(
        f"{name} {time.busy:.2f} s at work and {time.waiting:.2f} s waiting"
        for name, time in (("decode", result.decode), ("infer", result.infer), ("encode", result.encode))
    )
    _log.debug(
        f"{what}: {result.frames_out} frames in {result.wall:.2f} s ({result.duplicates} repeated, {result.sharp} "
        f"sharp); {stages}; a frame's way through takes {result.latency.p50:.0f} ms (median)"
    )
