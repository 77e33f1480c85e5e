"""TensorRT on a real device: right, kept, fast, and at peace with short memory. Run with ``pytest -m gpu``."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import torch

from network import catalogue, weights
from network.models import registry
from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.alignment import align
from network.window.planar import align_on_device
from network.window.stage import WindowStage
from network.window.windows import Window
from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.media.frames import read_planes, spec_of
from tests.support.networks import rgb_network
from tests.support.windows import SPECS, moving_frames
from trt import parity
from trt.build_or_load import Request
from trt.cache import EngineCache
from trt.chunks import plane_chunks
from trt.compiler import TensorRTCompiler
from trt.errors import BuildError
from trt.execution import Execution, Lane
from trt.samples import Sample, samples_for
from trt.settings import EngineSettings
from trt.signature import Signature, window_of
from trt.staging import StagedBatch
from trt.streams import AcceleratorStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from trt.compiled import Compiled
    from trt.streams import Stream

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]

CLIP = Path(__file__).resolve().parents[2] / "examples" / "clip.mp4"
HD = PlaneSpec(1280, 720)
CUDA = "cuda:0"
WINDOW = Window(1, 1)
WINDOWS = WINDOW.consecutive(8)


def shipped() -> nn.Module:
    path = catalogue.weights_file(catalogue.DEFAULT)
    assert path is not None
    return weights.load(path)[0]


def paper() -> nn.Module:
    """The paper's network with random weights that keep its features in the range of trained ones."""
    torch.manual_seed(0)
    return registry.create("idc").eval()


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> TensorRTCompiler:
    return TensorRTCompiler(EngineCache(tmp_path_factory.mktemp("engines") / "cache"))


def real_frames(count: int = 8) -> PlaneBatch:
    with av.open(str(CLIP)) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(count), strict=False)]
    spec, name = spec_of(frames[0])
    assert name == frames[0].format.name
    batch = PlaneBatch.empty(spec, count)
    for index, frame in enumerate(frames):
        read_planes(frame, batch, index)
    return batch


def real_samples(network: nn.Module, batch: PlaneBatch) -> list[Sample]:
    """Frames of the clip, or windows of them, as inputs of a network."""
    window = window_of(network)
    if window is None:
        planes = [tuple(torch.from_numpy(plane[index : index + 1]) for plane in batch.planes) for index in range(3)]
        return [Sample(f"frame {index}", frame) for index, frame in enumerate(planes)]
    stage, samples = WindowStage(batch.spec, window), []
    for index in range(3):
        stage.fill(batch, window.consecutive(batch.size, index, 1))
        inputs = tuple(torch.from_numpy(each.astype(np.float32)) for each in stage.inputs)
        samples.append(Sample(f"frame {index}", inputs))
    return samples


@pytest.mark.parametrize("name", ["idc-video", "idc"])
def test_parity_with_pytorch_on_real_frames_and_extremes(
    name: str, compiler: TensorRTCompiler, record_property: Callable[[str, object], None]
) -> None:
    network = shipped() if name == "idc-video" else paper()
    frames = real_frames()
    for shown in (frames.spec, HD, PlaneSpec(1280, 720, depth=10, full_range=True)):
        request = Request(network, name, shown, 2)
        made = compiler(request, torch.device(CUDA))
        samples = [*(real_samples(network, frames) if shown == frames.spec else []), *samples_for(request.signature)]
        found = parity.compare(made, network, request.settings, CUDA, samples)
        print(f"{name} {shown.width}x{shown.height} {shown.depth} bits: {found}")
        record_property(f"parity {name} {shown.width}x{shown.height} {shown.depth}", str(found))
        assert found.problem == ""
        assert found.not_finite == ()


