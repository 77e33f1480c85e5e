"""What is particular to the OpenVINO engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from network import catalogue
from network.planes import PlaneBatch, PlaneSpec
from network.window.stage import WindowStage
from network.window.windows import MISSING, Window
from pipeline.engines.openvino import BATCH, KEPT, OpenVinoEngine, OpenVinoOptions
from pipeline.engines.openvino_core import computes_in
from pipeline.errors import EngineError
from tests.support.windows import moving_frames

# Runs a frame in a fresh interpreter and prints every name resolved, connection made and thing written or imported.
WATCHED_RUN = """
import json, sys
seen = []
EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "http.client.connect",
          "urllib.Request", "subprocess.Popen", "os.mkdir")
sys.addaudithook(lambda event, arguments: seen.append(event) if event in EVENTS else None)
from pipeline.engines.load import load_engine
from network.planes import PlaneSpec
engine = load_engine("auto", "identity")
batch, out = engine.buffers(PlaneSpec(32, 16), 1), engine.buffers(PlaneSpec(32, 16), 1)
engine.run(batch, out)
import time; time.sleep(1)  # reports would go out from threads of their own
loaded = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]
print(json.dumps({"seen": seen, "loaded": loaded, "torch": "torch" in sys.modules}))
"""


def test_it_runs_without_torch_or_telemetry_or_any_connection(tmp_path: Path) -> None:
    # Telemetry is off in what looks like CI and where a user opted out; neither is to be the reason here.
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    home = {"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", WATCHED_RUN],
        env=environment | home,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"seen": [], "loaded": [], "torch": False}
    assert list(tmp_path.iterdir()) == [], "something was written to the home folder"


def identity(**options: Any) -> OpenVinoEngine:
    path = catalogue.onnx_file("identity")
    assert path is not None
    return OpenVinoEngine(path, OpenVinoOptions(**options))


def test_more_kinds_of_frames_than_are_kept_still_run() -> None:
    engine = identity()
    for width in (*range(8, 8 + KEPT + 2), 8):
        spec = PlaneSpec(width, 6)
        batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
        for plane in batch.planes:
            plane[...] = np.random.default_rng(width).integers(0, 256, plane.shape)
        engine.run(batch, out)
        for before, after in zip(batch.planes, out.planes, strict=True):
            np.testing.assert_array_equal(before, after)


def test_planes_that_are_not_contiguous_are_refused() -> None:
    engine = identity()
    spec = PlaneSpec(8, 6)
    good = engine.buffers(spec, 1)
    luma = np.zeros((1, 6, 16), np.uint8)[:, :, ::2]
    with pytest.raises(EngineError, match="contiguous"):
        engine.run(PlaneBatch(spec, (luma, *good.planes[1:])), good)


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(EngineError, match=r"no device 'ABACUS'; there is: .*CPU"):
        identity(device="ABACUS")


def test_one_thread_is_enough() -> None:
    engine = identity(threads=1)
    batch = engine.buffers(PlaneSpec(16, 16), 1)
    for plane in batch.planes:
        plane.fill(77)
    out = engine.buffers(PlaneSpec(16, 16), 1)
    engine.run(batch, out)
    assert (out.planes[0] == 77).all()


def write_network(path: Path, shape: list[int | str], kind: int = TensorProto.FLOAT) -> None:
    """A network that returns its input, as a file of someone else's."""
    value = [helper.make_tensor_value_info(name, kind, shape) for name in ("picture", "result")]
    graph = helper.make_graph([helper.make_node("Identity", ["picture"], ["result"])], "other", value[:1], value[1:])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (["n", 1, "h", "w"], TensorProto.FLOAT),
        (["n", 3, 480, 640], TensorProto.FLOAT),
        (["n", 3], TensorProto.FLOAT),
        (["n", 3, "h", "w"], TensorProto.FLOAT16),
    ],
    ids=str,
)
def test_a_file_that_holds_another_kind_of_network_is_refused(
    tmp_path: Path, shape: list[int | str], kind: int
) -> None:
    path = tmp_path / "other.onnx"
    write_network(path, shape, kind)
    with pytest.raises(EngineError, match=r"other\.onnx does not map RGB"):
        OpenVinoEngine(path)


def test_a_network_from_elsewhere_goes_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    write_network(path, ["n", 3, "h", "w"])
    info = OpenVinoEngine(path).info
    assert info.network == "other"
    assert len(info.digest) == 64


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"absent\.onnx is not there"):
        OpenVinoEngine(tmp_path / "absent.onnx")


def test_an_onnx_file_that_the_version_before_exported_still_runs() -> None:
    path = Path(__file__).parents[2] / "assets" / "rgb-network-0.1.onnx"
    engine = OpenVinoEngine(path)
    assert (engine.info.network, engine.info.window) == ("idc-rt", Window())
    spec = PlaneSpec(64, 48)
    batch, out = engine.buffers(spec, 2), engine.buffers(spec, 2)
    for plane in batch.planes:
        plane[...] = np.random.default_rng(0).integers(60, 190, plane.shape)
    engine.run(batch, out)
    change = np.abs(out.planes[0].astype(int) - batch.planes[0])
    assert 0.5 < change.mean() < 40


