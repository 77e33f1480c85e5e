"""Networks with random weights, to be timed: they change the picture, not the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.engines.loaders import require

if TYPE_CHECKING:
    from pathlib import Path


def write_untrained(network: str, path: Path) -> None:
    """Writes a network with random weights, the same every time.

    Args:
        network: Name of a network of the package, or of the user's own.
        path: File to write, ending in ``.onnx``.

    Raises:
        UsageError: If PyTorch, or what exports by it, is not installed.
        network.errors.NetworkError: If there is no such network.
    """
    require(
        f"network {network!r} comes without weights, and to time it with random ones", "torch", "onnx", "onnxscript"
    )
    import torch

    from network.export import export_network
    from network.models.registry import create

    torch.manual_seed(0)
    export_network(create(network).eval(), path, name=network, digest="")
