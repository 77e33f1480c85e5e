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
from network.training.losses import LOSSES, multi_scale_loss
from network.training.pool import Pool
from network.training.recipes import Preset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

RECIPE = Preset(
    options={"widths": [8, 8, 8], "depth": 1},
    batch=4,
    patch=32,
    steps=6,
    warmup=2,
    decay=3,
    rate=1e-4,
    noise=2.0,
    precision="fp32",
)
CASES = {
    "idc": ("idc", {}, "mixed", 48),
    "idc-rt": ("idc-rt", {"widths": (16, 16, 16), "depth": 2}, "frequency", 32),
}


class InterruptingPool(Pool):
    """Pairs whose fourth batch is drawn while Ctrl-C is pressed."""

    batches = 0

    def batch(self, rngs: Sequence[np.random.Generator], patch: int, fresh: float = 0.0) -> torch.Tensor:
        """As the pool's."""
        self.batches += 1
        if self.batches == 4:
            signal.raise_signal(signal.SIGINT)
        return super().batch(rngs, patch, fresh)


def gradients(case: str, processes: Processes) -> dict[str, torch.Tensor]:
    """Loss and gradients after one backward pass over the same batch; batch normalisation uses what it remembers."""
    name, options, loss, patch = CASES[case]
    torch.manual_seed(3)
    network = registry.create(name, **options).eval()
    for parameter in network.parameters():  # the last layer begins with zeros, which would hide the others
        if parameter.ndim == 4 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    blurred, sharp = torch.rand(2, 4, 3, patch, patch, generator=torch.Generator().manual_seed(4))
    model = processes.wrap(network, torch.device("cpu"))
    part = processes.share(len(sharp))
    value = multi_scale_loss(model(blurred[part]), sharp[part], LOSSES[loss])
    value.backward()
    tensors = {key: weight.grad for key, weight in network.named_parameters() if weight.grad is not None}
    return {**tensors, "loss": torch.tensor(processes.mean(value.item()), dtype=torch.float64)}


def interrupted_step(pool: Pool, folder: Path, processes: Processes) -> int:
    """Trains until one process is interrupted; steps done."""
    done = 0
    try:
        for progress in train(replace(RECIPE, steps=1000), pool, folder, processes=processes):
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
        steps = train(RECIPE, Pool([pool]), out / "run", processes=processes)
        losses = [progress.loss for progress in steps]
        # Ctrl-C reaches the second process alone.
        pairs = (InterruptingPool if processes.rank else Pool)([pool])
        done = interrupted_step(pairs, out / "interrupted", processes)
        save_file(
            {"losses": torch.tensor(losses, dtype=torch.float64), "interrupted": torch.tensor([done])},
            own / "training.safetensors",
        )


if __name__ == "__main__":
    main()