def write_over_time(path: Path, window: str, planes: str, channels: tuple[int, ...]) -> None:
    """A network over time as a user might write it: it corrects by a tenth of the next frame's luma and chroma."""
    sizes = zip(("luma", "chroma", "motion"), channels, strict=False)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count, None, None]) for name, count in sizes]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count, None, None])
        for name, count in (("luma_correction", 1), ("chroma_correction", 2))
    ]
    numbers = {"from_luma": [2], "to_luma": [3], "from_chroma": [4], "to_chroma": [6], "axis": [1]}
    constants = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()]
    constants.append(numpy_helper.from_array(np.float32(0.1), "tenth"))
    nodes = []
    for name in ("luma", "chroma"):
        nodes.append(helper.make_node("Slice", [name, f"from_{name}", f"to_{name}", "axis"], [f"next_{name}"]))
        nodes.append(helper.make_node("Mul", [f"next_{name}", "tenth"], [f"{name}_correction"]))
    graph = helper.make_graph(nodes, "over time", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {catalogue.WINDOW_KEY: window, catalogue.PLANES_KEY: planes})
    onnx.save_model(model, path)


def test_a_users_network_over_time_says_its_window_and_planes(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    write_over_time(path, "1,1", "yuv420", (3, 6, 6))
    engine = OpenVinoEngine(path)
    assert engine.info.window == Window(1, 1)
    spec = PlaneSpec(64, 48)
    batch, out = engine.buffers(spec, 3), engine.buffers(spec, 1)
    for index, code in enumerate((16, 16 + 50, 16 + 100)):
        batch.planes[0][index], batch.planes[1][index], batch.planes[2][index] = code, 128, 128 + index
    engine.run(batch, out, np.array([[0, 1, 2]]))
    assert (out.planes[0] == 16 + 50 + 10).all()
    engine.run(batch, out, np.array([[0, 1, MISSING]]))
    assert (out.planes[0] == 16 + 50 + 5).all(), "the present frame stands in"


@pytest.mark.parametrize(
    ("window", "planes", "channels", "message"),
    [
        ("2,2", "yuv420", (3, 6, 6), "a window of '2,2'"),
        ("1,1", "rgb", (3, 6, 6), "wants planes 'rgb'"),
        ("one", "yuv420", (3, 6, 6), "a window of 'one'"),
        ("1,1", "yuv420", (3, 6), "motion with 6 channels"),
        ("0,0", "yuv420", (3, 6, 6), "over 1 frames"),
    ],
)
def test_what_a_network_over_time_can_not_be_is_said(
    tmp_path: Path, window: str, planes: str, channels: tuple[int, ...], message: str
) -> None:
    path = tmp_path / "mine.onnx"
    write_over_time(path, window, planes, channels)
    with pytest.raises(EngineError, match=message):
        OpenVinoEngine(path)


@pytest.mark.parametrize("windows", [[[0, 1, 3]], [[-1, -1, 0]], [[0, 1]], [[0, 1, 2]] * 4, [[-2, 1, 2]]], ids=str)
def test_windows_that_do_not_fit_are_refused(tmp_path: Path, windows: list[list[int]]) -> None:
    path = tmp_path / "mine.onnx"
    write_over_time(path, "1,1", "yuv420", (3, 6, 6))
    engine = OpenVinoEngine(path)
    batch, out = engine.buffers(PlaneSpec(64, 48), 3), engine.buffers(PlaneSpec(64, 48), 3)
    with pytest.raises(EngineError, match="windows"):
        engine.run(batch, out, np.array(windows))


def test_frames_come_out_alike_whether_they_are_made_at_once_or_one_by_one() -> None:
    path = catalogue.onnx_file(catalogue.DEFAULT)
    assert path is not None
    engine, spec, count = OpenVinoEngine(path), PlaneSpec(96, 80), BATCH + 1
    frames = moving_frames(spec, count)
    windows = engine.info.window.consecutive(count)
    at_once, alone = engine.buffers(spec, count), engine.buffers(spec, 1)
    engine.run(frames, at_once, windows)
    for place in range(count):
        engine.run(frames, alone, windows[place : place + 1])
        for one, other, blurred in zip(at_once.planes, alone.planes, frames.planes, strict=True):
            assert (one[place] != blurred[place]).any()
            np.testing.assert_allclose(one[place].astype(int), other[0].astype(int), atol=1)


def test_an_error_in_a_window_is_raised_when_no_other_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    path = catalogue.onnx_file(catalogue.DEFAULT)
    assert path is not None
    engine, spec = OpenVinoEngine(path), PlaneSpec(96, 80)
    frames, out = moving_frames(spec, BATCH), engine.buffers(spec, BATCH)
    fill, at_work = WindowStage.fill, []

    def fail_once(stage: WindowStage, batch: PlaneBatch, window: Any, averages: Any) -> None:
        at_work.append(window)
        if len(at_work) == 1:
            raise EngineError("a window failed")
        time.sleep(0.2)
        fill(stage, batch, window, averages)
        at_work.pop()

    monkeypatch.setattr(WindowStage, "fill", fail_once)
    with pytest.raises(EngineError, match="a window failed"):
        engine.run(frames, out, engine.info.window.consecutive(BATCH))
    assert len(at_work) == 1, "another window was still being made"


@pytest.mark.skipif(not computes_in("fp16"), reason="the processor does not multiply FP16")
def test_white_of_16_bits_does_not_overflow_fp16() -> None:
    path = catalogue.onnx_file(catalogue.DEFAULT)
    assert path is not None
    spec = PlaneSpec(96, 80, depth=16)
    results = []
    for floating in ("fp32", "fp16"):
        engine = OpenVinoEngine(path, OpenVinoOptions(floating=floating))
        batch, out = engine.buffers(spec, 3), engine.buffers(spec, 1)
        for plane in batch.planes:
            plane[...] = 65535 * np.random.default_rng(0).integers(0, 2, plane.shape)
        engine.run(batch, out, np.array([[0, 1, 2]]))
        results.append(out.planes[0].astype(int))
    assert np.abs(results[0] - results[1]).max() <= 257
