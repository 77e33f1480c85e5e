"""The TensorRT engine around compilers that PyTorch stands behind: fallback, memory, and what is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network.planes import Layout, PlaneBatch, PlaneSpec
from network.window.windows import MISSING, Window
from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.errors import EngineError
from pipeline.media.frames import plane_rows, spec_of
from pipeline.runner.protocols import DeviceEngine
from pipeline.runner.run import run
from tests.support.networks import rgb_network, video_network
from tests.support.windows import SPECS, moving_frames
from trt import build, library, parity
from trt.build_or_load import build_or_load
from trt.cache import EngineCache
from trt.compiled import TorchCompiled
from trt.errors import BuildError
from trt.library import Environment
from trt.settings import EngineSettings, Precision
from trt.staging import StagedBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from network.window.windows import Windows
    from trt.build_or_load import Request
    from trt.compiled import Compiled
    from trt.signature import Signature

FP32 = EngineSettings(Precision.FP32)
SPEC = PlaneSpec(96, 64)


class Limited:
    """A compiled network on a device that holds so many pixels of features at a time."""

    def __init__(self, inner: TorchCompiled, compiler: TorchCompiler) -> None:
        self.signature, self.inputs = inner.signature, inner.inputs
        self._inner, self._compiler = inner, compiler

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self._compiler.check(self.signature.batch * prod(self.signature.size))
        return self._inner(planes)


@dataclass
class TorchCompiler:
    """A compiler whose results PyTorch runs.

    Attributes:
        instead: A network that it compiles in place of the right one, if any.
        error: What it raises, if anything.
        pixels: The device's memory, in pixels of a batch; builds and runs beyond it fail as on a GPU.
        build_needs: How much of that memory a build takes, against a run.
        shortage: What is raised where memory does not suffice.
        requests: What it was asked for.
    """

    name: str = "TensorRT 11.1"
    instead: nn.Module | None = None
    error: Exception | None = None
    pixels: int = 1 << 40
    build_needs: float = 0.0
    shortage: Exception = field(default_factory=lambda: torch.OutOfMemoryError("CUDA out of memory."))
    requests: list[Request] = field(default_factory=list)

    def check(self, pixels: float) -> None:
        if pixels > self.pixels:
            raise self.shortage

    def __call__(self, request: Request, device: torch.device) -> Compiled:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        self.check(self.build_needs * request.batch * request.spec.width * request.spec.height)
        inner = TorchCompiled(request.signature, self.instead or request.network, request.settings, device)
        parity.verify(inner, request.network, request.settings, device)
        return Limited(inner, self)


class Native:
    """The frames of a clip in one pixel format."""

    def __init__(self, path: Path, pixel_format: str) -> None:
        with av.open(str(path)) as container:
            self._frames = [frame.reformat(format=pixel_format) for frame in container.decode(video=0)]
        self.spec, _ = spec_of(self._frames[0])

    def events(self) -> Iterator[av.VideoFrame]:
        yield from self._frames


class Kept:
    """A sink that keeps time and samples of every frame."""

    def __init__(self) -> None:
        self.frames: list[tuple[int | None, list[bytes]]] = []

    def write_frame(self, frame: av.VideoFrame) -> None:
        planes = [plane_rows(frame, index).tobytes() for index in range(len(frame.planes))]
        self.frames.append((frame.pts, planes))

    def write_packet(self, packet: object) -> None:
        raise AssertionError(packet)

    def finish(self) -> None:
        pass


def engine(compiler: TorchCompiler, devices: int = 1) -> TensorRTEngine:
    options = TensorRTOptions(devices=("cpu",) * devices, settings=FP32)
    return TensorRTEngine(rgb_network(), name="small", compiler=compiler, digest="ab" * 32, options=options)


def deblurred(by: TensorRTEngine | TorchEngine, spec: PlaneSpec, batch: int) -> tuple[PlaneBatch, PlaneBatch]:
    frames, out = by.buffers(spec, batch), by.buffers(spec, batch)
    random = np.random.default_rng(4)
    for plane in frames.planes:
        plane[...] = random.integers(0, 1 << spec.depth, plane.shape) << spec.code_shift
    by.run(frames, out)
    return frames, out


def assert_right(by: TensorRTEngine, spec: PlaneSpec = SPEC, batch: int = 8) -> None:
    frames, out = deblurred(by, spec, batch)
    reference = TorchEngine(rgb_network(), name="small", options=TorchOptions(device="cpu"))
    _same, expected = deblurred(reference, spec, batch)
    for one, other, before in zip(out.planes, expected.planes, frames.planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1 << spec.code_shift
        assert (one != before).any()


@pytest.mark.parametrize("batch", [1, 3, 8, 11])
@pytest.mark.parametrize("devices", [1, 2])
def test_any_number_of_frames_on_any_number_of_devices(batch: int, devices: int) -> None:
    compiler = TorchCompiler()
    assert_right(engine(compiler, devices=devices), batch=batch)
    assert {request.batch for request in compiler.requests} == {max(1, batch // (4 * devices))}
    assert len(compiler.requests) == devices


@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout(layout: Layout) -> None:
    assert_right(engine(TorchCompiler()), PlaneSpec(75, 51, layout, 10), 2)


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "p010le"])
def test_frames_handed_over_by_dlpack_give_the_same_bits(
    make_clip: Callable[..., Path], tmp_path: Path, pixel_format: str, devices: int
) -> None:
    path = make_clip(tmp_path / "clip.mkv", frames=21, size=(70, 52), codec="ffv1", pix_fmt="yuv420p10le")
    results = []
    for on_device in (False, True):
        by = engine(TorchCompiler(), devices=devices)
        assert isinstance(by, DeviceEngine)
        sink = Kept()
        run(Native(path, pixel_format), by, sink, batch=8, on_device=on_device)
        results.append(sink.frames)
    assert len(results[0]) == 21
    for ordinary, direct in zip(*results, strict=True):
        assert ordinary == direct


def test_frames_are_handed_over_only_in_batches_of_this_engine() -> None:
    frame = av.VideoFrame(SPEC.width, SPEC.height, "yuv420p")
    by = engine(TorchCompiler())
    with pytest.raises(EngineError, match=r"make them with buffers\(\)"):
        by.load(frame, PlaneBatch.empty(SPEC, 1), 0)
    other = av.VideoFrame(SPEC.width, SPEC.height, "nv12")
    with pytest.raises(EngineError, match="can't be handed over on the device"):
        by.load(other, by.buffers(SPEC, 1), 0)


def test_info_says_tensorrt_and_how_many_frames() -> None:
    info = engine(TorchCompiler()).info
    assert (info.backend, info.precision, info.network, info.batch) == ("TensorRT 11.1", "fp32", "small", 8)
    assert info.digest == "ab" * 32


def test_a_compiler_compiles_once_for_a_kind_of_frames_and_before_the_first() -> None:
    compiler = TorchCompiler()
    made = engine(compiler)
    made.buffers(SPEC, 8)
    assert len(compiler.requests) == 1
    for _ in range(3):
        assert_right(made)
    assert len(compiler.requests) == 1


def test_kinds_of_frames_that_were_not_used_for_long_make_room() -> None:
    compiler = TorchCompiler()
    made = engine(compiler)
    threads = threading.active_count()
    for width in (32, 48, 64, 80):
        assert_right(made, PlaneSpec(width, 32), 1)
    assert threading.active_count() - threads <= 2 * 3
    assert_right(made, PlaneSpec(80, 32), 1)
    assert len(compiler.requests) == 4
    assert_right(made, PlaneSpec(32, 32), 1)
    assert len(compiler.requests) == 5


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        (TorchCompiler(instead=rgb_network(seed=9)), r"dB from PyTorch's FP32"),
        (TorchCompiler(error=BuildError("TensorRT can't build it")), "TensorRT can't build it"),
    ],
    ids=["parity", "build"],
)
def test_an_engine_that_is_wrong_or_not_there_is_replaced_by_pytorch_with_one_line(
    compiler: TorchCompiler, reason: str, told: list[str]
) -> None:
    made = engine(compiler)
    assert_right(made)
    assert_right(made, PlaneSpec(48, 32))
    assert len(told) == 1
    assert told[0].startswith("TensorRT 11.1 is not used: ")
    assert told[0].endswith("; PyTorch runs the network in FP32 instead")
    assert reason.split()[0] in told[0]
    assert len(compiler.requests) == 1
    assert made.info.backend.startswith("PyTorch ")
    assert made.info.kind == "torch"
    assert made.info.precision == "fp32"


LARGE = PlaneSpec(640, 64)


@pytest.mark.parametrize("build_needs", [0.0, 1.0], ids=["run", "build"])
@pytest.mark.timeout(120)
def test_short_memory_halves_the_batch_and_then_cuts_the_frame(build_needs: float, told: list[str]) -> None:
    compiler = TorchCompiler(pixels=500 * 64, build_needs=build_needs)
    assert_right(engine(compiler), LARGE, 16)
    assert told[:2] == [
        "the device's memory does not suffice for 4 frames at a time; now 2 frames at a time",
        "the device's memory does not suffice for 2 frames at a time; now 1 frame at a time",
    ]
    assert told[-1].endswith("x64")
    assert "for 1 frame at a time; now 1 frame at a time in 2 tiles of" in told[2]
    sizes = [request.batch * request.spec.width for request in compiler.requests]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 500


@pytest.mark.timeout(120)
def test_memory_that_runs_short_in_the_middle_costs_no_frame(told: list[str]) -> None:
    compiler = TorchCompiler()
    made = engine(compiler)
    assert_right(made, LARGE, 8)
    assert not told
    compiler.pixels = 640 * 64  # another program takes memory
    assert_right(made, LARGE, 8)
    assert told == ["the device's memory does not suffice for 2 frames at a time; now 1 frame at a time"]


@pytest.mark.parametrize(
    ("build_needs", "shortage"),
    [
        (0.0, RuntimeError("CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA")),
        (1.0, BuildError("TensorRT can't load the engine: Error Code 2: OutOfMemory (Requested size was 8 bytes.)")),
    ],
    ids=["run", "build"],
)
def test_short_memory_is_known_by_what_it_says_too(build_needs: float, shortage: Exception, told: list[str]) -> None:
    compiler = TorchCompiler(pixels=640 * 64, build_needs=build_needs, shortage=shortage)
    made = engine(compiler)
    assert_right(made, LARGE, 8)
    assert told == ["the device's memory does not suffice for 2 frames at a time; now 1 frame at a time"]
    assert made.info.backend == "TensorRT 11.1"
    assert made.info.kind == "tensorrt"


def test_other_kinds_of_frames_are_let_go_before_the_batch_shrinks(told: list[str]) -> None:
    made = engine(compiler := TorchCompiler())
    made.buffers(SPEC, 8)
    frames, out = made.buffers(LARGE, 8), made.buffers(LARGE, 8)
    compiler.pixels = 1
    made.buffers(SPEC, 8)
    with pytest.raises(EngineError, match="memory does not suffice"):
        made.run(frames, out)
    assert told[0].startswith("the device's memory does not suffice for 2 frames")


@pytest.mark.timeout(120)
def test_a_device_without_any_memory_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EngineError, match=r"does not suffice for frames of 640x64; close other programs.*openvino"):
        engine(TorchCompiler(pixels=1, build_needs=1.0)).buffers(LARGE, 8)


def test_a_device_that_fails_is_an_error_in_one_line() -> None:
    class Failing(nn.Module):
        broken = False

        def forward(self, image: Tensor) -> Tensor:
            if Failing.broken:
                raise RuntimeError("CUDA error: an illegal memory access\nmore")
            return image

    class Compiler(TorchCompiler):
        def __call__(self, request: Request, device: torch.device) -> Compiled:
            return TorchCompiled(request.signature, Failing(), request.settings, device)

    made = engine(Compiler())
    frames, out = made.buffers(SPEC, 4), made.buffers(SPEC, 4)
    made.run(frames, out)
    Failing.broken = True
    with pytest.raises(EngineError, match=r"the device failed on a frame: CUDA error: an illegal memory access$"):
        made.run(frames, out)


def test_the_second_run_starts_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    """TensorRT's place is taken by PyTorch where engines are built and loaded."""
    built = []

    def compile_nothing(*request: object) -> bytes:
        built.append(request)
        return b"engine"

    def load(serialized: bytes, signature: Signature, device: torch.device, kernels: Path | None = None) -> Compiled:
        assert serialized == b"engine"
        assert kernels is not None
        assert kernels.parent == tmp_path / "engines"
        return TorchCompiled(signature, rgb_network(), FP32, device)

    environment = Environment("GPU", "8.9", "580.1", "13.0", "tensorrt 11.1", "2.14.0", "2.14.1")
    monkeypatch.setattr(library, "environment", lambda _device: environment)
    monkeypatch.setattr(build, "build", compile_nothing)
    monkeypatch.setattr(build, "load", load)

    @dataclass
    class Compiler:
        name: str = "TensorRT 11.1"

        def __call__(self, request: Request, device: torch.device) -> Compiled:
            cache = EngineCache(tmp_path / "engines")

            def verify(made: Compiled) -> str:
                return parity.verify(made, request.network, FP32, device)

            return build_or_load(request, device, cache, verify)

    for lines in (4, 0):
        told.clear()
        options = TensorRTOptions(devices=("cpu",), settings=FP32)
        made = TensorRTEngine(rgb_network(), name="small", compiler=Compiler(), options=options)
        assert_right(made)
        assert len(built) == 1
        assert len(told) == lines, told