@pytest.mark.parametrize(
    "spec",
    [PlaneSpec(322, 182, layout, 10) for layout in Layout] + [PlaneSpec(322, 182, Layout.YUV444P, 8, Matrix.RGB)],
    ids=lambda spec: f"{spec.layout}-{spec.matrix}",
)
def test_every_layout_is_right(spec: PlaneSpec, compiler: TensorRTCompiler) -> None:
    network = shipped()
    made = compiler(Request(network, "idc-video", spec, 1, EngineSettings(optimization_level=0)), torch.device(CUDA))
    assert parity.compare(made, network, EngineSettings(), CUDA).problem == ""


def test_an_engine_is_built_once_and_taken_from_the_cache(tmp_path: Path, told: list[str]) -> None:
    cache, network = EngineCache(tmp_path / "cache"), shipped()
    request = Request(network, "idc-video", PlaneSpec(640, 360), 2)
    inputs = tuple(torch.cat((each, each)).to(CUDA) for each in samples_for(request.signature)[0].inputs)
    first = TensorRTCompiler(cache)(request, torch.device(CUDA))(inputs)
    assert any("building a TensorRT engine" in line for line in told)
    assert any("compared with PyTorch" in line for line in told)
    told.clear()
    begin = time.perf_counter()
    second = TensorRTCompiler(EngineCache(tmp_path / "cache"))(request, torch.device(CUDA))(inputs)
    print(f"from the cache in {time.perf_counter() - begin:.2f} s")
    assert told == []
    for one, other in zip(first, second, strict=True):
        assert float((one - other).abs().max()) <= 1


def filled(engine: TensorRTEngine | TorchEngine, spec: PlaneSpec, batch: int) -> tuple[PlaneBatch, PlaneBatch]:
    """Frames that move, and memory for as many results."""
    frames, out = engine.buffers(spec, batch), engine.buffers(spec, batch)
    for target, plane in zip(frames.planes, moving_frames(spec, batch).planes, strict=True):
        target[...] = plane
    return frames, out


