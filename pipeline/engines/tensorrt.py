"""The engine that runs networks with TensorRT on NVIDIA GPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from network import weights
from network.errors import first_line
from network.window.found import DeviceFrames, HostFrames
from network.window.windows import Window
from pipeline.engines.base import check_pair, check_windows
from pipeline.engines.tensorrt_runners import Runners, is_short_memory
from pipeline.errors import EngineError
from pipeline.runner.allocation import allocating
from pipeline.runner.protocols import EngineInfo
from trt.chunks import plane_chunks, window_chunks
from trt.compiled import plane_dtype
from trt.settings import EngineSettings, Precision
from trt.signature import window_of
from trt.staging import StagedBatch, on_host

if TYPE_CHECKING:
    from pathlib import Path

    import av

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from trt.compiler import Compiler


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
        self._window = window_of(network)
        self._name, self._digest = name, digest
        names = self._options.devices or tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
        if not names:
            raise EngineError("there is no CUDA device; choose `engine` openvino or `engine` torch", field="engine")
        devices = [torch.device(name) for name in names]
        self._runners = Runners(network, name, compiler, devices, self._options.settings, self._options.at_once)

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
        compiler = self._runners.compiler
        is_compiled = compiler is not None
        names = [torch.cuda.get_device_name(d) if d.type == "cuda" else str(d) for d in self._runners.devices]
        return EngineInfo(
            backend=compiler.name if compiler else f"PyTorch {torch.__version__}",
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
        is_pinned = any(device.type != "cpu" for device in self._runners.devices)
        with allocating(spec, batch):
            planes = tuple(
                torch.empty((batch, *shape), dtype=plane_dtype(spec), pin_memory=is_pinned).numpy()
                for shape in spec.plane_shapes
            )
        self._runners.runner(spec, batch)
        return StagedBatch(spec, planes)

    def load(self, frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
        """Copies a frame to the first device, wherever it is; see :class:`pipeline.runner.protocols.DeviceEngine`."""
        if not isinstance(batch, StagedBatch):
            raise EngineError("frames are handed over in batches of this engine; make them with buffers()")
        try:
            batch.load(frame.planes, index, self._runners.devices[0])
        except (RuntimeError, BufferError, TypeError, ValueError) as error:
            raise EngineError(
                f"a frame can't be handed over on the device: {first_line(error)}; leave out `acceleration`",
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
            runner = self._runners.runner(batch.spec, out.size)
            size = runner.plan.batch
            if self._window is None or windows is None:
                chunks = plane_chunks(planes, targets, size)
            else:
                chunks = window_chunks(planes, frames, batch.spec, windows, targets, size)
            try:
                return runner.execution.run(chunks)
            except RuntimeError as error:
                if not is_short_memory(error):
                    raise EngineError(f"the device failed on a frame: {first_line(error)}") from error
                self._runners.make_room(runner, error)

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""
