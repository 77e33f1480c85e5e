"""ONNX Runtime as an engine: an opponent for `deblur bench`, and a way to devices that OpenVINO does not know.

It computes the same as the default engine from the same files, the plane arithmetic included, as a user of
ONNX Runtime would write it: three sessions one after the other, or, for a network over time, one, with the arithmetic
of its planes in numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from network import catalogue
from network.colour import coefficients
from network.planes import PlaneBatch, PlaneSpec
from network.processor import processor_name
from network.window.stage import WindowStage
from network.window.windows import Window
from pipeline.engines.base import check_pair, check_windows
from pipeline.errors import EngineError, UsageError
from pipeline.runner.allocation import allocating
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

    from network.window.windows import Windows

_ERRORS_ONLY = 3

CPU_PROVIDER = "CPUExecutionProvider"

PROVIDERS = {"cpu": CPU_PROVIDER, "coreml": "CoreMLExecutionProvider", "directml": "DmlExecutionProvider"}
"""ONNX Runtime's execution providers by the name of the device that a user asks for. Only the first was ever run."""


def provider_of(device: str) -> str:
    """The execution provider for a device.

    Args:
        device: One of :data:`PROVIDERS`, in upper or lower case.

    Raises:
        UsageError: If there is no such device, or the installed ONNX Runtime comes without its provider.
    """
    provider = PROVIDERS.get(device.lower())
    if provider is None:
        raise UsageError(f"ONNX Runtime has no device {device!r}; choose one of {', '.join(PROVIDERS)}", field="device")
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise UsageError(
            f"`device` {device} needs the {provider} of ONNX Runtime; the installed one has {', '.join(available)}",
            field="device",
        )
    return provider


class OnnxRuntimeEngine:
    """Deblurs with a network in an ONNX file.

    Args:
        path: File of the network, as ``deblur export`` writes it: RGB (N, 3, H, W) float32 to the same, or one over
            time.
        threads: Threads to compute with on the processor; None leaves it to ONNX Runtime.
        provider: Execution provider that runs the network; the processor takes what it does not support.

    Raises:
        EngineError: If ONNX Runtime can't load the file, or the provider does not start.
    """

    def __init__(self, path: Path, threads: int | None = None, provider: str = CPU_PROVIDER) -> None:
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = _ERRORS_ONLY
        if threads is not None:
            self._options.intra_op_num_threads = threads
        if provider == PROVIDERS["directml"]:
            self._options.enable_mem_pattern = False  # DirectML's documentation demands it
        self._network = self._session(path, provider)
        if provider not in self._network.get_providers():  # without an error, the processor stands in
            raise EngineError(f"ONNX Runtime can't start {provider} here; leave out `device`", field="device")
        self._graphs: dict[PlaneSpec, tuple[Any, Any]] = {}
        self._stages: dict[PlaneSpec, WindowStage] = {}
        metadata = self._network.get_modelmeta().custom_metadata_map
        stated = metadata.get(catalogue.WINDOW_KEY)
        self._window = None if stated is None else Window(*map(int, stated.split(",")))
        self._info = EngineInfo(
            backend=f"ONNX Runtime {onnxruntime.__version__}",
            device=processor_name() if provider == CPU_PROVIDER else provider,
            precision="fp32",
            network=metadata.get(catalogue.NETWORK_KEY, path.stem),
            digest=metadata.get(catalogue.DIGEST_KEY, ""),
            kind="onnxruntime",
            window=self._window or Window(),
        )

    @property
    def info(self) -> EngineInfo:
        """Facts about this engine."""
        return self._info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, and loads the graphs of its layout.

        Args:
            spec: Kind and size of the frames.
            batch: Frames in the batch, at least 1.

        Raises:
            EngineError: If ``batch`` is below 1, or the memory does not suffice.
        """
        with allocating(spec, batch):
            if self._window is None:
                self._planar(spec)
            return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs ``batch`` into ``out``.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten; of the same spec and size as ``batch``, in other memory.
            windows: Windows of the frames to make, see :meth:`pipeline.runner.protocols.Engine.run`.

        Raises:
            EngineError: If the two don't match, or ONNX Runtime fails.
        """
        if self._window is not None:
            self._run_windows(batch, out, check_windows(batch, out, windows, self._window), self._window)
            return
        check_pair(batch, out)
        before, after = self._planar(batch.spec)
        numbers = coefficients(batch.spec)
        planes = {f"plane{index}": plane.astype(np.float32) for index, plane in enumerate(batch.planes)}
        try:
            (rgb,) = before.run(None, planes | {"to_rgb": numbers.to_rgb, "offset": numbers.offset})
            (result,) = self._network.run(None, {self._network.get_inputs()[0].name: rgb})
            named = {"from_rgb": numbers.from_rgb, "step": numbers.step, "maximum": numbers.maximum}
            words = after.run(None, planes | named | {"before": rgb, "after": result})
        except Exception as error:  # its own classes share no base but this
            raise EngineError(f"ONNX Runtime failed on a frame: {error}") from error
        for target, plane in zip(out.planes, words, strict=True):
            np.copyto(target, plane, casting="unsafe")  # the graph has rounded and clamped

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""

    def _run_windows(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows, window: Window) -> None:
        if batch.spec not in self._stages:
            self._stages[batch.spec] = WindowStage(batch.spec, window)
        stage = self._stages[batch.spec]
        working = stage.working
        for row in range(len(windows)):
            chosen = windows[row : row + 1]
            stage.fill(batch, chosen)
            codes = stage.luma.astype(np.float32), stage.chroma.astype(np.float32)
            inputs = {
                "luma": (codes[0] - working.luma_zero) / np.float32(working.luma_range),
                "chroma": (codes[1] - working.chroma_zero) / np.float32(working.chroma_range),
            }
            if window.frames > 1:
                inputs["motion"] = stage.motion
            try:
                luma, chroma = self._network.run(None, inputs)
            except Exception as error:  # its own classes share no base but this
                raise EngineError(f"ONNX Runtime failed on a frame: {error}") from error
            if working.is_direct:
                present = codes[0][:, window.before :][:, :1], codes[1][:, 2 * window.before :][:, :2]
                luma, chroma = (
                    np.clip(plane + np.rint(correction * scale), 0, working.maximum)
                    for plane, correction, scale in zip(
                        present, (luma, chroma), (working.luma_range, working.chroma_range), strict=True
                    )
                )
            stage.put(batch, chosen, luma, chroma, out, row)

    def _planar(self, spec: PlaneSpec) -> tuple[Any, Any]:
        if spec not in self._graphs:
            before, after = (self._session(path) for path in catalogue.planar_graph_files(spec.layout))
            self._graphs[spec] = before, after
        return self._graphs[spec]

    def _session(self, path: Path, provider: str = CPU_PROVIDER) -> Any:
        providers = list(dict.fromkeys([provider, CPU_PROVIDER]))
        try:
            return onnxruntime.InferenceSession(path, self._options, providers=providers)
        except Exception as error:  # its own classes share no base but this
            raise EngineError(f"ONNX Runtime can't load {path}: {error}") from error
