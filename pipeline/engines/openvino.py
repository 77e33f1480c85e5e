"""The engine that runs networks with OpenVINO: the default on processors."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov

from network.planes import PlaneBatch
from network.window.windows import Window
from pipeline.engines.base import check_pair, check_windows
from pipeline.engines.openvino_core import PROCESSOR, computes_in, device_name, openvino_core, openvino_version
from pipeline.engines.openvino_graphs import planar_model, window_model
from pipeline.engines.openvino_network import Network, read_network, reason
from pipeline.errors import EngineError
from pipeline.runner.allocation import allocating
from pipeline.runner.protocols import EngineInfo
from pipeline.system.machine import cores, cpu_features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from network.planes import PlaneSpec
    from network.window.stage import WindowStage
    from network.window.windows import Windows

LANES = 2
"""Windows at work at a time where a call has several, each in half of the threads. Two that wait for nobody take less
time than one whose layers all wait for the last thread, and leave no core idle while motion is looked for."""

BATCH = 2 * LANES
"""Frames of a batch with which a network over time is fastest. With as many as lanes, the lane that is done first would
wait for the other more often. One frame alone, with its neighbours, is there soonest if all threads work on it."""

KEPT = 4
"""Compiled graphs kept at a time: a stream needs one or two, and each holds the memory of a frame's features."""


HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's names of what layers in floating point compute in."""


@dataclass(frozen=True, slots=True)
class OpenVinoOptions:
    """How OpenVINO runs a network.

    Attributes:
        device: OpenVINO's name of the device, such as ``CPU``, ``GPU.1`` or ``AUTO``.
        threads: Threads to compute with on the processor; None leaves it to OpenVINO, which takes every physical core.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        floating: Arithmetic of layers in floating point: ``fp32``, or ``bf16`` or ``fp16`` on a device that has it.
    """

    device: str = PROCESSOR
    threads: int | None = None
    strength: float = 1.0
    floating: str = "fp32"


class OpenVinoEngine:
    """Deblurs with a network in an ONNX file, or one that was quantised, in OpenVINO's own format.

    A network from RGB to RGB is joined with the planar graphs of the frames' layout and compiled for each kind and
    number of frames, which are read and written where they lie, without a copy. One over time is compiled for each
    kind of frames, and gets one window after the other.

    Args:
        network: File of the network, as ``deblur export`` writes it: RGB (N, 3, H, W) float32 to the same, or one over
            time; or a network that was read from one.
        options: Options to run the network with.

    Attributes:
        floating: Arithmetic of layers in floating point: that of the options, but ``bf16`` beside INT8 where the
            processor has it.

    Raises:
        EngineError: If the file can't be read, is no such network, or the device is not there or can't compute so.
    """

    def __init__(self, network: Path | Network, options: OpenVinoOptions | None = None) -> None:
        self._options = options or OpenVinoOptions()
        self._core = openvino_core()
        name = device_name(self._options.device)
        self._is_processor = self._options.device == PROCESSOR
        floating = self._options.floating
        if not computes_in(floating, self._options.device):
            raise EngineError(f"{name} does not compute in {floating}; leave `precision` out", field="precision")
        self._network = network = network if isinstance(network, Network) else read_network(network)
        if network.precision and floating == "fp32" and self._is_processor and cpu_features()["BF16"]:
            floating = "bf16"  # for the few layers that are not in INT8
        self.floating = floating
        self._compiled: OrderedDict[tuple[PlaneSpec, int], Any] = OrderedDict()
        self._network_seconds = 0.0
        self._info = EngineInfo(
            backend=f"OpenVINO {openvino_version()}",
            device=name,
            precision=network.precision or floating,
            network=network.name,
            digest=network.digest,
            kind="openvino",
            batch=BATCH if network.window is not None and self._is_processor else 1,
            window=network.window or Window(),
        )

    @property
    def info(self) -> EngineInfo:
        """Facts about this engine."""
        return self._info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, and compiles the network for such frames if that is not done.

        Args:
            spec: Kind and size of the frames.
            batch: Frames in the batch, at least 1.

        Raises:
            EngineError: If such frames can't be compiled for, or are too large for the memory.
        """
        with allocating(spec, batch):
            self._ready(spec, batch)
            return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs frames of ``batch`` into ``out``.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten; of the same spec as ``batch``, in other memory.
            windows: Windows of the frames to make, see :meth:`pipeline.runner.protocols.Engine.run`.

        Raises:
            EngineError: If the batches or the windows don't match, or OpenVINO fails.
        """
        if self._network.window is None:
            check_pair(batch, out)
            if not all(plane.flags.c_contiguous for plane in (*batch.planes, *out.planes)):
                raise EngineError("planes must be contiguous; make them with buffers()")
            pairs = zip(batch.planes, out.planes, strict=True)
            self._network_seconds += _infer(self._ready(batch.spec, batch.size), *zip(*pairs, strict=True))
            return
        windows = check_windows(batch, out, windows, self._network.window)
        self._network_seconds += self._ready(batch.spec, out.size).run(batch, out, windows)

    @property
    def network_seconds(self) -> float:
        """Seconds that the compiled graphs have taken so far, without the search for motion and the alignment."""
        return self._network_seconds

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""

    def _ready(self, spec: PlaneSpec, batch: int) -> Any:
        """What runs such frames: a request of OpenVINO's, or a :class:`_OverTime`."""
        key = (spec, batch if self._network.window is None else self._lanes(batch))
        if key not in self._compiled:
            while len(self._compiled) >= KEPT:
                self._compiled.popitem(last=False)
            self._compiled[key] = self._compile(*key)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def _lanes(self, batch: int) -> int:
        """Number of windows to work on at a time. Lanes share out a processor's threads: other devices have one."""
        window = self._network.window
        is_one = window is None or batch in {1, window.frames} or not self._is_processor
        return 1 if is_one else min(LANES, self._threads)

    @property
    def _threads(self) -> int:
        return self._options.threads or cores()

    def _compile(self, spec: PlaneSpec, batch: int) -> Any:
        """Compiles for a batch of frames, or for a number of windows at a time."""
        # White of 16 bits is beyond where FP16 ends.
        floating = "fp32" if self._is_processor and spec.depth > 15 and self.floating == "fp16" else self.floating
        properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": HINTS[floating]}
        if self._options.device.partition(":")[0] == "AUTO":
            # Else the processor makes the first frames, those of a comparison among them, until the device is ready.
            properties["ENABLE_STARTUP_FALLBACK"] = False
        if self._is_processor:
            # Decoding and encoding run beside the network: pinned to cores, its threads would wait for theirs.
            properties["ENABLE_CPU_PINNING"] = False
            if self._options.threads is not None:
                properties["INFERENCE_NUM_THREADS"] = self._options.threads
        network, strength = self._network, self._options.strength
        stages = []
        if network.window is not None:
            # A thread each for both neighbours would only take a core from another lane.
            in_turn = batch > 1 and self._threads <= batch
            stages = [_stage(spec, network.window, in_turn=in_turn) for _ in range(batch)]
        if len(stages) > 1:
            properties["NUM_STREAMS"] = len(stages)
        try:
            if not stages:
                model = planar_model(network.model, spec, batch, strength)
            else:
                stage = stages[0]
                model = window_model(network.model, stage.window, stage.working, stage.size, strength)
            compiled = self._core.compile_model(model, self._options.device, properties)
            requests = [compiled.create_infer_request() for _ in range(max(1, len(stages)))]
        except (RuntimeError, MemoryError) as error:
            raise EngineError(
                f"OpenVINO can't compile {self._info.network} for {spec.width}x{spec.height} {spec.layout}: "
                f"{reason(error)}"
            ) from error
        if not stages:
            return requests[0]
        return _OverTime([_Lane(*pair) for pair in zip(stages, requests, strict=True)])


