"""The state of a training run on disk, so that it can go on exactly where it stopped.

safetensors, like all weights: nothing is ever unpickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from network.errors import TrainingError, first_line
from network.files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn
    from torch.amp import GradScaler
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel


@dataclass(slots=True)
class TrainingState:
    """The state that a run changes.

    Attributes:
        network: The network that is trained.
        average: Running average of its weights, see :func:`network.training.start.running_average`.
        optimisers: Optimisers of the network's parameters, with their moments.
        scaler: Scaler of gradients; disabled but for fp16.
        step: Number of steps done, over all starts of the run.
        patches: Number of patches seen over all runs, those of the starting weights included.
        seconds: Seconds of training over all runs, those of the starting weights included.
    """

    network: nn.Module
    average: AveragedModel
    optimisers: list[Optimizer]
    scaler: GradScaler
    step: int = 0
    patches: int = 0
    seconds: float = 0.0


def save_checkpoint(path: Path, state: TrainingState) -> None:
    """Writes the state atomically: whoever reads, and whatever ends this process, the file is whole.

    Args:
        path: File to write, which is replaced if it is there.
        state: State to write.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module in (("network", state.network), ("average", state.average.module)):
        tensors |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
    for number, optimiser in enumerate(state.optimisers):
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"optimisers.{number}.{index}.{name}": tensor for name, tensor in values.items()}
    header = {
        "step": state.step,
        "patches": state.patches,
        "seconds": state.seconds,
        "averaged": int(state.average.n_averaged),
        "optimisers": _names(state.optimisers),
        "scaler": state.scaler.state_dict(),
    }
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {name: json.dumps(value) for name, value in header.items()},
    )
    write_bytes(path, content)


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Restores what :func:`save_checkpoint` wrote.

    Args:
        path: Path of the checkpoint.
        state: A state of the same architecture and optimisers, which is changed. Learning rates are left as they are.

    Raises:
        TrainingError: If the file is damaged, or is of another architecture or other optimisers.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            # Copies: an optimiser keeps what it is given, and Windows can't replace a file of which a part is mapped.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
        counts = {name: header[name] for name in ("step", "patches", "seconds", "averaged")}
        for prefix, module in (("network.", state.network), ("average.", state.average.module)):
            module.load_state_dict(_below(tensors, prefix))
        _restore_optimisers(tensors, header, state.optimisers)
        # fp16's scale is of no use to other arithmetic, and a run may go on in fp16 that began without.
        if state.scaler.is_enabled() and header.get("scaler"):
            state.scaler.load_state_dict(header["scaler"])
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path} can't be resumed ({first_line(error)}); start in another folder") from error
    state.step, state.patches, state.seconds = int(counts["step"]), int(counts["patches"]), float(counts["seconds"])
    state.average.n_averaged.fill_(int(counts["averaged"]))


def patches_of(path: Path) -> int:
    """Number of patches over all runs in a checkpoint; 0 where there is none that can be read."""
    return _number(path, "patches")


def step_of(path: Path) -> int:
    """Number of steps done in a checkpoint; 0 where there is none that can be read."""
    return _number(path, "step")


def _number(path: Path, name: str) -> int:
    try:
        with safe_open(path, framework="pt") as file:
            return int((file.metadata() or {}).get(name, 0))
    except (SafetensorError, OSError):
        return 0


def _restore_optimisers(tensors: dict[str, Tensor], header: dict[str, Any], optimisers: list[Optimizer]) -> None:
    names = _names(optimisers)
    if header["optimisers"] != names:
        raise ValueError(f"it was trained by {' and '.join(header['optimisers'])}, not by {' and '.join(names)}")
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimisers]
    for name, tensor in _below(tensors, "optimisers.").items():
        number, index, key = name.split(".", 2)
        states[int(number)].setdefault(int(index), {})[key] = tensor
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _names(optimisers: list[Optimizer]) -> list[str]:
    return [type(optimiser).__name__ for optimiser in optimisers]


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
