"""Compiled networks for kinds of frames on devices: made when asked for, and small enough for the memory there is."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from pipeline.errors import EngineError
from trt.build_or_load import Request
from trt.compiled import TorchCompiled
from trt.errors import TensorRTError
from trt.execution import Execution, Lane
from trt.memory import Plan, estimate_bytes, free_memory, plans, start_with
from trt.programs import make_program
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.planes import PlaneSpec
    from trt.compiled import Compiled
    from trt.compiler import Compiler

_log = logging.getLogger("deblur.engines")

CHUNKS = 4
"""Number of parts of a batch for each device: while one is computed, the next goes up and the one before comes down."""

KEPT = 2
"""Number of kinds of frames for which engines are kept on the device at a time."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The runner of frames of one kind.

    Attributes:
        plan: Frames, or parts of them, that are computed at a time.
        rest: Plans to try if this one needs too much memory.
        execution: Compiled network that follows the plan.
    """

    plan: Plan
    rest: Iterator[Plan]
    execution: Execution


class Runners:
    """Runners of a network, one for each kind of frames.

    Where the compiler fails, or what it made computes something else than PyTorch, PyTorch runs the network instead.
    Where memory does not suffice, fewer frames are computed at a time, and then parts of frames. All of that is logged.

    Args:
        network: Network for RGB or over time, float32, on the CPU.
        name: Name of the network.
        compiler: Compiler of the network.
        devices: Devices that share the work, at least one.
        settings: Settings to build with.
        at_once: Most frames that the compiler's networks take in one call; None for any number.

    Attributes:
        compiler: Compiler of the network; None once it has failed.
        devices: The devices.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        name: str,
        compiler: Compiler,
        devices: list[torch.device],
        settings: EngineSettings,
        at_once: int | None = None,
    ) -> None:
        self._network, self._window, self._name = network, window_of(network), name
        self.compiler: Compiler | None = compiler
        self.devices, self._settings, self._at_once = devices, settings, at_once
        self._ready: OrderedDict[Signature, Runner] = OrderedDict()

    def runner(self, spec: PlaneSpec, batch: int) -> Runner:
        """The runner of such batches; it is made if there is none.

        Raises:
            EngineError: If the memory does not suffice, however few frames or parts of them are computed at a time.
        """
        frames = max(1, batch // (CHUNKS * len(self.devices)))
        frames = min(frames, self._at_once or frames)
        signature = Signature(spec, self._near(spec, frames), self._window)
        if signature in self._ready:
            self._ready.move_to_end(signature)
            return self._ready[signature]
        while len(self._ready) >= KEPT:
            self._ready.popitem(last=False)[1].execution.close()
        steps = start_with(plans(signature, self._network), lambda plan: self._needed(signature, plan), self._free())
        self._ready[signature] = self._next(signature, steps, None)
        return self._ready[signature]

    def make_room(self, runner: Runner, error: RuntimeError) -> None:
        """After a run that had too little memory: other kinds of frames go first, then a smaller plan is made.

        Args:
            runner: Runner that had too little.
            error: What it raised.

        Raises:
            EngineError: If there is no smaller plan.
        """
        signature = next(key for key, each in self._ready.items() if each is runner)
        others = [self._ready.pop(other) for other in list(self._ready) if other != signature]
        for other in others:
            other.execution.close()
        if not others:
            del self._ready[signature]
            runner.execution.close()
            self._ready[signature] = self._next(signature, runner.rest, runner.plan, error)
        _empty_cache(self.devices)

    def _near(self, spec: PlaneSpec, frames: int) -> int:
        """The number of frames at a time of a runner of such frames that is there, where it is near to ``frames``.

        A batch to read for a network over time is longer than the one to write; both are for one runner.
        """
        there = [signature.batch for signature in self._ready if signature.spec == spec]
        near = [each for each in there if self._window is not None and frames <= 2 * each <= 4 * frames]
        return frames if frames in there or not near else near[-1]

    def _next(
        self, signature: Signature, rest: Iterator[Plan], last: Plan | None, error: RuntimeError | None = None
    ) -> Runner:
        """The first of some plans for which memory suffices."""
        for plan in rest:
            if last is not None:
                _log.warning(f"the device's memory does not suffice for {last}; now {plan}")
            try:
                lanes = [self._lane(replace(signature, batch=plan.batch), plan, device) for device in self.devices]
                return Runner(plan, rest, Execution(lanes))
            except torch.OutOfMemoryError as short:
                last, error = plan, short
            _empty_cache(self.devices)
        raise EngineError(
            f"the GPU's memory does not suffice for frames of {signature.spec.width}x{signature.spec.height}; close "
            "other programs that use it, or choose `engine` openvino",
            field="engine",
        ) from error

    def _lane(self, signature: Signature, plan: Plan, device: torch.device) -> Lane:
        return Lane(make_program(lambda wanted: self._compiled(wanted, device), signature, plan.cut), device)

    def _compiled(self, signature: Signature, device: torch.device) -> Compiled:
        settings = self._settings
        if self.compiler is not None:
            request = Request(self._network, self._name, signature.spec, signature.batch, settings)
            try:
                return self.compiler(request, device)
            except TensorRTError as error:
                if is_short_memory(error):
                    raise torch.OutOfMemoryError(str(error)) from error
                _log.warning(f"{self.compiler.name} is not used: {error}; PyTorch runs the network in FP32 instead")
                self.compiler = None
        return TorchCompiled(signature, self._network, EngineSettings(Precision.FP32, settings.strength), device)

    def _needed(self, signature: Signature, plan: Plan) -> int:
        wanted = replace(signature, batch=plan.batch)
        return estimate_bytes(self._network, wanted, self._settings, plan.cut)

    def _free(self) -> int | None:
        """Free memory in bytes of the device that has the least; None if unknown."""
        known = [free for device in self.devices if (free := free_memory(device)) is not None]
        return min(known, default=None)


def _empty_cache(devices: list[torch.device]) -> None:
    """Gives memory that PyTorch holds in reserve to TensorRT, which has an allocator of its own."""
    if any(device.type != "cpu" for device in devices):
        torch.accelerator.empty_cache()


def is_short_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: PyTorch has a type for its own allocator's failures; CUDA and TensorRT say it."""
    return isinstance(error, torch.OutOfMemoryError) or bool(re.search("out ?of ?memory", str(error), re.IGNORECASE))
