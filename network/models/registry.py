"""Networks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from network.errors import NetworkError
from network.models.idc import IDC
from network.models.idc_rt import IDCRealTime
from network.models.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

NETWORKS: dict[str, Callable[..., nn.Module]] = {"idc": IDC, "idc-rt": IDCRealTime, "identity": Identity}
"""Every network is a module from RGB in [0, 1], float, (N, 3, H, W) to the same shape."""


def create(name: str, **options: Any) -> nn.Module:
    """A new network with its initial, untrained weights.

    Args:
        name: A key of :data:`NETWORKS`.
        options: Of the network's constructor, such as ``scales`` or ``texture``.

    Raises:
        NetworkError: If there is no such network, or it has no such option.
    """
    if name not in NETWORKS:
        raise NetworkError(f"there is no network {name!r}; choose one of {', '.join(NETWORKS)}")
    if "widths" in options:  # JSON knows no tuples
        options["widths"] = tuple(options["widths"])
    try:
        return NETWORKS[name](**options)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"network {name!r} can't be made with {options}: {error}") from error