def windows_engine(compiler: TorchCompiler | None = None, devices: int = 1) -> TensorRTEngine:
    options = TensorRTOptions(devices=("cpu",) * devices, settings=FP32)
    made = compiler or TorchCompiler()
    return TensorRTEngine(video_network(), name="small", compiler=made, options=options)


def over_time(
    by: TensorRTEngine | TorchEngine, frames: PlaneBatch, windows: Windows, *, on_device: bool = False
) -> PlaneBatch:
    batch, out = by.buffers(frames.spec, frames.size), by.buffers(frames.spec, len(windows))
    for target, source in zip(batch.planes, frames.planes, strict=True):
        target[...] = 0 if on_device else source
    if on_device:
        assert isinstance(batch, StagedBatch)
        for index in range(frames.size):
            batch.load([torch.from_numpy(plane[index]) for plane in frames.planes], index, torch.device("cpu"))
    by.run(batch, out, windows)
    return out


def assert_like_the_processor(
    out: PlaneBatch, frames: PlaneBatch, windows: Windows, most: int = 1, share: float = 0.02
) -> None:
    reference = TorchEngine(video_network(), name="small", options=TorchOptions(device="cpu"))
    expected = over_time(reference, frames, windows)
    shift = frames.spec.code_shift
    for one, other, before in zip(out.planes, expected.planes, frames.planes, strict=True):
        differences = np.abs((one >> shift).astype(int) - (other >> shift).astype(int))
        assert differences.max() <= most
        assert frames.spec.depth > 8 or (differences > 0).mean() < share
        assert (one != before[windows[:, 1]]).any()


