"""What every engine that looks at neighbours promises, asked of each of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from network.export import export_network
from network.models.idc_video import IDCVideo
from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.windows import MISSING, Window
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine, OpenVinoOptions
from pipeline.runner.half_engine import at_half_size
from pipeline.runner.trial import Trial
from tests.support.engines import WindowEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine

    Make = Callable[[float], Engine]

NETWORKS = ["openvino", "half", "device"]
needs_onnxruntime = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="ONNX Runtime is not installed")
BACKENDS = ["mixing", *NETWORKS, pytest.param("onnxruntime", marks=needs_onnxruntime)]
"""``mixing`` is the engine of the tests of the pipeline, ``half`` the one of OpenVINO at half the size,
``device`` OpenVINO on a device that is compared first."""

FRAMES = 5

SPECS = [
    PlaneSpec(96, 64),
    PlaneSpec(75, 51, Layout.NV12, depth=10),
    PlaneSpec(64, 64, Layout.YUV444P, 8, Matrix.RGB, full_range=True),
    PlaneSpec(70, 66, Layout.GRAY, depth=16),
    PlaneSpec(30, 18),  # too small to look for motion
]


def small_network() -> IDCVideo:
    """A network over time that changes the picture by some codes, by motion and neighbours too."""
    network = IDCVideo((8, 8, 8), depth=1, motion=4).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "over-time.onnx"
    export_network(small_network(), path, name="over-time", digest="")
    return path


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, onnx_file: Path) -> Make:
    """Makes an engine of one kind, with a strength."""

    def openvino(strength: float) -> Engine:
        return OpenVinoEngine(onnx_file, OpenVinoOptions(threads=1, strength=strength))

    makers: dict[str, Make] = {
        "mixing": lambda _strength: WindowEngine(),
        "onnxruntime": lambda strength: load_engine("onnxruntime", weights=onnx_file, strength=strength, threads=1),
        "openvino": openvino,
        "half": lambda strength: at_half_size(openvino(strength)),
        "device": lambda strength: load_engine("openvino", weights=onnx_file, strength=strength, device="AUTO"),
    }
    return makers[request.param]


@pytest.fixture
def engine(make: Make) -> Engine:
    return make(1.0)


@pytest.fixture(params=SPECS, ids=lambda spec: f"{spec.layout}-{spec.depth}-{spec.width}x{spec.height}")
def spec(request: pytest.FixtureRequest) -> PlaneSpec:
    found: PlaneSpec = request.param
    return found


def video(engine: Engine, spec: PlaneSpec) -> PlaneBatch:
    """Frames of a picture that moves, each of them a little different besides."""
    trial = Trial(engine, spec, FRAMES - engine.info.window.frames + 1)
    trial.fill()
    batch, random = trial.blurred, np.random.default_rng(1)
    for plane in batch.planes:
        quiet = plane >> spec.code_shift >> 2
        noise = random.integers(0, 1 << (spec.depth - 3), plane.shape, spec.dtype)
        plane[...] = (quiet + noise + (1 << (spec.depth - 2))) << spec.code_shift
    assert batch.size == FRAMES
    return batch


def run(engine: Engine, batch: PlaneBatch, windows: Any, room: int | None = None) -> list[list[np.ndarray[Any, Any]]]:
    """The planes of each frame that is made."""
    windows = np.asarray(windows, np.intp)
    out = engine.buffers(batch.spec, room or len(windows))
    engine.run(batch, out, windows)
    return [[plane[row].copy() for plane in out.planes] for row in range(len(windows))]


def assert_equal(first: list[list[np.ndarray[Any, Any]]], second: list[list[np.ndarray[Any, Any]]]) -> None:
    for one, other in zip(first, second, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def differ(first: list[np.ndarray[Any, Any]], second: list[np.ndarray[Any, Any]]) -> bool:
    return not np.array_equal(first[0], second[0])


def test_without_windows_every_frame_stands_for_itself(engine: Engine, spec: PlaneSpec) -> None:
    batch = video(engine, spec)
    out = engine.buffers(spec, FRAMES)
    engine.run(batch, out)
    alone = [[plane[row] for plane in out.planes] for row in range(FRAMES)]
    assert_equal(alone, run(engine, batch, engine.info.window.alone(FRAMES)))


def test_each_neighbour_and_its_absence_are_seen(engine: Engine) -> None:
    assert engine.info.window == Window(1, 1)
    batch = video(engine, PlaneSpec(192, 128))  # half of which is large enough to look for motion
    windows = [[1, 2, 3], [MISSING, 2, 3], [1, 2, MISSING], [MISSING, 2, MISSING], [0, 2, 3], [1, 2, 4], [3, 2, 1]]
    results = run(engine, batch, windows)
    for number, one in enumerate(results):
        assert all(differ(one, other) for other in results[:number]), windows[number]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_frame_does_not_depend_on_its_place_nor_on_what_else_is_there(
    engine: Engine, spec: PlaneSpec, rows: int
) -> None:
    batch = video(engine, spec)
    windows = engine.info.window.consecutive(FRAMES)
    expected = [run(engine, batch, windows[row : row + 1])[0] for row in range(FRAMES)]
    assert_equal(run(engine, batch, windows), expected)
    order = np.array([3, 0, 4, 2, 1])
    moved = engine.buffers(spec, FRAMES + 2)
    for plane, source in zip(moved.planes, batch.planes, strict=True):
        plane[...] = source[0]
        plane[order] = source
    chosen = [4, 1, 2][:rows]
    places: Windows = np.where(windows[chosen] == MISSING, MISSING, order[windows[chosen]])
    assert_equal(run(engine, moved, places), [expected[row] for row in chosen])


@pytest.mark.parametrize("room", [1, 2, 4])
def test_the_output_may_have_room_for_more(engine: Engine, room: int) -> None:
    batch = video(engine, PlaneSpec(96, 64))
    assert_equal(run(engine, batch, [[0, 1, 2]], room), run(engine, batch, [[0, 1, 2]]))


def test_the_input_stays_and_the_frames_that_are_made_are_overwritten(engine: Engine, spec: PlaneSpec) -> None:
    batch = video(engine, spec)
    before = [plane.copy() for plane in batch.planes]
    windows = np.array([[0, 1, 2], [2, 3, 4]])
    results = []
    for rubbish in (0, 255):
        out = engine.buffers(spec, 2)
        for plane in out.planes:
            plane.fill(rubbish)
        engine.run(batch, out, windows)
        results.append([[plane[row] for plane in out.planes] for row in range(2)])
    assert_equal(*results)
    for plane, original in zip(batch.planes, before, strict=True):
        np.testing.assert_array_equal(plane, original)


def test_what_came_before_changes_nothing(engine: Engine) -> None:
    kinds = [video(engine, spec) for spec in SPECS]
    first = [run(engine, batch, [[0, 1, 2]]) for batch in kinds]
    engine.reset()
    for batch, expected in zip(reversed(kinds), reversed(first), strict=True):
        run(engine, batch, [[3, 2, MISSING]])
        assert_equal(run(engine, batch, [[0, 1, 2]]), expected)


@pytest.mark.parametrize("make", NETWORKS, indirect=True)
def test_with_strength_0_every_code_comes_back(make: Make, spec: PlaneSpec) -> None:
    engine = make(0.0)
    batch = video(engine, spec)
    results = run(engine, batch, engine.info.window.consecutive(FRAMES))
    assert_equal(results, [[plane[row] for plane in batch.planes] for row in range(FRAMES)])