@pytest.mark.parametrize("spec", [HD, PlaneSpec(1920, 1080)], ids=["720p", "1080p"])
def test_throughput(
    spec: PlaneSpec, compiler: TensorRTCompiler, record_property: Callable[[str, object], None]
) -> None:
    """States frames a second, TensorRT beside PyTorch in FP16; asserts that both compute the same."""
    ours = TensorRTEngine(shipped(), name="idc-video", compiler=compiler, options=TensorRTOptions(devices=(CUDA,)))
    eager = TorchEngine(shipped(), name="idc-video", options=TorchOptions(device=CUDA, half=True))
    results = []
    for engine in (ours, eager):
        frames, out = filled(engine, spec, 8)
        for _ in range(3):
            engine.run(frames, out, WINDOWS)
        begin = time.perf_counter()
        for _ in range(25):
            engine.run(frames, out, WINDOWS)
        rate = 200 / (time.perf_counter() - begin)
        line = f"{engine.info.backend} {engine.info.device} {spec.width}x{spec.height}: {rate:.0f} frames/s"
        print(line)
        record_property(f"throughput {engine.info.backend} {spec.height}", rate)
        results.append(out)
    for one, other in zip(results[0].planes, results[1].planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 2


class Timed(AcceleratorStream):
    """A stream that notes when each work begins and ends on the device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.spans: list[tuple[torch.Event, torch.Event]] = []

    def run(self, work: Callable[[], None]) -> None:
        begin, end = (torch.Event(device=self._stream.device, enable_timing=True) for _ in range(2))
        begin.record(self._stream)
        super().run(work)
        end.record(self._stream)
        self.spans.append((begin, end))


def test_copies_run_beside_computation(compiler: TensorRTCompiler) -> None:
    device = torch.device(CUDA)
    made: list[Timed] = []

    def stream(_device: torch.device) -> Stream:
        made.append(Timed(device))
        return made[-1]

    network = rgb_network()
    compiled = compiler(Request(network, "small", HD, 2), device)
    planes = tuple(torch.from_numpy(plane).pin_memory() for plane in moving_frames(HD, 32).planes)
    out = tuple(torch.empty_like(plane).pin_memory() for plane in planes)
    with Execution([Lane(compiled, device, stream)]) as execution:
        execution.run(plane_chunks(planes, out, 2))
        for one in made:
            one.spans.clear()
        execution.run(plane_chunks(planes, out, 2))
        torch.accelerator.synchronize(device)
        upload, compute, download = (one.spans for one in made)
        ups = sum(upload[n + 1][0].elapsed_time(compute[n][1]) > 0 for n in range(15))
        downs = sum(download[n][0].elapsed_time(compute[n + 1][1]) > 0 for n in range(15))
    print(f"{ups} of 15 uploads and {downs} of 15 downloads began before the computation beside them ended")
    assert ups >= 10
    assert downs >= 10


def test_streams_keep_frames_apart() -> None:
    """A network that marks each frame by its content, many chunks, and slots used over and over."""

    class Adding:
        spec = PlaneSpec(480, 270)
        inputs = Signature(spec, 2).inputs

        def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            torch.cuda._sleep(200_000)  # type: ignore[no-untyped-call]
            return tuple((plane.to(torch.int32) + 1).to(torch.uint8) for plane in planes)

    spec = Adding.spec
    with Execution([Lane(Adding(), torch.device(CUDA))]) as execution:
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            planes = tuple(
                torch.randint(0, 255, (31, *shape), generator=generator, dtype=torch.uint8).pin_memory()
                for shape in spec.plane_shapes
            )
            out = tuple(torch.zeros_like(plane).pin_memory() for plane in planes)
            execution.run(plane_chunks(planes, out, 2))
            for one, other in zip(planes, out, strict=True):
                assert torch.equal(one + 1, other)


def test_short_memory_is_met_step_by_step(told: list[str]) -> None:
    """PyTorch runs the network on the device, with a limit that PyTorch's allocator keeps: the errors are its own."""

    class Refusing:
        name = "TensorRT"

        def __call__(self, request: Request, device: torch.device) -> Compiled:  # noqa: ARG002
            raise BuildError("switched off for this test")

    spec = PlaneSpec(3840, 2160)
    engine = TensorRTEngine(shipped(), name="idc-video", compiler=Refusing(), options=TensorRTOptions(devices=(CUDA,)))
    reference = TorchEngine(shipped(), name="idc-video", options=TorchOptions(device=CUDA))
    frames, expected = filled(reference, spec, 4)
    for index in range(4):  # one at a time, before memory gets short
        result = PlaneBatch(spec, tuple(plane[index : index + 1] for plane in expected.planes))
        reference.run(frames, result, WINDOW.consecutive(4, index, 1))
    del reference
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.9e9 / total)
    try:
        engine.buffers(spec, 16)
        out = engine.buffers(spec, 4)
        engine.run(frames, out, WINDOW.consecutive(4))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    steps = [line for line in told if "memory does not suffice" in line]
    print(*steps, sep="\n")
    assert any("tiles" in line for line in steps)
    for made, right in zip(out.planes, expected.planes, strict=True):
        assert np.abs(made.astype(int) - right.astype(int)).max() <= 1