WINDOW = Window(1, 1)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_windows_are_those_of_the_processor(spec: PlaneSpec) -> None:
    frames = moving_frames(spec, 5)
    windows = np.concatenate((WINDOW.consecutive(5, 1, 3), [[0, 0, 1], [MISSING, 4, MISSING]]))
    by = windows_engine()
    assert by.info.window == WINDOW
    # Rounding of aligned codes tells on a network of random weights, the more of them there are.
    assert_like_the_processor(over_time(by, frames, windows), frames, windows, most=max(2, 1 << (spec.depth - 8)))


@pytest.mark.parametrize("devices", [1, 2])
def test_windows_of_any_number_and_order(devices: int) -> None:
    spec = PlaneSpec(96, 64)
    frames = moving_frames(spec, 10)
    windows = np.concatenate((WINDOW.consecutive(10), [[9, 0, 5], [0, 9, 4], [2, 7, 3]]))
    compiler = TorchCompiler()
    out = over_time(windows_engine(compiler, devices), frames, windows)
    assert_like_the_processor(out, frames, windows, most=2)
    assert len(compiler.requests) == devices


def test_frames_without_windows_stand_for_themselves() -> None:
    spec = PlaneSpec(96, 64)
    frames = moving_frames(spec, 4)
    by = windows_engine()
    batch, out = by.buffers(spec, 4), by.buffers(spec, 4)
    for target, source in zip(batch.planes, frames.planes, strict=True):
        target[...] = source
    by.run(batch, out)
    assert_like_the_processor(out, frames, WINDOW.alone(4), most=2)


