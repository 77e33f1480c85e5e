"""Weights on disk: safetensors with the network's configuration, a digest and the training card in the header.

Nothing is ever unpickled. The digest covers every tensor's name, type, shape and bytes, so a truncated or changed
file is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

from network.errors import NetworkError, WeightsError, first_line
from network.files import write_bytes
from network.models import registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

FORMAT = "deblur-stream weights 1"


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a weights file.

    Attributes:
        network: Name of the network, one of :func:`network.models.registry.names`.
        options: Options of the network's constructor.
        digest: SHA-256 over the tensors, hexadecimal.
        card: Training card: data, recipe, steps, figures. Free-form, JSON-serialisable.
    """

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    card: dict[str, Any] = field(default_factory=dict)


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, in the order of their names; hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).numpy().tobytes())
    return digest.hexdigest()


def save(path: Path, module: nn.Module, *, name: str, options: Mapping[str, Any], card: Mapping[str, Any]) -> Header:
    """Writes a network's weights atomically.

    Args:
        path: File to write, which is replaced if it is there.
        module: The network, batch normalisation not folded.
        name: The network's name in the registry.
        options: Options of the network's constructor.
        card: The training card.

    Returns:
        The header as written.

    Raises:
        OSError: If the file can't be written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    header = Header(name, dict(options), digest_of(tensors), dict(card))
    metadata = {
        "format": FORMAT,
        "network": header.network,
        "options": json.dumps(header.options),
        "digest": header.digest,
        "card": json.dumps(header.card),
    }
    write_bytes(path, serialize(tensors, metadata))
    return header


def load(path: Path) -> tuple[nn.Module, Header]:
    """Reads a network with its weights, in evaluation mode, on the CPU.

    Args:
        path: File that :func:`save` wrote.

    Raises:
        WeightsError: If the file is missing, truncated, changed, of another kind, or does not fit its network.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is not there; give a .safetensors file that 'deblur train' wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is truncated or is no safetensors file ({error}); fetch it again") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} holds no weights of this project; give a file that 'deblur train' wrote")
    try:
        header = Header(
            metadata["network"],
            json.loads(metadata["options"]),
            metadata["digest"],
            json.loads(metadata["card"]),
        )
    except (KeyError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path} has a damaged header ({error}); fetch it again") from error
    if digest_of(tensors) != header.digest:
        raise WeightsError(f"{path} was changed after it was written: its digest does not match; fetch it again")
    try:
        module = registry.create(header.network, **header.options)
        module.load_state_dict(tensors)
    except (NetworkError, RuntimeError) as error:
        raise WeightsError(
            f"{path} does not fit network {header.network!r} with {header.options}: {first_line(error)}"
        ) from error
    return module.eval(), header
