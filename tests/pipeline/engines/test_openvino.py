"""What is particular to the OpenVINO engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from network import catalogue
from network.planes import PlaneBatch, PlaneSpec
from pipeline.engines.openvino import KEPT, OpenVinoEngine, OpenVinoOptions
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

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
