"""The engine that runs networks with TensorRT on NVIDIA GPUs."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from network import weights
from network.window.found import DeviceFrames, HostFrames
from network.window.windows import Window
from pipeline.engines.base import allocating, check_pair, check_windows
from pipeline.errors import EngineError
from pipeline.runner.protocols import EngineInfo
from trt.build_or_load import Request
from trt.chunks import plane_chunks, window_chunks
from trt.compiled import TorchCompiled, plane_dtype
from trt.errors import TensorRTError
from trt.execution import Execution, Lane
from trt.memory import Plan, estimate_bytes, free_memory, plans, start_with
from trt.programs import make_program
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of
from trt.staging import StagedBatch, on_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from trt.compiled import Compiled
    from trt.compiler import Compiler

_log = logging.getLogger("deblur.engines")

CHUNKS = 4
"""Number of parts of a batch for each device: while one is computed, the next goes up and the one before comes down."""

KEPT = 2
"""Number of kinds of frames for which engines are kept on the device at a time."""


@dataclass(frozen=True, slots=True)
class TensorRTOptions:
    """How TensorRT runs a network.

    Attributes:
        devices: PyTorch's names of the devices, such as ``cuda:0``, each of which gets an engine; empty for all.
        frames: Number of frames at a time with which the engine is fastest.
        at_once: Most frames that the compiler's networks take in one call; None for any number.
        settings: Settings that engines are built with.
    """

    devices: tuple[str, ...] = ()
    frames: int = 8
    at_once: int | None = None
    settings: EngineSettings = field(default_factory=EngineSettings)


class TensorRTEngine:
    """Deblurs with a network that a compiler, TensorRT, made for the frames' kind and size.

    Compiling happens in :meth:`buffers`, before the first frame. Where the compiler fails, or what it made computes
    something else than PyTorch, PyTorch runs the network instead. Where memory does not suffice, fewer frames are
    computed at a time, and then parts of frames. All of that is logged.

    Args:
        network: Maps RGB (N, 3, H, W), nominally in [0, 1], to the same shape, or is one over time; float32, on the
            CPU.
        name: Name of the network, for :attr:`info`.
        compiler: Compiler of the network.
        digest: Digest of the network's weights, for :attr:`info`; empty if it has none.
        options: Options to run the network with.

    Raises:
        EngineError: If there is no device.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        *,
        name: str,
        compiler: Compiler,
        digest: str = "",
        options: TensorRTOptions | None = None,
    ) -> None:
        self._options = options or TensorRTOptions()
        self._network, self._window = network, window_of(network)
        self._name, self._digest = name, digest
        self._compiler: Compiler | None = compiler  # None once it has failed
        names = self._options.devices or tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
        self._devices = [torch.device(name) for name in names]
        if not self._devices:
            raise EngineError("there is no CUDA device; choose `engine` openvino or `engine` torch", field="engine")
        self._ready: OrderedDict[Signature, _Ready] = OrderedDict()

    @classmethod
    def from_weights(
        cls,
        path: Path,
        compiler: Compiler,
        options: TensorRTOptions | None = None,
    ) -> TensorRTEngine:
        """An engine for the network of a safetensors file; see the class.

        Raises:
            network.errors.WeightsError: If the file can't be read.
            EngineError: If there is no device.
        """
        network, header = weights.load(path)
        return cls(network, name=header.network, compiler=compiler, digest=header.digest, options=options)

    @property
    def info(self) -> EngineInfo:
        """Facts about this engine as it is now."""
        is_compiled = self._compiler is not None
        names = [torch.cuda.get_device_name(d) if d.type == "cuda" else str(d) for d in self._devices]
        return EngineInfo(
            backend=self._compiler.name if self._compiler else f"PyTorch {torch.__version__}",
            device=", ".join(names),
            precision=self._options.settings.precision.value if is_compiled else Precision.FP32.value,
            network=self._name,
            digest=self._digest,
            batch=self._options.frames,
            kind="tensorrt" if is_compiled else "torch",
            window=self._window or Window(),
        )

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch in memory that devices copy from and to by themselves, and gets the engine for it ready.

        Args:
            spec: Kind and size of the frames.
            batch: Frames in the batch, at least 1.

        Raises:
            EngineError: If the memory does not suffice, however few frames or parts of them are computed at a time.
        """
        is_pinned = any(device.type != "cpu" for device in self._devices)
        with allocating(spec, batch):
            planes = tuple(
                torch.empty((batch, *shape), dtype=plane_dtype(spec), pin_memory=is_pinned).numpy()
                for shape in spec.plane_shapes
            )
        self._for(spec, batch)
        return StagedBatch(spec, planes)

    def load(self, frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
        """Copies a frame to the first device, wherever it is; see :class:`pipeline.runner.protocols.DeviceEngine`."""
        if not isinstance(batch, StagedBatch):
            raise EngineError("frames are handed over in batches of this engine; make them with buffers()")
        try:
            batch.load(frame.planes, index, self._devices[0])
        except (RuntimeError, BufferError, TypeError, ValueError) as error:
            raise EngineError(
                f"a frame can't be handed over on the device: {_reason(error)}; leave out `acceleration`",
                field="acceleration",
            ) from error

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs frames of ``batch`` into ``out``.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten; of the same spec as ``batch``, in other memory.
            windows: Windows of the frames to make, see :meth:`pipeline.runner.protocols.Engine.run`.

        Raises:
            EngineError: If the batches or the windows don't match, or the device fails.
        """
        if self._window is None:
            check_pair(batch, out)
        else:
            windows = check_windows(batch, out, windows, self._window)
        is_loaded = isinstance(batch, StagedBatch) and batch.is_loaded
        planes = batch.take() if isinstance(batch, StagedBatch) else on_host(batch)
        frames = DeviceFrames(planes, batch.spec) if is_loaded else HostFrames(batch)
        targets = on_host(out)
        while True:
            ready = self._for(batch.spec, out.size)
            size = ready.plan.batch
            if self._window is None or windows is None:
                chunks = plane_chunks(planes, targets, size)
            else:
                chunks = window_chunks(planes, frames, batch.spec, windows, targets, size)
            try:
                return ready.execution.run(chunks)
            except RuntimeError as error:
                if not _is_short_memory(error):
                    raise EngineError(f"the device failed on a frame: {_reason(error)}") from error
                self._make_room(ready, error)

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""

    def _for(self, spec: PlaneSpec, batch: int) -> _Ready:
        """The runner of such batches; it is made if there is none."""
        frames = max(1, batch // (CHUNKS * len(self._devices)))
        frames = min(frames, self._options.at_once or frames)
        signature = Signature(spec, self._near(spec, frames), self._window)
        if signature in self._ready:
            self._ready.move_to_end(signature)
            return self._ready[signature]
        while len(self._ready) >= KEPT:
            self._ready.popitem(last=False)[1].execution.close()
        steps = start_with(plans(signature, self._network), lambda plan: self._needed(signature, plan), self._free())
        self._ready[signature] = self._next(signature, steps, None)
        return self._ready[signature]

    def _near(self, spec: PlaneSpec, frames: int) -> int:
        """The number of frames at a time of a runner of such frames that is there, where it is near to ``frames``.

        A batch to read for a network over time is longer than the one to write; both are for one runner.
        """
        there = [signature.batch for signature in self._ready if signature.spec == spec]
        near = [each for each in there if self._window is not None and frames <= 2 * each <= 4 * frames]
        return frames if frames in there or not near else near[-1]

    def _make_room(self, ready: _Ready, error: RuntimeError) -> None:
        """After a run that had too little memory: other kinds of frames go first, then a smaller plan is made."""
        signature = next(key for key, each in self._ready.items() if each is ready)
        others = [self._ready.pop(other) for other in list(self._ready) if other != signature]
        for other in others:
            other.execution.close()
        if not others:
            del self._ready[signature]
            ready.execution.close()
            self._ready[signature] = self._next(signature, ready.rest, ready.plan, error)
        _empty_cache(self._devices)

    def _next(
        self, signature: Signature, rest: Iterator[Plan], last: Plan | None, error: RuntimeError | None = None
    ) -> _Ready:
        """The first of some plans for which memory suffices."""
        for plan in rest:
            if last is not None:
                _log.warning(f"the device's memory does not suffice for {last}; now {plan}")
            try:
                lanes = [self._lane(replace(signature, batch=plan.batch), plan, device) for device in self._devices]
                return _Ready(plan, rest, Execution(lanes))
            except torch.OutOfMemoryError as short:
                last, error = plan, short
            _empty_cache(self._devices)
        raise EngineError(
            f"the GPU's memory does not suffice for frames of {signature.spec.width}x{signature.spec.height}; close "
            "other programs that use it, or choose `engine` openvino",
            field="engine",
        ) from error

    def _lane(self, signature: Signature, plan: Plan, device: torch.device) -> Lane:
        return Lane(make_program(lambda wanted: self._compiled(wanted, device), signature, plan.cut), device)

    def _compiled(self, signature: Signature, device: torch.device) -> Compiled:
        settings = self._options.settings
        if self._compiler is not None:
            request = Request(self._network, self._name, signature.spec, signature.batch, settings)
            try:
                return self._compiler(request, device)
            except TensorRTError as error:
                if _is_short_memory(error):
                    raise torch.OutOfMemoryError(str(error)) from error
                _log.warning(f"{self._compiler.name} is not used: {error}; PyTorch runs the network in FP32 instead")
                self._compiler = None
        return TorchCompiled(signature, self._network, EngineSettings(Precision.FP32, settings.strength), device)

    def _needed(self, signature: Signature, plan: Plan) -> int:
        wanted = replace(signature, batch=plan.batch)
        return estimate_bytes(self._network, wanted, self._options.settings, plan.cut)

    def _free(self) -> int | None:
        """Free memory in bytes of the device that has the least; None if unknown."""
        known = [free for device in self._devices if (free := free_memory(device)) is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class _Ready:
    """The runner of frames of one kind.

    Attributes:
        plan: Frames, or parts of them, that are computed at a time.
        rest: Plans to try if this one needs too much memory.
        execution: Compiled network that follows the plan.
    """

    plan: Plan
    rest: Iterator[Plan]
    execution: Execution


def _empty_cache(devices: list[torch.device]) -> None:
    """Gives memory that PyTorch holds in reserve to TensorRT, which has an allocator of its own."""
    if any(device.type != "cpu" for device in devices):
        torch.accelerator.empty_cache()


def _is_short_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: PyTorch has a type for its own allocator's failures; CUDA and TensorRT say it."""
    return isinstance(error, torch.OutOfMemoryError) or bool(re.search("out ?of ?memory", str(error), re.IGNORECASE))


def _reason(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