@pytest.mark.parametrize("spec", [PlaneSpec(96, 64), PlaneSpec(98, 66, Layout.NV12, 10)], ids=str)
def test_frames_on_a_device_are_aligned_as_those_of_the_host(spec: PlaneSpec) -> None:
    frames = moving_frames(spec, 6)
    windows = WINDOW.consecutive(6)
    by = windows_engine()
    on_host, on_device = (over_time(by, frames, windows, on_device=where) for where in (False, True))
    for one, other in zip(on_device.planes, on_host.planes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_to_read_and_one_to_write_share_an_engine() -> None:
    compiler = TorchCompiler()
    by = windows_engine(compiler)
    by.buffers(SPEC, 10)
    by.buffers(SPEC, 8)
    frames = moving_frames(SPEC, 10)
    over_time(by, frames, WINDOW.consecutive(10, 1, 8))
    assert len(compiler.requests) == 1


def test_the_present_frame_alone_needs_no_motion() -> None:
    network = video_network(frames=1)
    options = TensorRTOptions(devices=("cpu",), settings=FP32)
    by = TensorRTEngine(network, name="one", compiler=TorchCompiler(), options=options)
    frames = moving_frames(SPEC, 3)
    out = over_time(by, frames, Window().consecutive(3))
    reference = TorchEngine(video_network(frames=1), name="one", options=TorchOptions(device="cpu"))
    for one, other in zip(out.planes, over_time(reference, frames, Window().consecutive(3)).planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


@pytest.mark.timeout(240)
def test_short_memory_cuts_aligned_windows(told: list[str]) -> None:
    spec = PlaneSpec(960, 48)
    frames = moving_frames(spec, 10)
    windows = WINDOW.consecutive(10, 1, 8)
    compiler = TorchCompiler(pixels=900 * 48)
    out = over_time(windows_engine(compiler), frames, windows)
    assert_like_the_processor(out, frames, windows, most=2)
    assert any("now 1 frame at a time in" in line and "tiles of" in line for line in told)


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        (np.array([[0, 1]]), "windows of 3 frames"),
        (np.array([[0, 1, 9]]), "places from 0 to 3"),
        (np.array([[0, MISSING, 1]]), "places from 0 to 3"),
    ],
)
def test_windows_that_do_not_fit_are_refused(windows: Windows, told: str) -> None:
    by = windows_engine()
    batch, out = by.buffers(SPEC, 4), by.buffers(SPEC, 4)
    with pytest.raises(EngineError, match=told):
        by.run(batch, out, windows)
