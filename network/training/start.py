"""The state from which a run begins or goes on, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.optim.swa_utils import AveragedModel

from network.errors import TrainingError, first_line
from network.models import registry
from network.training.checkpoint import TrainingState, load_checkpoint
from network.training.losses import LOSSES
from network.training.optimisers import make_optimisers, make_scaler
from network.training.pool import Pool
from network.training.windows import WindowPool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from network import weights
    from network.training.examples import TrainingPool
    from network.training.losses import Loss
    from network.training.recipes import Preset


def usable_device(name: str) -> torch.device:
    """A device that was tried.

    Args:
        name: PyTorch's name of the device, such as ``cuda:0``.

    Raises:
        TrainingError: If there is no such device.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # an assertion: PyTorch without CUDA
        raise TrainingError(f"device {name!r} can't be used ({first_line(error)}); 'cpu' works everywhere") from error
    return device


def open_pool(preset: Preset, folders: Sequence[Path]) -> TrainingPool:
    """The pool that a recipe trains on: of windows for a network over time, else of pairs.

    Args:
        preset: The recipe.
        folders: Folders of pools.

    Raises:
        DataError: If a folder holds no such pool, or a damaged one.
    """
    kind = WindowPool if loss_of(preset).of_windows else Pool
    return kind(folders)


def loss_of(preset: Preset) -> Loss:
    """The loss of a recipe.

    Raises:
        TrainingError: If there is no such loss.
    """
    if preset.loss not in LOSSES:
        raise TrainingError(f"loss is one of {', '.join(LOSSES)}, not {preset.loss!r}")
    return LOSSES[preset.loss]


def initial_state(
    preset: Preset,
    device: torch.device,
    dtype: torch.dtype,
    checkpoint: Path,
    *,
    last: dict[str, Any] | None = None,
    start_weights: tuple[nn.Module, weights.Header] | None = None,
) -> TrainingState:
    """The state of the checkpoint, where there is one; else that of the starting weights; else a random one.

    Args:
        preset: The recipe.
        device: Device to train on.
        dtype: Type in which the network computes.
        checkpoint: File of the run's checkpoint; need not exist.
        last: Record of the run's last start, see :class:`network.training.run_log.RunRecord`.
        start_weights: Starting weights from :func:`network.weights.load`.

    Raises:
        TrainingError: If recipe, last start, starting weights and checkpoint don't fit each other.
    """
    options = json.loads(json.dumps(preset.options))  # as files hold it: lists, no tuples
    if last is not None:
        before = last["recipe"]
        if (before["network"], before["options"]) != (preset.network, options):
            raise TrainingError(
                f"{checkpoint.parent} trains {before['network']} {before['options']}, not {preset.network} {options}; "
                "give another folder, or the same network and options"
            )
    network = _new_network(preset)
    card: dict[str, Any] = {}
    if start_weights is not None:
        loaded, header = start_weights
        if (header.network, header.options) != (preset.network, options):
            raise TrainingError(
                f"the starting weights are {header.network} {header.options}, not {preset.network} {options}"
            )
        network.load_state_dict(loaded.state_dict())
        card = header.card
    # Channels last trains about a seventh faster on the CPU and is what tensor cores want.
    network = convert_conv2d_weight_memory_format(network.to(device), torch.channels_last).train()
    state = TrainingState(
        network,
        running_average(network, preset.ema),
        make_optimisers(network, preset),
        make_scaler(dtype, device),
        patches=int(card.get("patches", 0)),
        seconds=3600 * float(card.get("hours", 0)),
    )
    # Weights that were trained long are an average already, which is not to be forgotten in a few steps.
    state.average.n_averaged.fill_(1 + state.patches // preset.batch)
    if checkpoint.exists():
        load_checkpoint(checkpoint, state)
    elif state.patches >= preset.until:
        raise TrainingError(
            f"the starting weights have seen {state.patches} patches, and until is {preset.until}; give more"
        )
    return state


Tensors = tuple[Tensor, ...] | list[Tensor]


def running_average(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights and of what its batch normalisation remembers.

    It begins as the network is now, in evaluation mode. ``n_averaged`` is one more than the steps that are in it;
    set it for a network that was trained before.

    Args:
        network: The network; it is copied.
        decay: Decay of the average in the long run. In the first steps, it forgets faster.
    """

    def move(means: Tensors, values: Tensors, count: Tensor | int) -> None:
        if means[0].dtype.is_floating_point:
            weight = 1 - min(decay, int(count) / (9 + int(count)))
            for mean, value in zip(means, values, strict=True):
                mean.lerp_(value, weight)
        else:  # counters of batch normalisation
            for mean, value in zip(means, values, strict=True):
                mean.copy_(value)

    average = AveragedModel(network, multi_avg_fn=move, use_buffers=True).eval()
    average.n_averaged.fill_(1)  # at 0, PyTorch would forget the weights that it begins with
    return average


def _new_network(preset: Preset) -> nn.Module:
    loss = loss_of(preset)
    torch.manual_seed(preset.seed)
    network = registry.create(preset.network, **preset.options)
    if not hasattr(network, "forward_scales"):
        raise TrainingError(f"network {preset.network!r} has nothing to train; choose another")
    sees_windows = hasattr(network, "window")
    if sees_windows != loss.of_windows:
        fitting = ", ".join(name for name, other in LOSSES.items() if other.of_windows == sees_windows)
        raise TrainingError(f"the loss {preset.loss!r} is not for {preset.network}; choose {fitting}")
    if sees_windows and preset.noise:
        raise TrainingError("noise is for pictures: windows hold their noise already; set noise=0")
    multiple = int(getattr(network, "multiple", 1))
    if preset.patch % multiple:
        raise TrainingError(f"patch is {preset.patch}, but {preset.network} needs a multiple of {multiple}")
    return network
