"""What each of two processes does in the tests of data-parallel training. Run with torchrun's environment.

Arguments: the pool, and a folder for results.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from network.models import registry
from network.training.distributed import Processes, joined
from network.training.loop import train
from network.training.losses import LOSSES
from network.training.recipes import Preset
from network.training.windows import WindowBatch, WindowPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

RECIPE = Preset(
    options={"widths": [8, 8, 8], "depth": 1, "motion": 4},
    batch=4,
    patch=32,
    until=24,
    fall_from=12,
    warmup=2,
    rate=1e-4,
    precision="fp32",
)
CASES = {
    "idc": ("idc", {}, "mixed"),
    "idc-video": ("idc-video", {"widths": (16, 16, 16), "depth": 2}, "deviation"),
}


class InterruptingPool(WindowPool):
    """Windows whose fourth batch is drawn while Ctrl-C is pressed."""

    batches = 0

    def batch(self, rngs: Sequence[np.random.Generator], patch: int) -> WindowBatch:
        """As the pool's."""
        self.batches += 1
        if self.batches == 4:
            signal.raise_signal(signal.SIGINT)
        return super().batch(rngs, patch)


def gradients(case: str, processes: Processes) -> dict[str, torch.Tensor]:
    """Loss and gradients after one backward pass over the same batch; batch normalisation uses what it remembers."""
    name, options, loss = CASES[case]
    torch.manual_seed(3)
    network = registry.create(name, **options).eval()
    for parameter in network.parameters():  # the last layer begins with zeros, which would hide the others
        if parameter.ndim == 4 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    generator = torch.Generator().manual_seed(4)
    if name == "idc":
        inputs, sharp = [torch.rand(4, 3, 48, 48, generator=generator)], torch.rand(4, 3, 48, 48, generator=generator)
    else:
        inputs = [torch.rand(4, 72, 8, 8, generator=generator), torch.randn(4, 6, 4, 4, generator=generator)]
        sharp = torch.rand(4, 24, 8, 8, generator=generator)
    model = processes.wrap(network, torch.device("cpu"))
    part = processes.share(len(sharp))
    value = LOSSES[loss](model(*(tensor[part] for tensor in inputs)), sharp[part])
    value.backward()
    tensors = {key: weight.grad for key, weight in network.named_parameters() if weight.grad is not None}
    return {**tensors, "loss": torch.tensor(processes.mean(value.item()), dtype=torch.float64)}


def interrupted_step(pool: WindowPool, folder: Path, processes: Processes) -> int:
    """Trains until one process is interrupted; steps done."""
    done = 0
    try:
        for progress in train(replace(RECIPE, until=4000), pool, folder, processes=processes):
            done = progress.step
    except KeyboardInterrupt:
        return done
    return -1


def main() -> None:
    """Does everything, one after the other."""
    torch.set_num_threads(1)
    pool, out = Path(sys.argv[1]), Path(sys.argv[2])
    with joined("cpu") as (processes, _device):
        assert processes.count == 2
        own = out / f"process_{processes.rank}"
        own.mkdir()
        for case in CASES:
            save_file(gradients(case, processes), own / f"{case}.safetensors")
        steps = train(RECIPE, WindowPool([pool]), out / "run", processes=processes)
        losses = [progress.loss for progress in steps]
        # Ctrl-C reaches the second process alone.
        windows = (InterruptingPool if processes.rank else WindowPool)([pool])
        done = interrupted_step(windows, out / "interrupted", processes)
        save_file(
            {"losses": torch.tensor(losses, dtype=torch.float64), "interrupted": torch.tensor([done])},
            own / "training.safetensors",
        )


if __name__ == "__main__":
    main()
