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
from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.media.frames import plane_rows, spec_of
from trt import parity
from trt.build_or_load import Request
from trt.cache import EngineCache
from trt.compiled import TorchCompiled
from trt.compiler import TensorRTCompiler
from trt.errors import BuildError
from trt.execution import Execution, Lane
from trt.parity import Picture, pictures_for
from trt.settings import EngineSettings
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


def shipped() -> nn.Module:
    path = catalogue.weights_file("idc-rt")
    assert path is not None
    return weights.load(path)[0]


def paper() -> nn.Module:
    """The paper's network with random weights that keep its features in the range of trained ones."""
    torch.manual_seed(0)
    return registry.create("idc").eval()


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> TensorRTCompiler:
    return TensorRTCompiler(EngineCache(tmp_path_factory.mktemp("engines") / "cache"))


def real_pictures(count: int = 3) -> tuple[PlaneSpec, list[Picture]]:
    with av.open(str(CLIP)) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(count), strict=False)]
    spec, name = spec_of(frames[0])
    assert name == frames[0].format.name
    pictures = []
    for index, frame in enumerate(frames):
        planes = [torch.from_numpy(plane_rows(frame, number).copy())[None] for number in range(len(frame.planes))]
        pictures.append(Picture(f"frame {index}", tuple(planes)))
    return spec, pictures


@pytest.mark.parametrize("name", ["idc-rt", "idc"])
def test_parity_with_pytorch_on_real_frames_and_extremes(
    name: str, compiler: TensorRTCompiler, record_property: Callable[[str, object], None]
) -> None:
    network = shipped() if name == "idc-rt" else paper()
    spec, frames = real_pictures()
    for shown, pictures in ((spec, frames), (HD, []), (PlaneSpec(1280, 720, depth=10, full_range=True), [])):
        request = Request(network, name, shown, 2)
        made = compiler(request, torch.device(CUDA))
        found = parity.compare(made, network, request.settings, CUDA, [*pictures, *pictures_for(shown)])
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
    made = compiler(Request(network, "idc-rt", spec, 1, EngineSettings(optimization_level=0)), torch.device(CUDA))
    assert parity.compare(made, network, EngineSettings(), CUDA).problem == ""


def test_an_engine_is_built_once_and_taken_from_the_cache(tmp_path: Path, told: list[str]) -> None:
    cache, network = EngineCache(tmp_path / "cache"), shipped()
    request = Request(network, "idc-rt", PlaneSpec(640, 360), 2)
    planes = tuple(
        plane.expand(2, *plane.shape[1:]).contiguous().to(CUDA) for plane in pictures_for(request.spec)[0].planes
    )
    first = TensorRTCompiler(cache)(request, torch.device(CUDA))(planes)
    assert any("building a TensorRT engine" in line for line in told)
    assert any("compared with PyTorch" in line for line in told)
    told.clear()
    begin = time.perf_counter()
    second = TensorRTCompiler(EngineCache(tmp_path / "cache"))(request, torch.device(CUDA))(planes)
    print(f"from the cache in {time.perf_counter() - begin:.2f} s")
    assert told == []
    for one, other in zip(first, second, strict=True):
        assert int((one.int() - other.int()).abs().max()) <= 1


def filled(engine: TensorRTEngine | TorchEngine, spec: PlaneSpec, batch: int) -> tuple[PlaneBatch, PlaneBatch]:
    frames, out = engine.buffers(spec, batch), engine.buffers(spec, batch)
    for index, planes in enumerate(zip(frames.planes, pictures_for(spec)[0].planes, strict=True)):
        for number in range(batch):
            planes[0][number] = np.roll(planes[1][0].numpy(), number + index, axis=1)
    return frames, out


