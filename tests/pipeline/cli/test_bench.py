"""`deblur bench` from end to end: what it prints and writes, never how fast it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from network import catalogue
from pipeline.cli.bench import bench
from pipeline.cli.bench_precisions import compare_precisions, keep_times
from pipeline.engines.verdicts import FILE_VARIABLE

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
    assert [line.split()[3] for line in lines if line.startswith("identity openvino fp32  ")] == ["96x64", "128x80"]
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [case["video"]["width"] for case in found["cases"]] == [96, 128]
    assert found["machine"]["versions"]["av"]
    for case in found["cases"]:
        assert set(case["frames_per_second"]) == {"decode", "infer", "network", "encode", "whole"}
        assert all(rate > 0 for rate in case["frames_per_second"].values())
        assert case["real_time"] > 0
    assert ET.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "bench.svg"]


def test_a_file_is_measured_and_an_engine_that_is_not_there_is_named(
    deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    figures = ("--json", tmp_path / "bench.json")
    engines = ("--compare", "openvino,tensorrt", "--scale", "0.5")
    ended = deblur.run("bench", clip, *QUICK, *engines, "--codec", "ffv1", *figures)
    assert ended.code == 0, ended.err
    text = ended.out.decode()
    assert "64x48" in text
    assert "network at half size" in text
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert found["scale"] == 0.5
    assert found["cases"][0]["frames_per_second"]["network"] > 0
    assert "not measured: identity tensorrt (clip.mp4): " in text or "\nidentity tensorrt" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{clip}", "--size", "64x64"), "leave out --size"),
        (("nowhere.mp4",), "there is no file nowhere.mp4"),
        (("--size", "63x64"), "'63x64' is no size"),
        (("--size", "large"), "'large' is no size"),
        (("--compare", "openvino,vulkan"), "no engine 'vulkan'"),
        (("--json", "nowhere/bench.json"), "create it first"),
        (("--network", "idc-video,unet"), "no network 'unet'"),
        (("--rate", "25"), "give --live"),
        (("--live", "--codec", "ffv1"), "leave out --codec"),
        (("--weights", "mine.onnx", "--network", "identity,idc"), "leave out --network"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_code_2(
    deblur: CommandLine, clip: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = deblur.run("bench", *(argument.format(clip=clip) for argument in arguments))
    assert ended.code == 2
    assert message in ended.error


def test_a_device_is_measured_in_place_of_the_processor(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    ended = deblur.run("bench", clip, *QUICK, "--compare", "auto,torch", "--device", "AUTO", "--json", figures)
    assert ended.code == 0, ended.err
    (case,) = json.loads(figures.read_text())["cases"]
    assert (case["info"]["kind"], case["info"]["device"], case["info"]["precision"]) == ("openvino", "AUTO", "fp32")
    assert "the torch engine finds its device by itself" in ended.out.decode()


def test_a_broken_file_is_an_input_error(deblur: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    ended = deblur.run("bench", path, *QUICK)
    assert ended.code == 3
    assert "broken.mp4" in ended.error


def test_a_live_stream_gives_latency_and_drops(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    figures = tmp_path / "live.json"
    ended = deblur.run("bench", clip, *QUICK[:-1], "1", "--live", "--rate", "20", "--json", figures)
    assert ended.code == 0, ended.err
    assert "dropped" in ended.out.decode()
    (found,) = json.loads(figures.read_text(encoding="utf-8"))["live"]
    assert (found["rate"], found["width"], found["height"]) == (20.0, 64, 48)
    assert found["captured"] == found["shown"] + found["dropped"]
    assert set(found["latency"]) == {"p50", "p95", "p99"}


@pytest.mark.slow
def test_what_is_fastest_is_kept_and_doctor_tells_it(
    deblur: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, figures = tmp_path / "verdicts.json", tmp_path / "bench.json"
    monkeypatch.setitem(deblur.environment, "DEBLUR_VERDICTS", str(kept))
    ended = deblur.run("bench", "--size", "64x64", "--seconds", "0.2", "--json", figures)
    assert ended.code == 0, ended.err
    found = json.loads(figures.read_text(encoding="utf-8"))
    (entry,) = json.loads(kept.read_text(encoding="utf-8")).values()
    assert entry["milliseconds"] == found["precisions_ms"]["idc-video"]
    assert f"idc-video: auto is {found['cases'][0]['info']['precision']}, by " in ended.out.decode()
    (line,) = (line for line in deblur.run("doctor").out.decode().splitlines() if "measured on" in line)
    assert f"auto is {found['cases'][0]['info']['precision']}" in line
    assert str(kept) in line


def test_a_verdict_that_can_not_be_kept_is_told_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, times = catalogue.onnx_file("idc-video"), {"fp32": 12.5, "int8": 12.5}
    assert original is not None
    (tmp_path / "file").touch()
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "file" / "verdicts.json"))
    line = keep_times("idc-video", original, times)
    assert "auto is fp32, by fp32 12.5 ms" in line
    assert "could not be kept" in line
    monkeypatch.setenv(FILE_VARIABLE, "")
    assert keep_times("idc-video", original, times).endswith("not kept")
    assert compare_precisions("identity", 1.0) is None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_network_without_weights_is_timed_with_random_ones(clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    figures = tmp_path / "bench.json"
    arguments = [str(clip), "--network", "idc-video-small", *QUICK[2:], "--json", str(figures)]
    ended = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert "idc-video-small: timed with random weights" in ended.output
    (small,) = json.loads(figures.read_text(encoding="utf-8"))["cases"]
    assert small["info"]["network"] == "idc-video-small"
    assert small["flops_per_frame"] == pytest.approx(2 * 12_225 * 64 * 48, rel=0.02)
