"""An engine for a request: from the cache, or built once and kept; compared with PyTorch before its first use."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from network.weights import digest_of
from trt import build, library
from trt.cache import Hit
from trt.errors import BuildError, CacheError, ParityError
from trt.key import EngineKey
from trt.settings import EngineSettings
from trt.signature import Signature, window_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from network.planes import PlaneSpec
    from trt.cache import EngineCache
    from trt.cache_entry import Entry
    from trt.compiled import Compiled
    from trt.library import Environment

_log = logging.getLogger("deblur.trt")

OWN_MODULES = (
    "network.planes",
    "network.colour",
    "network.planar",
    "network.models.layers",
    "network.window.planar",
    "network.window.working",
    "trt.signature",
    "trt.graphs",
    "trt.build",
)
"""Modules whose source decides what an engine computes, beside those of the network itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to compile a network.

    Attributes:
        network: Network for RGB or over time, float32, on the CPU, not folded.
        name: Name of the network.
        spec: Layout, depth, matrix and size of the planes.
        batch: Number of frames of a call, at least 1.
        settings: Settings of the build.
    """

    network: nn.Module
    name: str
    spec: PlaneSpec
    batch: int = 1
    settings: EngineSettings = field(default_factory=EngineSettings)

    @property
    def signature(self) -> Signature:
        """What goes in and comes out."""
        return Signature(self.spec, self.batch, window_of(self.network))


def build_or_load(
    request: Request,
    device: torch.device,
    cache: EngineCache | None,
    verify: Callable[[Compiled], str],
) -> Compiled:
    """Returns an engine that was compared with PyTorch.

    The logger `deblur.trt` says why an engine is built, how long that should take and took.

    Args:
        request: Request to compile a network.
        device: CUDA device on which the engine is to run.
        cache: Cache that keeps engines; None keeps none.
        verify: Function that compares an engine with PyTorch; returns the figures in one line, and raises ParityError
            if the engine is wrong. Called before an engine's first use, and not again for an engine from the cache.

    Raises:
        MissingError: If a library or the device is not there.
        ConversionError: If an operator can't be part of an engine.
        BuildError: If the build fails.
        ParityError: If the engine computes something else than PyTorch, now or when it was built.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    if cache is None:
        compiled = build.load(_build(request, device, None), request.signature, device)
        _log.info(f"compared with PyTorch: {verify(compiled)}")
        return compiled
    key = engine_key(request, library.environment(device))

    def use(engine: bytes, entry: Entry | None) -> Compiled:
        if entry is not None and entry.refused:
            raise ParityError(f"{entry.refused}; `deblur engine clear` makes it try again")
        # Kernels of an engine that could not be kept would stay behind alone.
        kernels = None if entry is None else cache.kernels(key.digest)
        compiled = build.load(engine, request.signature, device, kernels)
        return _verified(compiled, entry.parity if entry else "", key, cache, verify)

    found = cache.lookup(key)
    if isinstance(found, Hit):
        try:
            return use(found.engine, found.entry)
        except BuildError as error:
            _log.warning(f"the cached engine can't be loaded and is built again: {error}")
            cache.remove(key.digest)
    return use(*_build_once(request, key, device, cache))


def engine_key(request: Request, environment: Environment) -> EngineKey:
    """What an engine for a request is valid for."""
    signature, settings = request.signature, request.settings
    height, width = signature.size
    tensors = {**dict(request.network.named_parameters()), **dict(request.network.named_buffers())}
    return EngineKey(
        network=request.name,
        network_digest=digest_of(tensors),
        architecture_digest=architecture_digest(request.network),
        gpu_name=environment.gpu_name,
        compute_capability=environment.compute_capability,
        driver=environment.driver,
        cuda=environment.cuda,
        tensorrt=environment.tensorrt,
        torch_tensorrt=environment.torch_tensorrt,
        torch=environment.torch,
        precision=settings.precision.value,
        layout=_planes(signature),
        width=width,
        height=height,
        batch=request.batch,
        window="none" if signature.window is None else f"{signature.window.before},{signature.window.after}",
        settings=(
            f"strength {settings.strength}, optimization level {settings.optimization_level}, "
            f"workspace {settings.workspace_bytes}"
        ),
    )