@pytest.mark.parametrize("spec", [HD, PlaneSpec(1920, 1080)], ids=["720p", "1080p"])
def test_throughput(
    spec: PlaneSpec, compiler: TensorRTCompiler, record_property: Callable[[str, object], None]
) -> None:
    """States frames a second, TensorRT beside PyTorch in FP16; asserts that both compute the same."""
    ours = TensorRTEngine(shipped(), name="idc-rt", compiler=compiler, options=TensorRTOptions(devices=(CUDA,)))
    eager = TorchEngine(shipped(), name="idc-rt", options=TorchOptions(device=CUDA, half=True))
    results = []
    for engine in (ours, eager):
        frames, out = filled(engine, spec, 8)
        for _ in range(3):
            engine.run(frames, out)
        begin = time.perf_counter()
        for _ in range(25):
            engine.run(frames, out)
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

    compiled = compiler(Request(shipped(), "idc-rt", HD, 2), device)
    planes = tuple(plane.expand(32, *plane.shape[1:]).contiguous().pin_memory() for plane in pictures_for(HD)[0].planes)
    out = tuple(torch.empty_like(plane).pin_memory() for plane in planes)
    with Execution([Lane(compiled, device, stream)]) as execution:
        execution.run(planes, out)
        for one in made:
            one.spans.clear()
        execution.run(planes, out)
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
        batch, spec = 2, PlaneSpec(480, 270)

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
            execution.run(planes, out)
            for one, other in zip(planes, out, strict=True):
                assert torch.equal(one + 1, other)


def test_short_memory_is_met_step_by_step(told: list[str]) -> None:
    """PyTorch runs the network on the device, with a limit that PyTorch's allocator keeps: the errors are its own."""

    class Refusing:
        name = "TensorRT"

        def __call__(self, request: Request, device: torch.device) -> Compiled:  # noqa: ARG002
            raise BuildError("switched off for this test")

    spec = PlaneSpec(3840, 2160)
    engine = TensorRTEngine(shipped(), name="idc-rt", compiler=Refusing(), options=TensorRTOptions(devices=(CUDA,)))
    reference = TorchEngine(shipped(), name="idc-rt", options=TorchOptions(device=CUDA))
    frames, expected = filled(reference, spec, 4)
    for index in range(4):  # one at a time, before memory gets short
        one = PlaneBatch(spec, tuple(plane[index : index + 1] for plane in frames.planes))
        result = PlaneBatch(spec, tuple(plane[index : index + 1] for plane in expected.planes))
        reference.run(one, result)
    del reference
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.9e9 / total)
    try:
        batch, out = engine.buffers(spec, 16), engine.buffers(spec, 16)
        for plane, source in zip(batch.planes, frames.planes, strict=True):
            plane[...] = np.concatenate([source] * 4)
        engine.run(batch, out)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    steps = [line for line in told if "memory does not suffice" in line]
    print(*steps, sep="\n")
    assert "now 2 frames at a time" in steps[0]
    assert any("tiles" in line for line in steps)
    for made, right in zip(out.planes, expected.planes, strict=True):
        assert np.abs(made[:4].astype(int) - right.astype(int)).max() <= 1


def test_an_engine_of_other_weights_is_refused(compiler: TensorRTCompiler) -> None:
    wrong = shipped()
    with torch.no_grad():
        next(wrong.parameters()).mul_(1.5)
    made = compiler(Request(wrong, "idc-rt", PlaneSpec(320, 180), 1), torch.device(CUDA))
    assert parity.compare(made, shipped(), EngineSettings(), CUDA).problem


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not several GPUs")
def test_several_devices_share_a_batch(compiler: TensorRTCompiler) -> None:
    ours = TensorRTEngine(shipped(), name="idc-rt", compiler=compiler)
    assert len(ours.info.device.split(", ")) == torch.cuda.device_count()
    frames, out = filled(ours, HD, 16)
    ours.run(frames, out)
    single = TorchCompiled(HD, 1, shipped(), EngineSettings(), CUDA)
    for index in (0, 7, 15):
        right = single(tuple(torch.from_numpy(plane[index : index + 1].copy()).to(CUDA) for plane in frames.planes))
        for one, other in zip(out.planes, right, strict=True):
            assert np.abs(one[index].astype(int) - other[0].cpu().numpy().astype(int)).max() <= 2


def test_two_threads_may_each_have_an_engine(compiler: TensorRTCompiler) -> None:
    """Recording a graph of kernels must not be disturbed by, nor disturb, what another thread does on the device."""
    spec = PlaneSpec(320, 180)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            ours = TensorRTEngine(shipped(), name="idc-rt", compiler=compiler, options=TensorRTOptions(devices=(CUDA,)))
            frames, out = filled(ours, spec, 8)
            for _ in range(20):
                ours.run(frames, out)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    compiler(Request(shipped(), "idc-rt", spec, 2), torch.device(CUDA))
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == []
