"""What every engine promises, asked of each of them."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network import catalogue
from network.export import export_network
from network.models.identity import Identity
from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine, OpenVinoOptions
from pipeline.engines.registry import engine_names
from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.errors import EngineError, UsageError
from trt.compiled import TorchCompiled
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.runner.protocols import Engine
    from trt.build_or_load import Request
    from trt.compiled import Compiled

DIGEST = "0123456789abcdef" * 4


class Residual(nn.Module):
    """A small network with residuals of tens of codes, which differ from place to place."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.first = nn.Parameter(torch.randn(6, 3, 3, 3, generator=generator) * 0.3)
        self.second = nn.Parameter(torch.randn(3, 6, 3, 3, generator=generator) * 0.1)

    def forward(self, image: Tensor) -> Tensor:
        return image + F.conv2d(F.relu(F.conv2d(image, self.first, padding=1)), self.second, padding=1)


@pytest.fixture(scope="module")
def residual_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "residual.onnx"
    export_network(Residual(), path, name="residual", digest=DIGEST)
    return path


needs_onnxruntime = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="ONNX Runtime is not installed")
BACKENDS = [
    "openvino",
    "torch",
    "streams",
    pytest.param("onnxruntime", marks=needs_onnxruntime),
    pytest.param("tensorrt", marks=pytest.mark.gpu),
]
"""``streams`` is the TensorRT engine with PyTorch in place of TensorRT, on the processor."""


class PyTorchCompiler:
    """Compiles for the TensorRT engine, with PyTorch."""

    name = f"PyTorch {torch.__version__}"

    def __call__(self, request: Request, device: torch.device) -> Compiled:
        return TorchCompiled(request.signature, request.network, request.settings, device)


def _on_streams(network: nn.Module, name: str, digest: str = "", strength: float = 1.0) -> Engine:
    options = TensorRTOptions(devices=("cpu",), settings=EngineSettings(Precision.FP32, strength))
    return TensorRTEngine(network, name=name, compiler=PyTorchCompiler(), digest=digest, options=options)


def _in_tensorrt(network: nn.Module, name: str, digest: str = "", strength: float = 1.0) -> Engine:
    from trt.compiler import TensorRTCompiler

    options = TensorRTOptions(devices=("cuda:0",), settings=EngineSettings(Precision.FP32, strength, 0))
    return TensorRTEngine(network, name=name, compiler=TensorRTCompiler(), digest=digest, options=options)


class Engines:
    """Makes an engine of one kind for the networks of this suite."""

    def __init__(self, backend: str, residual_onnx: Path) -> None:
        self._backend = backend
        self._residual_onnx = residual_onnx

    def identity(self) -> Engine:
        if self._backend == "torch":
            return TorchEngine(Identity(), name="identity", options=TorchOptions(device="cpu"))
        if self._backend in {"streams", "tensorrt"}:
            return (_on_streams if self._backend == "streams" else _in_tensorrt)(Identity(), "identity")
        path = catalogue.onnx_file("identity")
        assert path is not None
        return self._of_file(path, 1.0)

    def residual(self, strength: float = 1.0) -> Engine:
        if self._backend == "torch":
            options = TorchOptions(device="cpu", strength=strength)
            return TorchEngine(Residual(), name="residual", digest=DIGEST, options=options)
        if self._backend in {"streams", "tensorrt"}:
            make = _on_streams if self._backend == "streams" else _in_tensorrt
            return make(Residual(), "residual", DIGEST, strength)
        return self._of_file(self._residual_onnx, strength)

    def _of_file(self, path: Path, strength: float) -> Engine:
        if self._backend == "onnxruntime":
            return load_engine("onnxruntime", weights=path, strength=strength)
        return OpenVinoEngine(path, OpenVinoOptions(strength=strength))


@pytest.fixture(params=BACKENDS)
def engines(request: pytest.FixtureRequest, residual_onnx: Path) -> Engines:
    return Engines(request.param, residual_onnx)


def fill(batch: PlaneBatch, seed: int = 0) -> None:
    """Random codes, those outside the nominal range included."""
    generator = np.random.default_rng(seed)
    for plane in batch.planes:
        plane[...] = generator.integers(0, 1 << batch.spec.depth, plane.shape) << batch.spec.code_shift


def run(engine: Engine, batch: PlaneBatch) -> PlaneBatch:
    out = engine.buffers(batch.spec, batch.size)
    engine.run(batch, out)
    return out


def filled(engine: Engine, spec: PlaneSpec, batch: int = 1, seed: int = 0) -> PlaneBatch:
    result = engine.buffers(spec, batch)
    fill(result, seed)
    return result


def assert_equal(first: PlaneBatch, second: PlaneBatch) -> None:
    for one, other in zip(first.planes, second.planes, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=str(first.spec))


