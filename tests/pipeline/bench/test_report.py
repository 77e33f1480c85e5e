"""Tables, JSON and charts of measurements."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from network.planes import PlaneSpec
from pipeline.bench.live import LiveMeasured
from pipeline.bench.measure import Measured
from pipeline.bench.rates import Rate
from pipeline.bench.report import BenchReport, Missing
from pipeline.errors import OutputError
from pipeline.runner.protocols import EngineInfo
from pipeline.runner.timing import Latency

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
INFO = EngineInfo("OpenVINO", "a processor", "fp32", "idc-video", "")
MACHINE = {"processor": "a processor", "cores": 2, "load_at_start": 0.1}


@dataclass(frozen=True)
class Product:
    flops: float
    library: str = "a library"
    precision: str = "fp32"
    size: int = 1024
    threads: int | None = 2
    device: str = "a processor"


def measured(
    engine: str, width: int, height: int, rate: float, *, flops: int | None = 10**9, network: float | None = None
) -> Measured:
    return Measured(
        engine=engine,
        info=replace(INFO, backend=f"{engine} 1"),
        spec=PlaneSpec(width, height),
        batch=1,
        codec="h264",
        encoder="libx264",
        video_rate=30.0,
        ready_s=0.5,
        decode=Rate((500.0, 400.0, 600.0), 100),
        infer=Rate((rate,), 10),
        network=None if network is None else Rate((network,), 10),
        encode=Rate((90.0, 110.0), 100),
        whole=Rate((rate * 0.9,), 10),
        infer_latency=Latency(80.0, 90.0, 95.0),
        whole_latency=Latency(180.0, 190.0, float("nan")),
        duplicates=0,
        peak_bytes=300 * 2**20,
        flops=flops,
        matrix_rate=Product(1e11),
    )


def report(load: float | None = 0.1, *cases: Measured) -> BenchReport:
    machine = MACHINE | {"load_at_start": load}
    two = (measured("openvino", 1280, 720, 20.0), measured("torch", 1280, 720, 10.0), measured("torch", 640, 360, 40.0))
    missing = (Missing("rocm", "1280x720", "not there"), Missing("rocm", "640x360", "not there"))
    return BenchReport("a clip", 5.0, machine, cases or two, missing)


def test_the_table_has_a_line_for_each_case() -> None:
    lines = report().table().splitlines()
    groups, headings, *rows = lines[2:7]
    assert groups.split("  ")[-1].strip("- ") == "latency, ms"
    assert headings.split()[0] == "size"
    assert rows[0].split() == [
        "idc-video", "openvino", "fp32", "1280x720", "500.0", "20.0", "100.0", "18.0", "0.60", "180", "190", "nan",
        "300",
    ]  # fmt: skip
    assert [row.split()[1] for row in rows] == ["openvino", "torch", "torch"]
    assert len({len(line) for line in (headings, *rows)}) == 1
    assert "matrix product: 100 to 100 GFLOP/s, fp32, 1024x1024, a library, threads: 2, a processor" in lines
    assert "idc-video openvino fp32, 1280x720: 1 GFLOP a frame, at 20% of the matrix product's rate" in lines
    assert lines.count("torch: torch 1 on a processor") == 1
    assert lines[-1] == "not measured: rocm (1280x720, 640x360): not there"


def test_live_streams_have_a_table_and_figures_of_their_own(tmp_path: Path) -> None:
    latency = Latency(40.0, 70.0, 90.0)
    live = LiveMeasured(
        "openvino", INFO, 640, 360, 30.0, 29.7, 1, captured=200, shown=150, latency=latency, engine_ms=35
    )
    bench = BenchReport("a clip", 5.0, MACHINE, live=(live,), notes=("a note",))
    lines = bench.table().splitlines()
    assert lines[4].split() == [
        "idc-video", "openvino", "fp32", "640x360", "200", "150", "25%", "30", "29.7", "22.3", "40", "70", "90", "35.0",
    ]  # fmt: skip
    assert any("held back for the next one" in line for line in lines)
    assert lines[-1] == "a note"
    bench.write_json(tmp_path / "bench.json")
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert (found["live"][0]["dropped"], found["live"][0]["latency"]) == (50, {"p50": 40.0, "p95": 70.0, "p99": 90.0})
    assert (found["cases"], found["notes"]) == ([], ["a note"])


def test_the_network_alone_has_a_figure_where_an_engine_tells(tmp_path: Path) -> None:
    bench = report(0.0, measured("openvino", 64, 64, 20.0, network=25.0), measured("torch", 64, 64, 10.0))
    headings, first, second = bench.table().splitlines()[3:6]
    end = headings.index("network") + len("network")
    assert first[:end].split()[-2:] == ["20.0", "25.0"]
    assert second[:end].split()[-1] == "10.0"
    bench.write_json(tmp_path / "bench.json")
    told, untold = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["cases"]
    assert told["frames_per_second"]["network"] == 25.0
    assert "network" not in untold["frames_per_second"]


def test_the_network_at_half_the_size_is_called_so(tmp_path: Path) -> None:
    cases = measured("openvino", 64, 64, 20.0, network=25.0), measured("torch", 64, 64, 10.0)
    whole, half = (replace(report(0.0, *cases), scale=scale) for scale in (1.0, 0.5))
    assert "half" not in whole.table()
    first, *_, headings, row, _ = half.table().splitlines()[:6]
    assert "corrections computed at half the size" in first
    end = headings.index("network at half size") + len("network at half size")
    assert row[:end].split()[-2:] == ["20.0", "25.0"]
    half.write_json(tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["scale"] == 0.5


def test_a_busy_machine_is_named() -> None:
    assert "busy" in report(1.5).table().splitlines()[-1]
    assert "busy" not in report(None).table()


def test_what_is_not_known_is_left_empty_and_null(tmp_path: Path) -> None:
    bench = report(0.0, measured("openvino", 64, 64, 5.0, flops=None))
    assert "GFLOP a frame" not in bench.table()
    bench.write_json(tmp_path / "bench.json")
    case = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["cases"][0]
    assert case["share_of_matrix_product"] is None
    assert case["latency_ms"]["whole"]["p99"] is None


def test_the_json_holds_figures_machine_and_failures(tmp_path: Path) -> None:
    report().write_json(tmp_path / "bench.json")
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert found["machine"]["processor"] == "a processor"
    assert found["missing"][0] == {"engine": "rocm", "clip": "1280x720", "reason": "not there"}
    case = found["cases"][0]
    assert case["frames_per_second"] == {"decode": 500.0, "infer": 20.0, "encode": 100.0, "whole": 18.0}
    assert case["rounds"]["decode"] == {"rounds": [500.0, 400.0, 600.0], "frames": 100}
    assert case["share_of_matrix_product"] == pytest.approx(0.2)
    assert case["matrix_product"]["threads"] == 2
    assert case["megapixels_per_second"] == pytest.approx(18 * 0.9216)


def test_the_plot_shows_stages_and_sizes(tmp_path: Path) -> None:
    report().write_plot(tmp_path / "bench.svg")
    root = ET.parse(tmp_path / "bench.svg").getroot()  # noqa: S314 - our own file
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts.count("whole pipeline") == 3
    assert "Frames a second, idc-video torch fp32, 640x360" in texts
    assert len(list(root.iter(f"{SVG}polyline"))) == 4  # two engines, alone and whole
    report(0.0, measured("openvino", 64, 64, 5.0)).write_plot(tmp_path / "one.svg")
    assert "polyline" not in (tmp_path / "one.svg").read_text(encoding="utf-8")


def test_a_file_that_can_not_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        report().write_json(tmp_path / "nowhere" / "bench.json")
