"""Engines by name for `deblur bench`: those that run videos, and one that is there to be compared with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from network import catalogue
from pipeline.engines.select import ENGINES, ONNX, load_engine
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.runner.protocols import Engine

OPPONENT = "onnxruntime"
CONTENDERS = (*ENGINES, OPPONENT)
"""What may be measured."""


def load_contender(
    name: str, network: str | None, weights: Path | None, threads: int | None, precision: str = "auto"
) -> Engine:
    """Loads a network into an engine to be measured.

    Args:
        name: One of :data:`CONTENDERS`.
        network: As for :func:`pipeline.engines.select.load_engine`.
        weights: Likewise; ONNX Runtime reads ONNX alone.
        threads: Likewise.
        precision: Likewise; ONNX Runtime computes in FP32.

    Raises:
        UsageError: If the engine is not installed or unknown, or can't read the weights.
        EngineError: If it can't load the network.
    """
    if name != OPPONENT:
        return load_engine(name, network, weights, threads=threads, precision=precision)
    if find_spec(OPPONENT) is None:
        raise UsageError("ONNX Runtime is not installed: pip install onnxruntime")
    if precision not in {"auto", "fp32"}:
        raise UsageError(f"ONNX Runtime is measured in fp32 alone, not {precision}")
    path = weights or catalogue.onnx_file(network or catalogue.DEFAULT)
    if path is None or path.suffix.lower() != ONNX:
        raise UsageError("ONNX Runtime reads ONNX; give --weights an .onnx file that 'deblur export' wrote")
    from pipeline.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(path, threads)
