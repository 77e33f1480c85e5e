"""Signals after OpenVINO: a process that used it can still be interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engines import openvino_core

ROOT = Path(__file__).resolve().parents[3]

TWO_ENGINES_THEN_INTERRUPTED = """
import gc, signal
from network import catalogue
from network.planes import PlaneSpec
from pipeline.engines.openvino import OpenVinoEngine
signal.signal(signal.SIGINT, signal.default_int_handler)
engines = [OpenVinoEngine(catalogue.onnx_file("identity")) for _ in range(2)]
for engine in engines:
    engine.buffers(PlaneSpec(32, 32), 1)
del engine
while engines:
    engines.pop(0)
    gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""

LIBRARY_THEN_INTERRUPTED = """
import gc, signal
import openvino as ov
from network import catalogue
from pipeline.engines.openvino_core import openvino_core, with_cores_of_its_own
path = str(catalogue.onnx_file("identity"))
def use_cores():
    compiled = [ov.Core().compile_model(path, "CPU") for _ in range(2)]
    while compiled:
        del compiled[0]
        gc.collect()
signal.signal(signal.SIGINT, signal.default_int_handler)
openvino_core().compile_model(path, "CPU")
with_cores_of_its_own(use_cores)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def run(program: str) -> tuple[int, list[str], str]:
    """Exit code, lines, errors."""
    ended = subprocess.run(  # noqa: S603 - the interpreter and a text of this file
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout.split(), ended.stderr


@pytest.mark.timeout(120)
def test_a_process_can_be_interrupted_after_its_engines_are_gone() -> None:
    code, lines, errors = run(TWO_ENGINES_THEN_INTERRUPTED)
    assert (code, lines) == (0, ["interrupted"]), errors


@pytest.mark.timeout(120)
def test_a_process_can_be_interrupted_after_a_library_had_cores_of_its_own() -> None:
    code, lines, errors = run(LIBRARY_THEN_INTERRUPTED)
    assert (code, lines) == (0, ["interrupted"]), errors


def test_bf16_that_is_only_imitated_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_core, "cpu_features", lambda: {"BF16": False})
    assert not openvino_core.computes_in("bf16")
    assert openvino_core.computes_in("fp32")