class _OverTime:
    """A compiled network over time."""

    def __init__(self, lanes: Sequence[_Lane]) -> None:
        self._lanes = lanes

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows) -> float:
        """Makes the frames of some windows; returns the seconds that the network took."""
        # Each lane takes the next row when it is done with one: an iterator gives each to one of them.
        rows, averages = iter(range(len(windows))), dict[int, Any]()
        first, *others = self._lanes
        jobs = [_lane_threads().submit(lane.run, batch, out, windows, rows, averages) for lane in others]
        try:
            seconds = [first.run(batch, out, windows, rows, averages)]
        finally:  # what other lanes are at is waited for, since they use the batches
            begun = [job for job in jobs if not job.cancel()]
            wait(begun)
        seconds += [job.result() for job in begun]
        return sum(seconds) / len(seconds)


class _Lane:
    """A request of OpenVINO's with the memory of its window."""

    def __init__(self, stage: WindowStage, request: Any) -> None:
        self._stage, self._request = stage, request
        kind = stage.working.dtype if stage.working.is_direct else np.dtype(np.float32)
        luma, chroma = stage.luma.shape, stage.chroma.shape
        self._luma = np.empty((stage.size, 1, *luma[2:]), kind)
        self._chroma = np.empty((stage.size, 2, *chroma[2:]), kind)

    def run(
        self, batch: PlaneBatch, out: PlaneBatch, windows: Windows, rows: Iterator[int], averages: dict[int, Any]
    ) -> float:
        """Makes the frames of some rows of windows, one after the other; returns the seconds that the network took."""
        seconds = 0.0
        for row in rows:
            window = windows[row : row + 1]
            self._stage.fill(batch, window, averages)
            seconds += _infer(self._request, self._stage.inputs, (self._luma, self._chroma))
            self._stage.put(batch, window, self._luma, self._chroma, out, row)
        return seconds


@cache
def _lane_threads() -> ThreadPoolExecutor:
    """Threads of the process for all lanes but a caller's first one; they stay."""
    return ThreadPoolExecutor(max(1, cores()), thread_name_prefix="window")


def _stage(spec: PlaneSpec, window: Window, *, in_turn: bool) -> WindowStage:
    # It imports OpenCV, which networks from RGB to RGB need not wait for.
    from network.window.stage import WindowStage

    return WindowStage(spec, window, in_turn=in_turn)


def _infer(request: Any, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> float:
    """Runs a request on memory as it lies; returns the seconds that it took."""
    started = time.perf_counter()
    try:
        for index, source in enumerate(inputs):
            request.set_input_tensor(index, ov.Tensor(source, shared_memory=True))
        for index, target in enumerate(outputs):
            request.set_output_tensor(index, ov.Tensor(target, shared_memory=True))
        request.infer(share_outputs=True)  # else it also returns a copy of every plane
    except RuntimeError as error:
        raise EngineError(f"OpenVINO failed on a frame: {reason(error)}") from error
    return time.perf_counter() - started
