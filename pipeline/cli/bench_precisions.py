"""The part of ``deblur bench`` that finds the fastest precision of a shipped network, and keeps it for ``auto``."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from network import catalogue
from network.planes import PlaneSpec
from pipeline.bench.isolate import isolated
from pipeline.bench.precisions import PrecisionCase, time_precisions
from pipeline.engines.load import load_engine
from pipeline.engines.openvino_core import computes_in, openvino_version
from pipeline.engines.openvino_network import read_digest
from pipeline.engines.verdicts import BY_EXACTNESS, Verdict, keep_verdict

if TYPE_CHECKING:
    from pathlib import Path

SPEC = PlaneSpec(640, 360)
"""Frames with which precisions are compared, whatever the clip is: smaller ones tell little, larger ones take long."""


def compare_precisions(network: str, seconds: float) -> tuple[dict[str, float], str] | None:
    """Measures the precisions of a network, and keeps the verdict.

    Args:
        network: Name of the network.
        seconds: Time for all runs together.

    Returns:
        The milliseconds of a frame by precision, and a line for the user. None for a network without an INT8 form:
        nobody has looked whether it bears anything but FP32.

    Raises:
        EngineError: If the network fails.
    """
    original = catalogue.onnx_file(network)
    if original is None or catalogue.int8_file(network) is None:
        return None
    click.echo(f"comparing the precisions of {network}", err=True)
    loads = {
        name: partial(load_engine, "openvino", network, precision=name) for name in BY_EXACTNESS if computes_in(name)
    }
    times = isolated(time_precisions, PrecisionCase(loads, SPEC, seconds))
    return times, keep_times(network, original, times)


def keep_times(network: str, original: Path, times: dict[str, float]) -> str:
    """Keeps what was measured; returns a line for the user. That it can't be kept is no error.

    Args:
        network: Name of the network.
        original: File of the network in FP32.
        times: The milliseconds of a frame by precision.
    """
    today = datetime.now(UTC).date().isoformat()
    verdict = Verdict(openvino_version(), read_digest(original), times, today)
    line = f"{network}: auto is {verdict.precision}, by {verdict} a frame of {SPEC.width}x{SPEC.height}"
    try:
        path = keep_verdict(network, verdict)
    except OSError as error:
        return f"{line}; that could not be kept: {error.strerror or error}"
    return f"{line}; kept in {path}" if path else f"{line}; not kept"
