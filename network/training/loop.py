"""The training loop."""

from __future__ import annotations

import logging
import math
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
from network.training.pool import add_noise
from network.training.run_log import RunRecord, describe, differences
from network.training.signals import DeferredInterrupts
from network.training.start import initial_state, usable_device
from network.training.step import Progress, take_step
from network.training.tensorboard import TensorBoardLog, TensorBoardOptions, make_log
from network.window.windows import Window

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import torch
    from torch import nn

    from network.training.examples import Examples, TrainingPool
    from network.training.recipes import Preset

_log = logging.getLogger("deblur.training")

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
OFFENDING_BATCH = "not_a_number_{rank}.npz"

REFRESH = 500
"""Steps after which a pool that changes is looked at anew."""

MOST_FAULTS = 20
"""Steps of a start that may move nothing since loss or gradient is not finite; the next one ends it."""


def train(
    preset: Preset,
    pool: TrainingPool,
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
    resumed run sees what an uninterrupted one would have seen, as long as the pool is no ring. A step whose loss or
    gradient is not finite moves nothing and is logged; after :data:`MOST_FAULTS` of them the run ends.

    Args:
        preset: The recipe.
        pool: Pool of windows or pairs, as :func:`network.training.start.open_pool` gives it.
        run: Folder of the run; made if missing, resumed if it holds a checkpoint.
        start_from: Weights of the same architecture to begin a new run with; None for a random start.
        device: A torch device.
        checkpoint_every: Seconds between checkpoints.
        processes: Processes that train together, each by its own call; the first alone writes files.
        tensorboard: Options of TensorBoard; None for no TensorBoard.

    Yields:
        Progress after each step.

    Raises:
        TrainingError: If loss or gradient is not finite too often (the batch is saved in the run folder), if the
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
            state=state,
            dtype=dtype,
            device=chosen,
            processes=processes.count,
            start_from=(start_from, start_weights[1]) if start_from and start_weights else None,
        )
        for line in differences(record.last, start) if record.last else []:
            _log.warning(line)
        log = make_log(tensorboard, pool, run, preset, chosen, _window_of(state.network), state.step)
        files = _Files(run, preset, state, record, start, log, checkpoint_every)
    with DeferredInterrupts(patient=processes.count > 1) as signals:
        stopped = yield from _steps(preset, pool, run, state, chosen, dtype, processes, files, signals)
    if stopped:
        signals.deliver()
        raise KeyboardInterrupt


def _steps(
    preset: Preset,
    pool: TrainingPool,
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
    waited, whole, stopped, faults = 0.0, True, False, 0
    window = _window_of(state.network)
    with closing(_batches(pool, preset, state, device, processes)) as batches:
        try:
            while state.patches < preset.until and not stopped:
                asked = time.monotonic()
                made = next(batches)
                waited += time.monotonic() - asked
                examples = pool.examples(made, window, device)
                if preset.noise:
                    add_noise(examples.inputs[0], _sources(preset, state.step, processes, 1), preset.noise / 255)
                whole = False
                result = take_step(state, model, preset, dtype, processes, examples, interrupted=signals.received)
                if result.fault:
                    faults += 1
                    _log.warning(f"{result.fault} at step {state.step}, which moved nothing")
                    if faults > MOST_FAULTS:
                        raise _with_batch(result.fault, run, state.step, examples, processes)
                if result.moved:
                    state.average.update_parameters(state.network)
                state.step += 1
                state.patches += preset.batch
                whole = True
                elapsed = time.monotonic() - begun
                progress = Progress(
                    state.step,
                    state.patches,
                    result.loss,
                    result.rate,
                    waited,
                    elapsed,
                    result.gradient_norm,
                    result.gain,
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
            "patches": state.patches,
            "hours": round(state.seconds / 3600, 4),
            "recipe": asdict(self._preset),
            **{name: self._start[name] for name in ("start_from", "pool", "versions", "git", "machine")},
        }
        network, options = self._preset.network, self._preset.options
        weights.save(self._run / WEIGHTS, state.average.module, name=network, options=options, card=card)
        self._record.spent(state.step - self._earlier_steps, elapsed)


def _window_of(network: nn.Module) -> Window:
    """Neighbours that a network looks at; one for pictures has none."""
    window = getattr(network, "window", None)
    return window if isinstance(window, Window) else Window()


def _batches(
    pool: TrainingPool, preset: Preset, state: TrainingState, device: torch.device, processes: Processes
) -> Generator[Any]:
    """This process's parts of the batches that are left, made ahead."""

    def batch(step: int) -> Any:
        if pool.is_ring and step % REFRESH == 0:
            pool.refresh()
        return pool.batch(_sources(preset, step, processes), preset.patch)

    left = math.ceil((preset.until - state.patches) / preset.batch)
    return made_ahead(batch, range(state.step, state.step + left), threads_for(device))


def _sources(preset: Preset, step: int, processes: Processes, *use: int) -> list[np.random.Generator]:
    """Randomness for each patch of this process's part, by its number: so the parts make up the whole batch."""
    numbers = range(preset.batch)[processes.share(preset.batch)]
    return [np.random.default_rng([preset.seed, step, number, *use]) for number in numbers]


def _with_batch(fault: str, run: Path, step: int, examples: Examples, processes: Processes) -> TrainingError:
    path = run / OFFENDING_BATCH.format(rank=processes.rank)
    arrays: dict[str, Any] = {f"input_{index}": tensor.cpu().numpy() for index, tensor in enumerate(examples.inputs)}
    np.savez(path, **arrays, target=examples.target.cpu().numpy())
    what = "the batch" if processes.count == 1 else f"process {processes.rank}'s part of the batch"
    return TrainingError(f"{fault} at step {step}, and was in {MOST_FAULTS} steps before; {what} is in {path}")
