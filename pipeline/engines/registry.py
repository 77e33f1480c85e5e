"""The list of engines by name. It holds those of this package; a user can add others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.engines import loaders
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engines.loaders import EngineRequest
    from pipeline.runner.protocols import Engine

    EngineLoader = Callable[[EngineRequest], Engine]

AUTO = "auto"
"""Name that stands for the fastest engine that is there. No engine can be registered under it."""


_engines: dict[str, EngineLoader] = {
    "openvino": loaders.load_openvino,
    "tensorrt": loaders.load_tensorrt,
    "torch": loaders.load_torch,
    "onnxruntime": loaders.load_onnxruntime,
}


def register_engine(name: str, load: EngineLoader) -> None:
    """Adds an engine, which can then be chosen by its name wherever an engine can be named.

    It is known in the process that registered it. `deblur` itself knows it where a program registers it and then calls
    :func:`pipeline.cli.main`. The engine should give ``name`` as :attr:`pipeline.runner.protocols.EngineInfo.kind`.

    Args:
        name: Name of the engine, such as ``mine``.
        load: Function that makes the engine from a :class:`pipeline.engines.loaders.EngineRequest`. It raises
            :class:`pipeline.errors.UsageError` for a request that it can't fulfil, and
            :class:`pipeline.errors.EngineError` if it fails.

    Raises:
        ValueError: If the name is empty, has a comma in it, or is taken.

    Example:
        >>> from pipeline.engines.load import load_engine
        >>> register_engine("mine", lambda request: MyEngine(request.weights, request.strength))
        >>> engine = load_engine("mine")
    """
    if not name or "," in name:
        raise ValueError(f"an engine's name is not empty and has no comma in it, as {name!r}")
    if name == AUTO or name in _engines:
        raise ValueError(f"there is an engine {name!r} already; choose another name")
    _engines[name] = load


def engine_names() -> tuple[str, ...]:
    """Names of the engines that may be asked for, ``auto`` first."""
    return AUTO, *_engines


def engine_loader(name: str) -> EngineLoader:
    """The loader of the engine of a name; ``auto`` has none.

    Raises:
        UsageError: If there is no such engine.
    """
    if name not in _engines:
        raise UsageError(f"there is no engine {name!r}; choose one of {', '.join(engine_names())}", field="engine")
    return _engines[name]
