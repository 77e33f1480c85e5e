"""The training loop."""

from __future__ import annotations

import copy
import json
import math
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from network import registry, weights
from network.checkpoint import load_checkpoint, save_checkpoint
from network.errors import TrainingError
from network.loss import LOSSES, multi_scale_loss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from network.pool import Pool
    from network.presets import Preset

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step reports.

    Attributes:
        step: Steps done, over all starts of the run.
        loss: Of the step.
        rate: Learning rate of the step.
        waited: Seconds since the start that the loop waited for data.
        elapsed: Seconds since the start.
    """

    step: int
    loss: float
    rate: float
    waited: float
    elapsed: float


def rate_at(preset: Preset, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if step < preset.warmup:
        return preset.rate * (step + 1) / preset.warmup
    if preset.schedule == "exponential":
        return float(preset.rate * (preset.final_rate / preset.rate) ** (step / preset.steps))
    fall = min(1.0, max(0.0, (step - (preset.steps - preset.decay)) / preset.decay))
    return preset.rate + (preset.final_rate - preset.rate) * fall


def train(
    preset: Preset,
    pool: Pool,
    run: Path,
    *,
    start_from: Path | None = None,
    device: str = "cpu",
    checkpoint_every: float = 600.0,
) -> Iterator[Progress]:
    """Trains, or goes on with, the network of a run folder.

    A checkpoint and the averaged weights are written every ``checkpoint_every`` seconds, at the end, and when the
    iteration is closed (Ctrl-C in the caller). Sampling depends on seed and step alone, so a resumed run sees what an
    uninterrupted one would have seen.

    Args:
        preset: The recipe.
        pool: The pairs.
        run: Folder of the run; made if missing, resumed if it holds a checkpoint.
        start_from: Weights of the same architecture to begin a new run with; None for a random start.
        device: A torch device.
        checkpoint_every: Seconds between checkpoints.

    Yields:
        Progress after each step.

    Raises:
        TrainingError: If the loss is not a number (the batch is saved in the run folder), or the checkpoint or the
            starting weights don't fit.
    """
    torch.manual_seed(preset.seed)
    network = registry.create(preset.network, **preset.options)
    if start_from is not None:
        loaded, header = weights.load(start_from)
        if (header.network, header.options) != (preset.network, preset.options):
            raise TrainingError(
                f"{start_from} is {header.network} {header.options}, not {preset.network} {preset.options}"
            )
        network.load_state_dict(loaded.state_dict())
    # Channels last trains about a seventh faster on the CPU and is what tensor cores want.
    network = convert_conv2d_weight_memory_format(network.to(device), torch.channels_last).train()
    average = copy.deepcopy(network)
    kind = torch.optim.AdamW if preset.optimiser == "adamw" else torch.optim.Adam
    optimiser = kind(network.parameters(), preset.rate, weight_decay=preset.weight_decay)
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / CHECKPOINT
    step = load_checkpoint(checkpoint, network, average, optimiser) if checkpoint.exists() else 0
    _record(run, preset, pool, start_from, step)
    begun = saved = time.monotonic()
    waited = 0.0
    with ThreadPoolExecutor(1) as loader:
        upcoming = loader.submit(_batch, pool, preset, step)
        try:
            while step < preset.steps:
                asked = time.monotonic()
                blurred, sharp = upcoming.result()
                waited += time.monotonic() - asked
                upcoming = loader.submit(_batch, pool, preset, step + 1)
                rate = rate_at(preset, step)
                loss = _step(network, optimiser, preset, rate, _placed(blurred, device), _placed(sharp, device))
                if not math.isfinite(loss):
                    batch = run / "not_a_number.npz"
                    np.savez(batch, blurred=blurred.numpy(), sharp=sharp.numpy())
                    raise TrainingError(f"the loss of step {step} is {loss}; the batch is in {batch}")
                _average(average, network, min(preset.ema, (1 + step) / (10 + step)))
                step += 1
                yield Progress(step, loss, rate, waited, time.monotonic() - begun)
                if time.monotonic() - saved > checkpoint_every:
                    _save(run, preset, step, network, average, optimiser)
                    saved = time.monotonic()
        except TrainingError:
            raise  # the last good checkpoint stays
        except BaseException:
            _save(run, preset, step, network, average, optimiser)
            raise
    _save(run, preset, step, network, average, optimiser)


def _placed(images: Tensor, device: str) -> Tensor:
    return images.to(device, memory_format=torch.channels_last)


def _batch(pool: Pool, preset: Preset, step: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng([preset.seed, step])
    blurred, sharp = pool.batch(rng, preset.batch, preset.patch)
    if preset.noise:
        deviations = np.abs(rng.normal(0, preset.noise / 255, (preset.batch, 1, 1, 1)))
        noise = rng.standard_normal(blurred.shape, np.float32) * deviations.astype(np.float32)
        blurred = blurred + torch.from_numpy(noise)
    return blurred, sharp


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    preset: Preset,
    rate: float,
    blurred: Tensor,
    sharp: Tensor,
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    results = network.forward_scales(blurred)  # type: ignore[operator]
    loss = multi_scale_loss(results, sharp, LOSSES[preset.loss])
    value = loss.item()
    if not math.isfinite(value):
        return value
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), preset.clip)
    optimiser.step()
    return value


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Moves the average towards the network; counters of batch normalisation are copied."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _save(
    run: Path,
    preset: Preset,
    step: int,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    save_checkpoint(run / CHECKPOINT, step, network, average, optimiser)
    card = {"steps": step, "recipe": asdict(preset)}
    weights.save(run / WEIGHTS, average, name=preset.network, options=preset.options, card=card)


def _record(run: Path, preset: Preset, pool: Pool, start_from: Path | None, step: int) -> None:
    """Appends what this start of the run was made with."""
    entry = {
        "step": step,
        "recipe": asdict(preset),
        "pool": {"pairs": len(pool), "digest": pool.digest},
        "start_from": str(start_from) if start_from else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
    }
    with (run / "starts.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
