"""A portable engine where others compile: read from its file, checked, compared with PyTorch, and warmed up."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from network import weights
from network.errors import NetworkError
from network.models import registry
from trt import build, library, parity
from trt.cache import EngineCache
from trt.compiler import warm_up
from trt.errors import BuildError, CacheError, MissingError, PortableError
from trt.portable import check_portable
from trt.portable_file import Portable, read_portable

if TYPE_CHECKING:
    import torch
    from torch import nn

    from trt.build_or_load import Request
    from trt.compiled import Compiled

_log = logging.getLogger("deblur.trt")

RTX = "tensorrt_rtx"


def require_rtx() -> None:
    """Makes sure that portable engines can run here.

    Raises:
        MissingError: If there is no CUDA device, or Torch-TensorRT is not there or is not that for TensorRT-RTX.
    """
    library.require_cuda()
    package = library.torch_tensorrt().tensorrt_package_name
    if package != RTX:
        raise MissingError(f'portable engines run on TensorRT-RTX, not on {package}: pip install "deblur-stream[rtx]"')


class PortableCompiler:
    """A :class:`trt.compiler.Compiler` that takes the engine of a file for every size and batch in its range.

    Args:
        path: A file that ``deblur engine build --portable`` wrote.

    Raises:
        PortableError: If the file is not there or damaged, or its weights are not those of its engine.

    Attributes:
        header: Facts for which the engine was built.
        network: The network that the engine was built from, on the CPU.
    """

    def __init__(self, path: Path) -> None:
        content = read_portable(path)
        self.header = content.header
        self.network = _network(path, content)
        self._engine = content.engine

    @property
    def name(self) -> str:
        """See :class:`trt.compiler.Compiler`."""
        return f"TensorRT-RTX {self.header.tensorrt}"

    def __call__(self, request: Request, device: torch.device) -> Compiled:
        """See :class:`trt.compiler.Compiler`."""
        check_portable(self.header, request.signature, request.settings)
        kernels = self._kernels(request, device)
        try:
            compiled = build.load(self._engine, request.signature, device, kernels)
        except BuildError:
            if kernels is None or not kernels.is_file():
                raise
            kernels.unlink()  # they may be what was refused
            compiled = build.load(self._engine, request.signature, device, kernels)
        figures = parity.verify(compiled, self.network, request.settings, device)
        _log.info(f"the portable engine, compared with PyTorch: {figures}")
        warm_up(compiled, device)
        return compiled

    def _kernels(self, request: Request, device: torch.device) -> Path | None:
        """File for the kernels of one size and batch on one kind of device; None where the cache can't be used."""
        facts = [self.header.sha256, request.signature.size, request.batch, asdict(library.environment(device))]
        try:
            return EngineCache().kernels(hashlib.sha256(json.dumps(facts).encode()).hexdigest())
        except CacheError as error:
            _log.warning(str(error))
            return None


def _network(path: Path, content: Portable) -> nn.Module:
    name = content.header.network
    if content.weights is None:
        if content.header.network_digest:
            raise PortableError(f"{path} is damaged: its weights are missing; copy or build it again")
        try:
            return registry.create(name)
        except NetworkError as error:
            raise PortableError(f"{path} holds a network that is not known here: {error}") from error
    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        file = Path(folder) / "weights.safetensors"
        file.write_bytes(content.weights)
        try:
            network, header = weights.load(file)
        except NetworkError as error:
            reason = str(error).replace(str(file), "the part with the weights")
            raise PortableError(f"{path} can't be used: {reason}") from error
    if (header.network, header.digest) != (name, content.header.network_digest):
        raise PortableError(f"{path} is damaged: its weights are not those of its engine; build it again")
    return network
