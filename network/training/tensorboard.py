"""TensorBoard: numbers of the training as curves, and pictures of what the averaged network does."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.examples import Examples, TrainingPool
    from network.training.recipes import Preset
    from network.training.step import Progress
    from network.window.windows import Window

_log = logging.getLogger("deblur.training")

FOLDER = "tensorboard"


@dataclass(frozen=True, slots=True)
class TensorBoardOptions:
    """Options of TensorBoard.

    Attributes:
        validation: Pool of which a fixed batch is shown; None takes it from the training pool.
        images: Number of patches that are shown.
        image_minutes: Minutes between pictures.
        every: Number of steps over which numbers are averaged.
    """

    validation: TrainingPool | None = None
    images: int = 4
    image_minutes: float = 10.0
    every: int = 20


class TensorBoardLog:
    """Writes event files.

    Args:
        folder: Folder of the event files.
        options: Options of TensorBoard.
        examples: What to show.
        patches: Number of patches in a step.
        step: Number of steps done before; entries that a killed start wrote after it are dropped.

    Raises:
        ModuleNotFoundError: Without the package ``tensorboard``.
    """

    def __init__(
        self, folder: Path, options: TensorBoardOptions, examples: Examples, *, patches: int, step: int
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter  # optional

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        self._options = options
        self._examples = examples
        self._patches = patches
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
            "patches per second": (last.step - step) * self._patches / seconds,
            "data wait share": (last.waited - waited) / seconds,
        } | ({"gain in dB": _mean(gains)} if gains else {})
        for name, value in scalars.items():
            self._writer.add_scalar(f"training/{name}", value, last.step)
        self._writer.flush()
        self._before = (last.step, last.waited, last.elapsed)
        self._latest.clear()

    @torch.no_grad()
    def _write_pictures(self, average: nn.Module, step: int) -> None:
        examples = self._examples
        result = average.forward_scales(*examples.inputs)[0]  # type: ignore[operator]
        self._writer.add_scalar("validation/gain in dB", examples.gain(result), step)
        sides = [examples.to_rgb(side).clamp(0, 1) for side in (examples.start, result, examples.target)]
        for number, triple in enumerate(torch.cat(sides, dim=3).float().cpu()):
            self._writer.add_image(f"blurred, averaged network, sharp/{number}", triple, step)
        self._writer.flush()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def make_log(
    options: TensorBoardOptions | None,
    pool: TrainingPool,
    run: Path,
    preset: Preset,
    device: torch.device,
    window: Window,
    step: int,
) -> TensorBoardLog | None:
    """The log of a run; None where none is wanted, or where TensorBoard is not installed, which is logged.

    The pictures are the same for every start of every run on the same pool.

    Args:
        options: Options of TensorBoard; None for no TensorBoard.
        pool: Pool that the network is trained on.
        run: Folder of the run.
        preset: The recipe.
        device: Device of the averaged network.
        window: Neighbours that the network looks at.
        step: Number of steps done before.
    """
    if options is None:
        return None
    rngs = [np.random.default_rng([0, number]) for number in range(options.images)]
    shown = options.validation or pool
    examples = shown.examples(shown.batch(rngs, preset.patch), window, device)
    try:
        return TensorBoardLog(run / FOLDER, options, examples, patches=preset.batch, step=step)
    except ImportError as error:
        _log.warning(f"nothing goes to TensorBoard ({error}): pip install tensorboard")
        return None
