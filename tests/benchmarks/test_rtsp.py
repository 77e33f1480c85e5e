"""A camera's RTSP server that goes away and comes back: a real one, GStreamer's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SYSTEM_PYTHON = Path("/usr/bin/python3")
BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "rtsp.py"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_that_goes_and_comes_back_leaves_a_gap_and_a_recording_that_goes_on() -> None:
    if not SYSTEM_PYTHON.exists() or subprocess.run([SYSTEM_PYTHON, "-c", BINDINGS], capture_output=True).returncode:  # noqa: S603
        pytest.skip(f"{SYSTEM_PYTHON} has no bindings for GStreamer's RTSP server (gir1.2-gst-rtsp-server-1.0)")
    found = subprocess.run([sys.executable, SCRIPT, "--seconds", "4", "--away", "2"], capture_output=True, text=True)  # noqa: S603
    assert found.returncode == 0, found.stdout + found.stderr