def test_an_engine_of_other_weights_is_refused(compiler: TensorRTCompiler) -> None:
    wrong = shipped()
    with torch.no_grad():
        next(wrong.parameters()).mul_(1.5)
    made = compiler(Request(wrong, "idc-video", PlaneSpec(320, 180), 1), torch.device(CUDA))
    assert parity.compare(made, shipped(), EngineSettings(), CUDA).problem


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not several GPUs")
def test_several_devices_share_a_batch(compiler: TensorRTCompiler) -> None:
    ours = TensorRTEngine(shipped(), name="idc-video", compiler=compiler)
    assert len(ours.info.device.split(", ")) == torch.cuda.device_count()
    frames, out = filled(ours, HD, 16)
    ours.run(frames, out, WINDOW.consecutive(16))
    single = TorchEngine(shipped(), name="idc-video", options=TorchOptions(device=CUDA))
    right = single.buffers(HD, 16)
    single.run(frames, right, WINDOW.consecutive(16))
    for one, other in zip(out.planes, right.planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 2


def test_two_threads_may_each_have_an_engine(compiler: TensorRTCompiler) -> None:
    """Recording a graph of kernels must not be disturbed by, nor disturb, what another thread does on the device."""
    spec = PlaneSpec(320, 180)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            ours = TensorRTEngine(
                shipped(), name="idc-video", compiler=compiler, options=TensorRTOptions(devices=(CUDA,))
            )
            frames, out = filled(ours, spec, 8)
            for _ in range(20):
                ours.run(frames, out, WINDOWS)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    compiler(Request(shipped(), "idc-video", spec, 2), torch.device(CUDA))
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == []


@pytest.mark.parametrize("depth", [8, 16])
def test_alignment_is_that_of_opencv_within_one_code(depth: int) -> None:
    random = np.random.default_rng(0)
    shapes, dtype = [(720, 1280), (360, 640), (360, 640)], np.uint8 if depth == 8 else np.uint16
    planes = tuple(random.integers(0, 1 << depth, shape).astype(dtype) for shape in shapes)
    flow = random.normal(0, 6, (180, 320, 2)).astype(np.float32)
    expected = tuple(np.empty_like(plane) for plane in planes)
    align(planes, flow, expected)
    there = torch.from_numpy(flow).permute(2, 0, 1)[None].to(CUDA)
    for plane, aligned in zip(planes, expected, strict=True):
        found = align_on_device(torch.from_numpy(plane.astype(np.float32))[None, None].to(CUDA), there)
        differences = np.abs(found[0, 0].cpu().numpy() - aligned)
        # Noise of 16 bits changes by half of all codes from pixel to pixel: floating point places them less exactly.
        assert differences.max() <= (1 if depth == 8 else 16)
        assert (differences > 1).mean() < 0.01


@pytest.mark.parametrize("spec", [*SPECS[:4], *SPECS[10:]], ids=str)
@pytest.mark.parametrize("kind", ["torch", "tensorrt"])
def test_windows_are_those_of_the_processor(kind: str, spec: PlaneSpec, compiler: TensorRTCompiler) -> None:
    """Frames in host memory and, with TensorRT, frames that were handed over on the device."""
    right = TorchEngine(shipped(), name="idc-video", options=TorchOptions(device="cpu"))
    frames, expected = filled(right, spec, 8)
    right.run(frames, expected, WINDOWS)
    most = max(2, 1 << (spec.depth - 8)) << spec.code_shift
    if kind == "torch":
        ours: TensorRTEngine | TorchEngine = TorchEngine(shipped(), name="idc-video", options=TorchOptions(device=CUDA))
    else:
        settings = EngineSettings(optimization_level=0)
        options = TensorRTOptions(devices=(CUDA,), settings=settings)
        ours = TensorRTEngine(shipped(), name="idc-video", compiler=compiler, options=options)
    for on_device in (False, True) if kind == "tensorrt" else (False,):
        batch, out = ours.buffers(spec, 8), ours.buffers(spec, 8)
        for target, plane in zip(batch.planes, frames.planes, strict=True):
            target[...] = 0 if on_device else plane
        if on_device:
            assert isinstance(batch, StagedBatch)
            for index in range(8):
                planes = [torch.from_numpy(plane[index]).to(CUDA) for plane in frames.planes]
                batch.load(planes, index, torch.device(CUDA))
        ours.run(batch, out, WINDOWS)
        for one, other in zip(out.planes, expected.planes, strict=True):
            assert np.abs(one.astype(int) - other.astype(int)).max() <= most