def off_by(first: PlaneBatch, second: PlaneBatch) -> tuple[int, float]:
    """Greatest and mean difference in codes."""
    shift = first.spec.code_shift
    errors: list[Any] = [
        np.abs((one >> shift).astype(int) - (other >> shift).astype(int)).ravel()
        for one, other in zip(first.planes, second.planes, strict=True)
    ]
    every = np.concatenate(errors)
    return int(every.max()), float(every.mean())


# Every matrix and range at an odd size, which is the harder one; an even one shows what does not depend on those.
EXACT = [
    PlaneSpec(37, 21, layout, depth, matrix, full_range)
    for layout, depth, matrix, full_range in itertools.product(
        Layout, (8, 10), (Matrix.BT601, Matrix.BT709, Matrix.BT2020), (False, True)
    )
]
EXACT += [
    PlaneSpec(37, 21, Layout.YUV444P, depth, Matrix.RGB, full_range)
    for depth, full_range in itertools.product((8, 10), (False, True))
]
EXACT += [PlaneSpec(48, 32, layout, depth) for layout, depth in itertools.product(Layout, (8, 10))]
EXACT += [PlaneSpec(1, 1, layout, depth) for layout, depth in itertools.product(Layout, (8, 10))]
EXACT += [PlaneSpec(21, 13, layout, depth) for layout, depth in itertools.product(Layout, (9, 12, 14, 16))]


@pytest.mark.parametrize("layout", list(Layout))
def test_identity_gives_back_every_code(engines: Engines, layout: Layout) -> None:
    engine = engines.identity()
    for spec in EXACT:
        if spec.layout is layout:
            batch = filled(engine, spec)
            assert_equal(run(engine, batch), batch)


@pytest.mark.parametrize(
    "spec",
    [PlaneSpec(37, 21), PlaneSpec(37, 21, Layout.NV12, depth=10), PlaneSpec(5, 3, Layout.GRAY, depth=12)],
    ids=lambda spec: f"{spec.layout}-{spec.depth}",
)
def test_buffers_are_what_the_spec_says(engines: Engines, spec: PlaneSpec) -> None:
    batch = engines.identity().buffers(spec, 3)
    assert batch.spec == spec
    assert batch.size == 3
    assert [plane.shape for plane in batch.planes] == [(3, *shape) for shape in spec.plane_shapes]
    assert {plane.dtype for plane in batch.planes} == {spec.dtype}
    assert all(plane.flags.c_contiguous and plane.flags.writeable for plane in batch.planes)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_real_network_changes_the_picture_as_pytorch_does(engines: Engines, layout: Layout) -> None:
    engine = engines.residual()
    reference = TorchEngine(Residual(), name="residual", options=TorchOptions(device="cpu"))
    for depth in (8, 10):
        for size in ((48, 32), (37, 21)):
            spec = PlaneSpec(*size, layout, depth)
            batch = filled(engine, spec)
            result = run(engine, batch)
            greatest, mean = off_by(result, run(reference, batch))
            assert greatest <= 1
            assert mean < 0.01
            assert off_by(result, batch)[1] > 2, "nothing was changed"


def test_the_input_stays_and_the_whole_output_is_overwritten(engines: Engines) -> None:
    engine = engines.residual()
    batch = filled(engine, PlaneSpec(37, 21))
    original = [plane.copy() for plane in batch.planes]
    results = []
    for rubbish in (0, 255):
        out = engine.buffers(batch.spec, 1)
        for plane in out.planes:
            plane.fill(rubbish)
        engine.run(batch, out)
        results.append(out)
    assert_equal(*results)
    for plane, before in zip(batch.planes, original, strict=True):
        np.testing.assert_array_equal(plane, before)


def test_a_buffer_serves_any_number_of_frames(engines: Engines) -> None:
    engine = engines.residual()
    spec = PlaneSpec(37, 21)
    batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
    for seed in (1, 2, 1):
        fill(batch, seed)
        engine.run(batch, out)
        assert_equal(out, run(engine, filled(engine, spec, seed=seed)))
    fill(batch, 1)
    first = run(engine, batch)
    fill(batch, 2)
    assert off_by(first, run(engine, batch))[0] > 10


def test_frames_of_a_batch_do_not_mix(engines: Engines) -> None:
    engine = engines.residual()
    spec = PlaneSpec(37, 21)
    together = filled(engine, spec, batch=3)
    result = run(engine, together)
    for index in range(3):
        alone = engine.buffers(spec, 1)
        for plane, all_planes in zip(alone.planes, together.planes, strict=True):
            plane[0] = all_planes[index]
        expected = run(engine, alone)
        part = PlaneBatch(spec, tuple(plane[index : index + 1] for plane in result.planes))
        assert off_by(part, expected)[0] <= 1
        assert off_by(part, expected)[1] < 0.01


