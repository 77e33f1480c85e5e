"""The engine that runs networks with PyTorch as it is: for networks just trained, on CUDA or the processor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from network import weights
from network.errors import first_line
from network.models.layers import fold_for_inference, to_precision
from network.planar import IntegerPlanes, PlanarNetwork
from network.planes import PlaneBatch
from network.processor import processor_name
from network.window.device import DeviceWindows
from network.window.found import HostFrames, find_motion
from network.window.host import HostWindows
from network.window.planar import WindowPlanes
from network.window.windows import Window
from network.window.working import working_spec
from pipeline.engines.base import check_pair, check_windows
from pipeline.errors import EngineError
from pipeline.runner.allocation import allocating
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

    from network.planes import PlaneSpec
    from network.window.windows import Windows


@dataclass(frozen=True, slots=True)
class TorchOptions:
    """How PyTorch runs a network.

    Attributes:
        device: PyTorch's name of the device; None takes CUDA where it is there, else the processor.
        threads: Threads to compute with on the processor; None leaves it to PyTorch. It holds for the whole process.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        half: Whether the network computes in 16-bit floating point; plane arithmetic stays in 32 bits.
    """

    device: str | None = None
    threads: int | None = None
    strength: float = 1.0
    half: bool = False


class TorchEngine:
    """Deblurs with a network that PyTorch runs operation by operation.

    Args:
        network: Maps RGB (N, 3, H, W), nominally in [0, 1], to the same shape, or is one over time; float32. It is
            taken over: moved to the device, and its batch normalisation folded.
        name: Name of the network, for :attr:`info`.
        digest: Digest of the network's weights, for :attr:`info`; empty if it has none.
        options: Options to run the network with.

    Raises:
        EngineError: If the device is not there.
    """

    def __init__(
        self, network: torch.nn.Module, *, name: str, digest: str = "", options: TorchOptions | None = None
    ) -> None:
        self._options = options or TorchOptions()
        if self._options.threads is not None:
            torch.set_num_threads(self._options.threads)
        try:
            self._device = torch.device(self._options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
            self._dtype = torch.float16 if self._options.half else torch.float32
            self._network = to_precision(fold_for_inference(network), self._dtype).to(self._device)
        except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built with CUDA
            raise EngineError(f"PyTorch can't use device {self._options.device!r}: {first_line(error)}") from error
        window = getattr(network, "window", None)
        self._window = window if isinstance(window, Window) else None
        self._planar: dict[PlaneSpec, IntegerPlanes] = {}
        self._on_host: HostWindows | None = None
        self._info = EngineInfo(
            backend=f"PyTorch {torch.__version__}",
            device=_device_name(self._device),
            precision="fp16" if self._options.half else "fp32",
            network=name,
            digest=digest,
            kind="torch",
            window=self._window or Window(),
        )

    @classmethod
    def from_weights(cls, path: Path, options: TorchOptions | None = None) -> TorchEngine:
        """An engine for the network of a safetensors file.

        Args:
            path: A file that ``deblur train`` wrote.
            options: Options to run the network with.

        Raises:
            network.errors.WeightsError: If the file can't be read.
            EngineError: If the device is not there.
        """
        network, header = weights.load(path)
        return cls(network, name=header.network, digest=header.digest, options=options)

    @property
    def info(self) -> EngineInfo:
        """Facts about this engine."""
        return self._info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch; for CUDA in pinned memory, which the device reads directly.

        Args:
            spec: Kind and size of the frames.
            batch: Frames in the batch, at least 1.

        Raises:
            EngineError: If the memory does not suffice.
        """
        with allocating(spec, batch):
            if self._device.type != "cuda":
                return PlaneBatch.empty(spec, batch)
            dtype = torch.uint8 if spec.depth == 8 else torch.uint16
            shapes = spec.plane_shapes
            planes = tuple(torch.empty((batch, *shape), dtype=dtype, pin_memory=True).numpy() for shape in shapes)
            return PlaneBatch(spec, planes)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs frames of ``batch`` into ``out``.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten; of the same spec as ``batch``, in other memory.
            windows: Windows of the frames to make, see :meth:`pipeline.runner.protocols.Engine.run`.

        Raises:
            EngineError: If the batches or the windows don't match, or PyTorch fails, for want of memory for example.
        """
        if self._window is None:
            check_pair(batch, out)
        else:
            windows = check_windows(batch, out, windows, self._window)
        try:
            with torch.inference_mode():
                if self._window is None or windows is None:
                    results = self._module(batch.spec)(*(self._to_device(plane) for plane in batch.planes))
                    _put(results, out)
                elif self._device.type == "cpu":
                    self._run_on_host(batch, out, windows)
                else:
                    self._run_on_device(batch, out, windows)
        except RuntimeError as error:
            raise EngineError(f"PyTorch failed on a frame: {first_line(error)}") from error

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""

    def _module(self, spec: PlaneSpec) -> IntegerPlanes:
        if spec not in self._planar:
            planar = PlanarNetwork(self._network, spec, self._options.strength, self._dtype)
            self._planar[spec] = IntegerPlanes(planar).to(self._device).eval()
        return self._planar[spec]

    def _run_on_host(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows) -> None:
        """Makes the frames of windows one after the other, aligned by OpenCV."""
        if self._on_host is None or self._on_host.spec != batch.spec:
            self._on_host = HostWindows(batch.spec, self._network, self._info.window, self._options.strength)
        self._on_host.run(batch, windows, out)

    def _run_on_device(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows) -> None:
        """Makes the frames of windows at once, aligned on the device."""
        facts: list[Any] = [windows]
        if windows.shape[1] > 1:
            found = find_motion(HostFrames(batch), windows, batch.spec)
            facts = [found.places, found.is_there, found.flow, found.motion]
        core = WindowPlanes(self._network, working_spec(batch.spec), self._options.strength)
        planes = [self._to_device(plane) for plane in batch.planes]
        _put(DeviceWindows(batch.spec, core)(planes, *(self._to_device(fact) for fact in facts)), out)

    def _to_device(self, plane: Any) -> torch.Tensor:
        return torch.from_numpy(plane).to(self._device, non_blocking=True)


def _put(results: tuple[torch.Tensor, ...], out: PlaneBatch) -> None:
    """Copies results to host memory."""
    for target, result in zip(out.planes, results, strict=True):
        torch.from_numpy(target[: len(result)]).copy_(result)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
