"""The list of engines by name. It holds those of this package; a user can add others."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Entry:
    load: EngineLoader
    only_measured: bool = False


_engines: dict[str, _Entry] = {
    "openvino": _Entry(loaders.load_openvino),
    "tensorrt": _Entry(loaders.load_tensorrt),
    "torch": _Entry(loaders.load_torch),
    "onnxruntime": _Entry(loaders.load_onnxruntime, only_measured=True),
}


def register_engine(name: str, load: EngineLoader, *, only_measured: bool = False) -> None:
    """Adds an engine, which can then be chosen by its name wherever an engine can be named.

    It is known in the process that registered it. `deblur` itself knows it where a program registers it and then calls
    :func:`pipeline.cli.main`. The engine should give ``name`` as :attr:`pipeline.runner.protocols.EngineInfo.kind`.

    Args:
        name: Name of the engine, such as ``mine``.
        load: Function that makes the engine from a :class:`pipeline.engines.loaders.EngineRequest`. It raises
            :class:`pipeline.errors.UsageError` for a request that it can't fulfil, and
            :class:`pipeline.errors.EngineError` if it fails.
        only_measured: Whether the engine is there for `deblur bench` alone.

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
    _engines[name] = _Entry(load, only_measured)


def engine_names(*, measured: bool = False) -> tuple[str, ...]:
    """Names of the engines that may be asked for, ``auto`` first.

    Args:
        measured: Whether engines that are only measured are among them.
    """
    return AUTO, *(name for name, entry in _engines.items() if measured or not entry.only_measured)


def engine_loader(name: str, *, measured: bool = False) -> EngineLoader:
    """The loader of the engine of a name; ``auto`` has none.

    Args:
        name: Name of the engine.
        measured: Whether it may be one that is only measured.

    Raises:
        UsageError: If there is no such engine.
    """
    names = engine_names(measured=measured)
    if name not in names:
        raise UsageError(f"there is no engine {name!r}; choose one of {', '.join(names)}", field="engine")
    return _engines[name].load