def test_the_kind_of_frames_may_change_at_any_time(engines: Engines) -> None:
    engine = engines.residual()
    kinds = [
        PlaneSpec(48, 32),
        PlaneSpec(37, 21),
        PlaneSpec(37, 21, Layout.NV12, depth=10),
        PlaneSpec(37, 21, matrix=Matrix.BT601),
        PlaneSpec(37, 21, full_range=True),
        PlaneSpec(16, 16, Layout.GRAY),
    ]
    batches = [filled(engine, spec) for spec in kinds]
    first = [run(engine, batch) for batch in batches]
    for batch, before in zip(reversed(batches), reversed(first), strict=True):
        assert_equal(run(engine, batch), before)


def test_matrix_and_range_matter(engines: Engines) -> None:
    engine = engines.residual()
    reference = filled(engine, PlaneSpec(37, 21))
    expected = run(engine, reference)
    for spec in (PlaneSpec(37, 21, matrix=Matrix.BT2020), PlaneSpec(37, 21, full_range=True)):
        other = PlaneBatch(spec, reference.planes)
        result = PlaneBatch(reference.spec, run(engine, other).planes)
        assert off_by(result, expected)[0] > 1


def test_reset_changes_nothing_of_a_frame(engines: Engines) -> None:
    engine = engines.residual()
    engine.reset()
    batch = filled(engine, PlaneSpec(37, 21))
    before = run(engine, batch)
    engine.reset()
    assert_equal(run(engine, batch), before)


def test_strength_scales_what_is_changed(engines: Engines) -> None:
    spec = PlaneSpec(37, 21)
    results = {}
    for strength in (0.0, 0.5, 1.0, 1.5):
        try:
            engine = engines.residual(strength)
        except UsageError as error:
            pytest.skip(str(error))
        batch = engine.buffers(spec, 1)
        for plane in batch.planes:
            plane.fill(128)
        results[strength] = run(engine, batch).planes[0].astype(int) - 128
    assert not results[0.0].any()
    assert np.abs(results[1.0]).mean() > 4
    assert np.abs(2 * results[0.5] - results[1.0]).max() <= 1
    assert np.abs(results[1.5] - results[1.0] - results[0.5]).max() <= 1


def test_info_says_what_the_engine_is(engines: Engines) -> None:
    info = engines.residual().info
    assert info.backend.startswith(("OpenVINO 20", "PyTorch 2", "TensorRT", "ONNX Runtime 1"))
    assert info.kind in engine_names()
    assert info.device
    assert (info.precision, info.network, info.digest) == ("fp32", "residual", DIGEST)
    assert (engines.identity().info.network, engines.identity().info.digest) == ("identity", "")


def test_buffers_that_do_not_match_are_refused(engines: Engines) -> None:
    engine = engines.identity()
    batch = filled(engine, PlaneSpec(48, 32))
    for spec, size in ((PlaneSpec(48, 34), 1), (PlaneSpec(48, 32), 2), (PlaneSpec(48, 32, full_range=True), 1)):
        with pytest.raises(EngineError, match="differ"):
            engine.run(batch, engine.buffers(spec, size))
    with pytest.raises(EngineError, match="at least one frame"):
        engine.buffers(PlaneSpec(48, 32), 0)


def test_frames_too_large_for_any_memory_are_refused_with_a_typed_error(engines: Engines) -> None:
    with pytest.raises(EngineError, match="1048576x1048576"):
        engines.identity().buffers(PlaneSpec(1 << 20, 1 << 20, depth=16), 1 << 10)


def _shipped_pairs() -> list[str]:
    return [name for name in catalogue.NAMES if catalogue.weights_file(name) is not None]


@pytest.mark.parametrize("name", _shipped_pairs() or [catalogue.DEFAULT])
@pytest.mark.parametrize("size", [(96, 64), (75, 51)], ids=str)
def test_the_shipped_network_is_the_same_in_openvino_and_pytorch(name: str, size: tuple[int, int]) -> None:
    onnx_file, weights_file = catalogue.onnx_file(name), catalogue.weights_file(name)
    if weights_file is None:
        pytest.skip(f"{name} has no shipped weights yet")
    assert onnx_file is not None, f"{weights_file} is shipped without ONNX; run `deblur export --shipped`"
    exported = OpenVinoEngine(onnx_file)
    original = TorchEngine.from_weights(weights_file, TorchOptions(device="cpu"))
    assert (exported.info.network, exported.info.digest) == (name, original.info.digest)
    for spec in (PlaneSpec(*size), PlaneSpec(*size, Layout.YUV444P, 8, Matrix.RGB, full_range=True)):
        batch = filled(exported, spec)
        result = run(exported, batch)
        assert off_by(result, run(original, batch))[0] <= 1
        assert off_by(result, batch)[0] > 1, "nothing was changed"
