"""Engines for one device, ready to run: from the cache or built, compared with PyTorch, and warmed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from trt import library, parity
from trt.build_or_load import build_or_load
from trt.cache import EngineCache
from trt.compiled import empty_for

if TYPE_CHECKING:
    from trt.build_or_load import Request
    from trt.compiled import Compiled


class Compiler(Protocol):
    """What compiles networks."""

    @property
    def name(self) -> str:
        """The library and its version, such as ``TensorRT 11.1``."""

    def __call__(self, request: Request, device: torch.device) -> Compiled:
        """Compiles, and logs each step that takes long.

        Args:
            request: Request to compile a network.
            device: Device on which it is to run.

        Raises:
            trt.errors.TensorRTError: If the network can't be compiled, or computes something else than it should.
            torch.OutOfMemoryError: If the device's memory does not suffice.
        """


class TensorRTCompiler:
    """TensorRT, with the cache of engines.

    Args:
        cache: Cache that keeps engines; None for the user's own cache.

    Raises:
        MissingError: If Torch-TensorRT or a CUDA device is not there.
        CacheError: If the cache folder can't be used.
    """

    def __init__(self, cache: EngineCache | None = None) -> None:
        library.require_cuda()
        module = library.torch_tensorrt()
        self._cache = cache or EngineCache()
        environment = library.environment()
        package, _, version = environment.tensorrt.partition(" ")
        self._name = f"{'TensorRT-RTX' if 'rtx' in package else 'TensorRT'} {version}"
        features = module.ENABLED_FEATURES
        if features.torch_tensorrt_runtime and not features.tensorrt_rtx:
            # The C++ runtime records an engine's kernels once and starts them together from then on. For the whole
            # process: that is the only switch there is.
            module.runtime.set_cudagraphs_mode(True)

    @property
    def name(self) -> str:
        """See :class:`Compiler`."""
        return self._name

    def __call__(self, request: Request, device: torch.device) -> Compiled:
        """See :class:`Compiler`."""

        def verify(made: Compiled) -> str:
            return parity.verify(made, request.network, request.settings, device)

        compiled = build_or_load(request, device, self._cache, verify)
        warm_up(compiled, device)
        return compiled


def warm_up(compiled: Compiled, device: torch.device) -> None:
    """Runs a network once, so that memory is taken and graphs are recorded before other threads use the device.

    Raises:
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    compiled(tuple(tensor.zero_() for tensor in empty_for(compiled.inputs, device)))
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
