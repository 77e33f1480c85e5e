"""TensorBoard: numbers of the training as curves, and pictures of what the averaged network does."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from network.training.pool import images
from network.training.step import gain_of

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.pool import Pool
    from network.training.recipes import Preset
    from network.training.step import Progress

_log = logging.getLogger("deblur.training")

FOLDER = "tensorboard"


@dataclass(frozen=True, slots=True)
class TensorBoardOptions:
    """Options of TensorBoard.

    Attributes:
        validation: Pairs of which a fixed batch is shown; None takes it from the training pool.
        images: Number of pairs that are shown.
        image_minutes: Minutes between pictures.
        every: Number of steps over which numbers are averaged.
    """

    validation: Pool | None = None
    images: int = 4
    image_minutes: float = 10.0
    every: int = 20


class TensorBoardLog:
    """Writes event files.

    Args:
        folder: Folder of the event files.
        options: Options of TensorBoard.
        batch: Blurred and sharp pictures to show, each in [0, 1], float (N, 3, H, W).
        pairs: Number of pairs in a step.
        step: Number of steps done before; entries that a killed start wrote after it are dropped.

    Raises:
        ModuleNotFoundError: Without the package ``tensorboard``.
    """

    def __init__(
        self, folder: Path, options: TensorBoardOptions, batch: tuple[Tensor, Tensor], *, pairs: int, step: int
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter  # optional

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        self._options = options
        self._batch = batch
        self._pairs = pairs
        self._latest: list[Progress] = []
        self._before = (step, 0.0, 0.0)
        self._shown = -math.inf

    def observe(self, progress: Progress, average: nn.Module) -> None:
        """Takes note of a step.

        Args:
            progress: Progress that the step reports.
            average: The averaged network, in evaluation mode.
        """
        self._latest.append(progress)
        if len(self._latest) >= self._options.every:
            self._write_numbers()
        if time.monotonic() - self._shown > 60 * self._options.image_minutes:
            self._write_pictures(average, progress.step)
            self._shown = time.monotonic()

    def close(self) -> None:
        """Writes all entries that are left."""
        if self._latest:
            self._write_numbers()
        self._writer.close()

    def _write_numbers(self) -> None:
        last = self._latest[-1]
        step, waited, elapsed = self._before
        seconds = max(last.elapsed - elapsed, 1e-9)
        gains = [progress.gain for progress in self._latest if math.isfinite(progress.gain)]
        scalars: dict[str, float] = {
            "loss": _mean([progress.loss for progress in self._latest]),
            "learning rate": last.rate,
            "gradient norm": _mean([progress.gradient_norm for progress in self._latest]),
            "images per second": (last.step - step) * self._pairs / seconds,
            "data wait share": (last.waited - waited) / seconds,
        } | ({"gain in dB": _mean(gains)} if gains else {})
        for name, value in scalars.items():
            self._writer.add_scalar(f"training/{name}", value, last.step)
        self._writer.flush()
        self._before = (last.step, last.waited, last.elapsed)
        self._latest.clear()

    @torch.no_grad()
    def _write_pictures(self, average: nn.Module, step: int) -> None:
        blurred, sharp = self._batch
        result = average(blurred).clamp(0, 1)
        self._writer.add_scalar("validation/gain in dB", gain_of(result, blurred, sharp), step)
        triples = torch.cat((blurred.clamp(0, 1), result, sharp), dim=3)
        for number, triple in enumerate(triples.float().cpu()):
            self._writer.add_image(f"blurred, averaged network, sharp/{number}", triple, step)
        self._writer.flush()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def make_log(
    options: TensorBoardOptions | None,
    pool: Pool,
    run: Path,
    preset: Preset,
    device: torch.device,
    step: int,
) -> TensorBoardLog | None:
    """The log of a run; None where none is wanted, or where TensorBoard is not installed, which is logged.

    The pictures are the same for every start of every run on the same pairs.

    Args:
        options: Options of TensorBoard; None for no TensorBoard.
        pool: Pool of pairs that the network is trained on.
        run: Folder of the run.
        preset: The recipe.
        device: Device of the averaged network.
        step: Number of steps done before.
    """
    if options is None:
        return None
    rngs = [np.random.default_rng([0, number]) for number in range(options.images)]
    batch = images((options.validation or pool).batch(rngs, preset.patch), device)
    try:
        return TensorBoardLog(run / FOLDER, options, batch, pairs=preset.batch, step=step)
    except ImportError as error:
        _log.warning(f"nothing goes to TensorBoard ({error}): pip install tensorboard")
        return None
