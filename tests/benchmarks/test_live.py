"""The figures of live runs: taken from real ones, however short."""

from __future__ import annotations

import pytest
from live import run, table


@pytest.mark.timeout(120)
def test_a_short_run_has_all_figures() -> None:
    result = run("identity", None, 0, 1.0, 1)
    assert result["look_ahead"] == 0
    frames = result["frames"]
    assert frames["processed"] + frames["dropped"] == frames["captured"] > 1
    shown = result["outputs"]["null"]
    assert shown["latency_ms"]["p50"] <= shown["latency_ms"]["p99"]
    lines = table({"runs": [result]}).splitlines()
    assert lines[2].startswith("| identity | ")
    assert lines[0].count("|") == lines[2].count("|")
