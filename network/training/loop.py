"""The training loop."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from network import weights
from network.data.prefetch import made_ahead, threads_for
from network.errors import NetworkError, TrainingError
from network.files import discard_partials
from network.training.checkpoint import TrainingState, save_checkpoint
from network.training.distributed import ALONE, Processes
from network.training.optimisers import arithmetic
from network.training.pool import add_noise, images
from network.training.run_log import RunRecord, describe, differences
from network.training.signals import DeferredInterrupts
from network.training.start import initial_state, usable_device
from network.training.step import NotFiniteError, Progress, take_step
from network.training.tensorboard import TensorBoardLog, TensorBoardOptions, make_log

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import torch
    from torch import Tensor

    from network.training.pool import Pool
    from network.training.recipes import Preset

_log = logging.getLogger("deblur.training")

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
OFFENDING_BATCH = "not_a_number_{rank}.npz"


def train(
    preset: Preset,
    pool: Pool,
    run: Path,
    *,
    start_from: Path | None = None,
    device: str = "cpu",
    checkpoint_every: float = 600.0,
    processes: Processes = ALONE,
    tensorboard: TensorBoardOptions | None = None,
) -> Iterator[Progress]:
    """Trains, or goes on with, the network of a run folder.

    The logger `deblur.training` says what differs from the last start, and what is missing.

    A checkpoint and the averaged weights are written every ``checkpoint_every`` seconds, at the end, when the
    iteration is closed, and on Ctrl-C or SIGTERM: while the iteration is under way, the first of these waits for the
    end of the step, and is then handed to whoever handled it before. Sampling depends on seed and step alone, so a
    resumed run sees what an uninterrupted one would have seen.

    Args:
        preset: The recipe.
        pool: Pool of pairs.
        run: Folder of the run; made if missing, resumed if it holds a checkpoint.
        start_from: Weights of the same architecture to begin a new run with; None for a random start.
        device: A torch device.
        checkpoint_every: Seconds between checkpoints.
        processes: Processes that train together, each by its own call; the first alone writes files.
        tensorboard: Options of TensorBoard; None for no TensorBoard.

    Yields:
        Progress after each step.

    Raises:
        TrainingError: If the loss or its gradient is not finite (the batch is saved in the run folder), if the
            checkpoint, the starting weights or an earlier start of the run don't fit, or if the recipe can't be run
            on the device or by so many processes.
        WeightsError: If the starting weights can't be read.
        KeyboardInterrupt: After an interruption, if nobody else handled it.
    """
    if preset.batch % processes.count:
        raise TrainingError(f"a batch of {preset.batch} can't be shared evenly by {processes.count} processes")
    chosen = usable_device(device)
    dtype = arithmetic(preset.precision, chosen)
    record = RunRecord(run)
    start_weights = weights.load(start_from) if start_from is not None else None
    state = initial_state(preset, chosen, dtype, run / CHECKPOINT, last=record.last, start_weights=start_weights)
    if processes.mean(state.step)[0] != state.step:
        raise TrainingError(f"the processes don't see the same {run}; give a folder that all of them share")
    files = None
    if processes.leads:
        start = describe(
            preset,
            pool,
            step=state.step,
            dtype=dtype,
            device=chosen,
            processes=processes.count,
            start_from=(start_from, start_weights[1]) if start_from and start_weights else None,
        )
        for line in differences(record.last, start) if record.last else []:
            _log.warning(line)
        log = make_log(tensorboard, pool, run, preset, chosen, state.step)
        files = _Files(run, preset, state, record, start, log, checkpoint_every)
    with DeferredInterrupts(patient=processes.count > 1) as signals:
        stopped = yield from _steps(preset, pool, run, state, chosen, dtype, processes, files, signals)
    if stopped:
        signals.deliver()
        raise KeyboardInterrupt


def _steps(
    preset: Preset,
    pool: Pool,
    run: Path,
    state: TrainingState,
    device: torch.device,
    dtype: torch.dtype,
    processes: Processes,
    files: _Files | None,
    signals: DeferredInterrupts,
) -> Generator[Progress, None, bool]:
    """The loop.

    Returns:
        Whether the loop ended by an interruption.
    """
    model = processes.wrap(state.network, device)
    begun = time.monotonic()
    waited, whole, stopped = 0.0, True, False
    steps = range(state.step, preset.steps)
    batches = made_ahead(lambda step: _pairs(pool, preset, step, processes), steps, threads_for(device))
    with closing(batches):
        try:
            while state.step < preset.steps and not stopped:
                asked = time.monotonic()
                pairs = next(batches)
                waited += time.monotonic() - asked
                blurred, sharp = images(pairs, device)
                if preset.noise:
                    add_noise(blurred, _sources(preset, state.step, processes, 1), preset.noise / 255)
                whole = False
                try:
                    result = take_step(
                        state, model, preset, dtype, processes, blurred, sharp, interrupted=signals.received
                    )
                except NotFiniteError as error:
                    raise _with_batch(error, run, state.step, (blurred, sharp), processes) from error
                state.average.update_parameters(state.network)
                state.step += 1
                whole = True
                elapsed = time.monotonic() - begun
                progress = Progress(
                    state.step, result.loss, result.rate, waited, elapsed, result.gradient_norm, result.gain
                )
                if files is not None:
                    files.observe(progress)
                yield progress
                # Processes must stop at the same step, so they go by what all of them knew before it.
                stopped = result.interrupted if processes.count > 1 else signals.received
        except NetworkError:
            whole = False  # the last good checkpoint stays
            raise
        finally:
            # Not whole: a second interruption came within the step, and the last checkpoint stays.
            if files is not None:
                files.close(save=whole)
    return stopped


class _Files:
    """What the process that leads writes into the run folder."""

    def __init__(
        self,
        run: Path,
        preset: Preset,
        state: TrainingState,
        record: RunRecord,
        start: dict[str, Any],
        log: TensorBoardLog | None,
        every: float,
    ) -> None:
        self._run, self._preset, self._state = run, preset, state
        self._record, self._start, self._log = record, start, log
        self._every = every
        self._earlier_steps, self._earlier_seconds = state.step, state.seconds
        self._begun = self._saved = time.monotonic()
        run.mkdir(parents=True, exist_ok=True)
        discard_partials(run)
        record.begin(start)

    def observe(self, progress: Progress) -> None:
        if self._log is not None:
            self._log.observe(progress, self._state.average.module)
        if time.monotonic() - self._saved > self._every:
            self._save()
            self._saved = time.monotonic()

    def close(self, *, save: bool) -> None:
        if self._log is not None:
            self._log.close()
        if save:
            self._save()

    def _save(self) -> None:
        state = self._state
        elapsed = time.monotonic() - self._begun
        state.seconds = self._earlier_seconds + elapsed
        save_checkpoint(self._run / CHECKPOINT, state)
        card = {
            "steps": state.inherited_steps + state.step,
            "hours": round(state.inherited_hours + state.seconds / 3600, 4),
            "recipe": asdict(self._preset),
            **{name: self._start[name] for name in ("start_from", "pool", "versions", "git", "machine")},
        }
        network, options = self._preset.network, self._preset.options
        weights.save(self._run / WEIGHTS, state.average.module, name=network, options=options, card=card)
        self._record.spent(state.step - self._earlier_steps, elapsed)


def _pairs(pool: Pool, preset: Preset, step: int, processes: Processes) -> Tensor:
    """This process's part of a step's batch."""
    return pool.batch(_sources(preset, step, processes), preset.patch, preset.fresh)


def _sources(preset: Preset, step: int, processes: Processes, *use: int) -> list[np.random.Generator]:
    """Randomness for each patch of this process's part, by its number: so the parts make up the whole batch."""
    numbers = range(preset.batch)[processes.share(preset.batch)]
    return [np.random.default_rng([preset.seed, step, number, *use]) for number in numbers]


def _with_batch(
    error: NotFiniteError, run: Path, step: int, batch: tuple[Tensor, Tensor], processes: Processes
) -> TrainingError:
    path = run / OFFENDING_BATCH.format(rank=processes.rank)
    np.savez(path, blurred=batch[0].cpu().numpy(), sharp=batch[1].cpu().numpy())
    what = "the batch" if processes.count == 1 else f"process {processes.rank}'s part of the batch"
    return TrainingError(f"{error} at step {step}; {what} is in {path}")
