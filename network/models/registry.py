"""Networks by name: those of the package, which :mod:`network.catalogue` lists, and a user's own.

Needs PyTorch only to make a network.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any

from network import catalogue
from network.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

_registered: dict[str, Callable[..., nn.Module]] = {}


def register(name: str, make: Callable[..., nn.Module]) -> None:
    """Gives a network of the user's own a name, in this process.

    ``--network NAME`` and ``load_engine(network=NAME)`` then run what ``make()`` returns, with the weights that it
    comes with. Files of weights that name it can be saved, trained (if it has ``forward_scales``) and loaded.

    Args:
        name: Name of letters, digits, ``-`` and ``_``; not the name of a network of the package. A name that the user
            registered before is given anew.
        make: Function that returns a new network: a module from RGB in [0, 1], float, (N, 3, H, W) to the same shape.
            It may take options, which must be optional.

    Raises:
        NetworkError: If the name is another network's, or has other characters.
    """
    if name in catalogue.NETWORKS:
        raise NetworkError(f"network {name!r} comes with the package; choose another name for your own")
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise NetworkError(f"{name!r} can't name a network; use letters, digits, '-' and '_'")
    _registered[name] = make


def names() -> tuple[str, ...]:
    """Names of all networks, those of the package first."""
    return (*catalogue.NETWORKS, *_registered)


def is_registered(name: str) -> bool:
    """Whether a network is a user's own."""
    return name in _registered


def option_names(name: str) -> frozenset[str]:
    """Names of the options of a network's constructor.

    Args:
        name: Name of the network, one of :func:`names`.

    Raises:
        NetworkError: If there is no such network.
    """
    return frozenset(inspect.signature(_maker(name)).parameters)


def create(name: str, **options: Any) -> nn.Module:
    """A new network with the weights that it is made with: of those of the package, untrained ones.

    Args:
        name: Name of the network, one of :func:`names`.
        options: Options of the network's constructor, such as ``scales`` or ``texture``.

    Raises:
        NetworkError: If there is no such network, or it has no such option.
    """
    from torch import nn

    make = _maker(name)
    if "widths" in options:  # JSON knows no tuples
        options["widths"] = tuple(options["widths"])
    try:
        network = make(**options)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"network {name!r} can't be made with {options}: {error}") from error
    if not isinstance(network, nn.Module):
        raise NetworkError(f"what makes network {name!r} gave {type(network).__name__}, not a module of PyTorch")
    return network


def _maker(name: str) -> Callable[..., nn.Module]:
    if name not in names():
        raise NetworkError(f"there is no network {name!r}; choose one of {', '.join(names())}")
    make: Callable[..., nn.Module] = _registered.get(name) or pkgutil.resolve_name(catalogue.NETWORKS[name])
    return make