def _planes(signature: Signature) -> str:
    """The planes in words. Kinds of frames that have the same working planes share an engine."""
    if signature.window is None:
        spec = signature.spec
        return f"{spec.layout} {spec.depth} bits {spec.matrix} {'full' if spec.full_range else 'limited'} range"
    working = signature.working
    return (
        f"luma {working.luma_zero}+{working.luma_range}, chroma {working.chroma_zero}+{working.chroma_range}, "
        f"{working.depth} bits, {'codes' if working.is_direct else 'corrections'}"
    )


def architecture_digest(network: nn.Module) -> str:
    """SHA-256 of what a network does with its tensors: its modules, their options, and the source that runs in them.

    PyTorch's own modules count by name and options; their code is the version of PyTorch.
    """
    digest = hashlib.sha256()
    sources = set(OWN_MODULES)
    for name, module in network.named_modules():
        kind = type(module)
        options = {
            key: value
            for key, value in sorted(vars(module).items())
            if not key.startswith("_") and isinstance(value, str | int | float | tuple | type(None))
        }
        options.pop("training", None)  # the network is put in evaluation mode anyhow
        digest.update(f"{name} {kind.__module__}.{kind.__qualname__} {options}\n".encode())
        sources.add(kind.__module__)
    for source in sorted(sources):
        if source.partition(".")[0] != "torch":
            digest.update(f"{source}\n".encode() + _source(source))
    return digest.hexdigest()


def _verified(
    compiled: Compiled,
    parity: str,
    key: EngineKey,
    cache: EngineCache,
    verify: Callable[[Compiled], str],
) -> Compiled:
    """Compares an engine with PyTorch unless that was done, and notes the outcome.

    Raises:
        ParityError: If it is wrong.
    """
    if parity:
        return compiled
    try:
        figures = verify(compiled)
    except ParityError as error:
        cache.judge(key, parity="", refused=str(error))
        raise
    _log.info(f"compared with PyTorch: {figures}")
    cache.judge(key, parity=figures)
    return compiled


def _build_once(
    request: Request, key: EngineKey, device: torch.device, cache: EngineCache
) -> tuple[bytes, Entry | None]:
    """Builds unless another process does so at the moment; then waits, and takes what that one built."""
    with contextlib.ExitStack() as stack:
        try:
            said = "another process builds this engine; waiting for it"
            stack.enter_context(cache.lock(key, lambda: _log.info(said)))
        except CacheError as error:
            _log.warning(str(error))
            return _build(request, device, None), None
        found = cache.lookup(key)
        if isinstance(found, Hit):
            return found.engine, found.entry
        _log.info(f"no engine for {key} in the cache: {found.reason}")
        begin = time.monotonic()
        engine = _build(request, device, cache.expected_seconds(key))
        try:
            return engine, cache.store(key, engine, round(time.monotonic() - begin, 1))
        except CacheError as error:  # the engine is good all the same
            _log.warning(str(error))
            return engine, None


def _build(request: Request, device: torch.device, expected: float | None) -> bytes:
    usual = "the first one on this GPU; it may take minutes" if expected is None else f"about {expected:.0f} s"
    _log.info(f"building a TensorRT engine for {request.signature} ({usual})")
    begin = time.monotonic()
    engine = build.build(request.signature, request.network, request.settings, device)
    _log.info(f"built in {time.monotonic() - begin:.0f} s, {len(engine) / 1e6:.1f} MB")
    return engine


def _source(module: str) -> bytes:
    """The source of a module; where there is none, a random text, so that no cached engine matches."""
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        return Path(path).read_bytes() if path else uuid.uuid4().bytes
    except OSError:
        return uuid.uuid4().bytes
