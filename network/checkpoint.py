"""The state of a training run on disk, so that it can go on exactly where it stopped.

safetensors, like all weights: nothing is ever unpickled.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from network.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn
    from torch.optim import Optimizer


def save_checkpoint(path: Path, step: int, network: nn.Module, average: nn.Module, optimiser: Optimizer) -> None:
    """Writes the state atomically.

    Args:
        path: File to write; replaced if it is there.
        step: Steps done.
        network: Being trained.
        average: Moving average of its weights.
        optimiser: With its moments.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("network", network), ("average", average)):
        tensors |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    partial = path.with_name(path.name + ".partial")
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        partial,
        {"step": json.dumps(step)},
    )
    partial.replace(path)


def load_checkpoint(path: Path, network: nn.Module, average: nn.Module, optimiser: Optimizer) -> int:
    """Restores what :func:`save_checkpoint` wrote.

    Args:
        path: The checkpoint.
        network: Of the same architecture.
        average: Likewise.
        optimiser: Over ``network``'s parameters; its learning rate is left as it is.

    Returns:
        Steps done.

    Raises:
        TrainingError: If the file is damaged or is of another architecture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            step = int((file.metadata() or {})["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        for prefix, module in (("network.", network), ("average.", average)):
            module.load_state_dict(_below(tensors, prefix))
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"{path} can't be resumed ({str(error).splitlines()[0]}); start in another folder"
        ) from error
    states: dict[int, dict[str, Any]] = {}
    for name, tensor in _below(tensors, "optimiser.").items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    return step


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
