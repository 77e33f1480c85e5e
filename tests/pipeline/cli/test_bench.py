"""`deblur bench` from end to end: what it prints and writes, never how fast it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(120)
QUICK = ("--network", "identity", "--threads", "1", "--seconds", "0.2")


@pytest.mark.slow
def test_a_synthetic_clip_gives_table_json_and_plot(deblur: CommandLine, tmp_path: Path) -> None:
    figures, plot = tmp_path / "bench.json", tmp_path / "bench.svg"
    sizes = ("--size", "96x64", "--size", "128x80")
    ended = deblur.run("bench", *sizes, *QUICK, "--compare", "openvino", "--json", figures, "--plot", plot)
    assert ended.code == 0, ended.err
    lines = ended.out.decode().splitlines()
    assert [line.split()[2] for line in lines if line.startswith("openvino ")] == ["96x64", "128x80"]
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [case["video"]["width"] for case in found["cases"]] == [96, 128]
    assert found["machine"]["versions"]["av"]
    for case in found["cases"]:
        assert set(case["frames_per_second"]) == {"decode", "infer", "network", "encode", "whole"}
        assert all(rate > 0 for rate in case["frames_per_second"].values())
        assert case["real_time"] > 0
    assert ET.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "bench.svg"]


def test_a_file_is_measured_and_an_engine_that_is_not_there_is_named(deblur: CommandLine, clip: Path) -> None:
    ended = deblur.run("bench", clip, *QUICK, "--compare", "openvino,tensorrt", "--codec", "ffv1")
    assert ended.code == 0, ended.err
    text = ended.out.decode()
    assert "64x48" in text
    assert "not measured: tensorrt (clip.mp4): " in text or "\ntensorrt" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{clip}", "--size", "64x64"), "leave out --size"),
        (("nowhere.mp4",), "there is no file nowhere.mp4"),
        (("--size", "63x64"), "'63x64' is no size"),
        (("--size", "large"), "'large' is no size"),
        (("--compare", "openvino,vulkan"), "no engine 'vulkan'"),
        (("--json", "nowhere/bench.json"), "create it first"),
        (("--compare", "openvino", "--network", "idc", "--size", "64x64"), "comes without weights"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_code_2(
    deblur: CommandLine, clip: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = deblur.run("bench", *(argument.format(clip=clip) for argument in arguments))
    assert ended.code == 2
    assert message in ended.error


def test_a_broken_file_is_an_input_error(deblur: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    ended = deblur.run("bench", path, *QUICK)
    assert ended.code == 3
    assert "broken.mp4" in ended.error
