"""Signals after OpenVINO: a process that used it can still be interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.timeout(120)
def test_a_process_can_be_interrupted_after_its_engines_are_gone() -> None:
    ended = subprocess.run(  # noqa: S603 - the interpreter and a text of this file
        [sys.executable, "-c", TWO_ENGINES_THEN_INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "interrupted"), ended.stderr
