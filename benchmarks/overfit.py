"""Shows that the paper-size network trains: it learns four real pairs by heart. Ends with 1 if it does not.

    python benchmarks/overfit.py EVAL/reds --json docs/results/data/overfit.json

The centres of four pairs, spread evenly over the folder's, are all that the network sees, with the paper's loss over
three scales and Adam. A network with a fault in its layers, its loss or its gradients stays far below 38 dB; blurred
pictures lie at 20 to 30. With the defaults a step computes about 60 GMAC.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from network.data.datasets import find_pairs
from network.data.pairs import read_pair
from network.evaluation.metrics import psnr
from network.files import write_json
from network.models import registry
from network.training.losses import LOSSES
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Pictures = NDArray[np.uint8]

MULTIPLE, SMALLEST = 16, 48
"""What three scales divide by, and the least crop whose coarsest scale holds SSIM's 11x11 window."""


@dataclass(frozen=True)
class Reading:
    """Progress of the training.

    Attributes:
        step: Number of steps done.
        loss: Loss of the last step.
        psnr: Mean PSNR over the pairs, of the 8-bit rounded output, in dB.
        worst: Least PSNR of a pair, in dB.
        seconds: Time since the start, in seconds.
    """

    step: int
    loss: float
    psnr: float
    worst: float
    seconds: float


def centres(folder: Path, count: int, crop: int) -> tuple[Pictures, Pictures]:
    """Centres of pairs, blurred and sharp: uint8 (count, crop, crop, 3) each."""
    pairs = find_pairs(folder)
    if len(pairs) < count:
        raise SystemExit(f"{folder} holds {len(pairs)} pairs; {count} are needed")
    sides = []
    for index in np.linspace(0, len(pairs) - 1, count).round().astype(int):
        pair = np.stack(read_pair(pairs[index]))
        top, left = (pair.shape[1] - crop) // 2, (pair.shape[2] - crop) // 2
        if min(top, left) < 0:
            raise SystemExit(f"pair {pairs[index].name} is smaller than a crop of {crop}x{crop}")
        sides.append(pair[:, top : top + crop, left : left + crop])
    blurred, sharp = np.stack(sides, axis=1)
    return blurred, sharp


def overfit(
    blurred: Pictures, sharp: Pictures, *, steps: int, rate: float, every: int, device: str
) -> Iterator[Reading]:
    """Trains ``idc`` on the same few pairs, and tells how far it is every so many steps."""
    network = convert_conv2d_weight_memory_format(registry.create("idc").to(device).train(), torch.channels_last)
    inputs, targets = _tensor(blurred, device), _tensor(sharp, device)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    # Up in the first twentieth, since the first steps decide whether ReLUs die, and down to nothing for the last dB.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.05, cycle_momentum=False)
    begun = time.monotonic()
    for step in range(1, steps + 1):
        results = network.forward_scales(inputs)  # type: ignore[operator]
        loss = LOSSES["mixed"](results, targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % every == 0 or step in {1, steps}:
            scores = _scores(network, inputs, sharp)
            yield Reading(step, loss.item(), fmean(scores), min(scores), time.monotonic() - begun)


def _tensor(pictures: Pictures, device: str) -> Tensor:
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255


def _scores(network: nn.Module, inputs: Tensor, sharp: Pictures) -> list[float]:
    with torch.no_grad():
        outputs = (network(inputs).permute(0, 2, 3, 1) * 255).round().clamp(0, 255).to(torch.uint8)
    return [psnr(output, target) for output, target in zip(outputs.cpu().numpy(), sharp, strict=True)]


def main(words: Sequence[str] | None = None) -> None:
    """Trains until the goal or the last step, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="pairs, as `deblur evaluate` reads them")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--crop", type=int, default=48, help="side of a centre, in pixels")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=5e-4, help="highest learning rate")
    parser.add_argument("--goal", type=float, default=38.0, help="mean PSNR to reach, in dB")
    parser.add_argument("--every", type=int, default=50, help="steps between two readings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the readings here")
    arguments = parser.parse_args(words)
    if arguments.crop < SMALLEST or arguments.crop % MULTIPLE:
        parser.error(f"--crop must be at least {SMALLEST} and a multiple of {MULTIPLE}")
    torch.manual_seed(arguments.seed)
    blurred, sharp = centres(arguments.folder, arguments.pairs, arguments.crop)
    before = fmean(psnr(first, second) for first, second in zip(blurred, sharp, strict=True))
    print(f"blurred input: {before:.2f} dB", flush=True)
    readings: list[Reading] = []
    for reading in overfit(
        blurred,
        sharp,
        steps=arguments.steps,
        rate=arguments.rate,
        every=arguments.every,
        device=arguments.device,
    ):
        readings.append(reading)
        print(
            f"step {reading.step}: {reading.psnr:.2f} dB, worst {reading.worst:.2f}, loss {reading.loss:.5f}, "
            f"{reading.seconds:.0f} s",
            flush=True,
        )
        if reading.psnr > arguments.goal:
            break
    if arguments.json:
        settings = {key: value for key, value in vars(arguments).items() if key not in {"folder", "json"}}
        found = {"settings": settings, "blurred_psnr": before, "readings": [asdict(reading) for reading in readings]}
        write_json(arguments.json, found | {"machine": describe()})
    if readings[-1].psnr <= arguments.goal:
        sys.exit(f"{readings[-1].psnr:.2f} dB after {arguments.steps} steps; the goal is {arguments.goal:.2f}")
    print(f"over {arguments.goal:.2f} dB after {readings[-1].step} steps")


if __name__ == "__main__":
    main()
