"""Has segments made on the machines of a Ray cluster."""

from __future__ import annotations

import importlib
import logging
import math
import secrets
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from network.counting import count_of
from network.processor import processor_name
from pipeline.batch.ray_worker import Node, Refusal, ask, make
from pipeline.encode.output_file import work_folder
from pipeline.errors import DeblurError, EngineError, OutputError, UsageError
from pipeline.resume.workers import ExpectedOutput, FinishedSegment, WorkerShare, read_results

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from pipeline.job import VideoJob
    from pipeline.runner.protocols import Engine, EngineInfo

_log = logging.getLogger("deblur.cluster")

RETRIES = 3
"""Most times that a share is begun anew because its machine or process died. It goes on behind the segments it
finished."""

_POLL = 0.5
"""Seconds between two checks for finished segments."""

_PATIENCE = 5.0
"""Most seconds to wait for an answer from an address."""

_ANSWER = 120.0
"""Most seconds for a machine to load the engine and report its facts."""


class RayCluster:
    """The machines of a Ray cluster that is running. A context manager.

    Every machine has to see the inputs and the folder of the outputs under the same names. Segments go through that
    folder, not through Ray, which carries orders alone.

    Attributes:
        slots: Number of shares that can be at work at a time.
    """

    def __init__(
        self, address: str, engine: EngineInfo, load: Callable[[int], Callable[[], Engine]], *, cpus: int | None
    ) -> None:
        """Connects to the cluster.

        Args:
            address: Address of the cluster, such as ``10.0.0.1:6379``; ``auto`` for that of this machine.
            engine: Engine that this process and all machines use. Where it runs on a GPU, a share gets one.
            load: Function that returns the engine's loader for a number of cores; both are sent to other processes.
            cpus: Number of cores of a share; None for all cores of the smallest machine.

        Raises:
            UsageError: If Ray is not installed, there is no such cluster, or no machine in it that a share fits on.
        """
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise UsageError("`address` needs Ray: pip install 'deblur-stream[cluster]'", field="address") from error
        if address != "auto":
            _check_address(address)
        try:
            self._ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"there is no Ray cluster at {address}: start one by `ray start --head`, or name its address"
            ) from error
        try:
            machines = self._machines()
            self._cpus = cpus or min((int(machine["CPU"]) for machine in machines), default=1)
            self._gpus = int(uses_gpu(engine))
            self.slots = sum(self._fits(machine) for machine in machines)
            if not self.slots:
                wanted = f"{self._cpus} cores{' and a GPU' * self._gpus}"
                raise UsageError(
                    f"no machine of the cluster has {wanted} to give; lower `threads`, or add machines", field="threads"
                )
        except BaseException:
            self._ray.shutdown()
            raise
        self._load = load(self._cpus)
        self._free = threading.BoundedSemaphore(self.slots)
        self._expected = Node.here(engine)

    def __enter__(self) -> Self:
        """The cluster itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Leaves the cluster, which ends whatever is still at work for this process."""
        self._ray.shutdown()

    def check(self, folder: Path) -> None:
        """Asks every machine whether its segments will fit, and logs how many there are.

        Args:
            folder: Folder of the outputs, which exists.

        Raises:
            UsageError: If a machine has other versions, another engine or other cores, does not see the folder, or does
                not answer.
            EngineError: If a machine can't load the engine.
        """
        token = folder.resolve() / f".deblur-{secrets.token_hex(4)}"
        try:
            token.touch()
            orders = self._ask_all(token)
            _, late = self._ray.wait(orders, num_returns=len(orders), timeout=_ANSWER)
            if late:
                raise UsageError(
                    f"{count_of(len(late), 'machine')} of the cluster did not answer in {_ANSWER:.0f} s; is it busy?"
                )
            nodes = [node for order in orders if (node := self._answer(order)) is not None]
        except OSError as error:
            raise OutputError(f"{folder} can't be written: {error.strerror}") from error
        finally:
            token.unlink(missing_ok=True)
        for node in nodes:
            node.compare(self._expected)
        _log.info(f"the cluster: machines: {len(nodes)}, shares at a time: {self.slots}, cores of each: {self._cpus}")
        if gone := len(orders) - len(nodes):
            _log.warning(f"machines of the cluster that have just gone away: {gone}")

    def make(
        self, job: VideoJob, wanted: ExpectedOutput, seconds: float | None, done: Collection[int]
    ) -> Generator[list[FinishedSegment]]:
        """Makes segments; see :class:`pipeline.resume.workers.SegmentWorkers`. May be called from any thread."""
        if job.segments is None or not isinstance(job.output, Path):
            raise ValueError("only segments of files are made on a cluster")
        count = min(max(math.ceil((seconds or 0) / job.segments.seconds), 1), self.slots)
        waiting = [WorkerShare(number, count) for number in range(count)]
        folder, numbers = work_folder(job.output), set(done)
        # Where there is a GPU, Ray would begin a process for every call, and the engine be loaded in each.
        work = self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_calls=0, max_retries=RETRIES)(make)
        job = _absolute(job)
        orders: list[Any] = []
        try:
            while waiting or orders:
                while waiting and self._free.acquire(timeout=0 if orders else _POLL):
                    orders.append(work.remote(job, wanted, self._load, waiting.pop(), tuple(done), self._expected))
                ready: list[Any] = []
                if orders:
                    ready, orders = self._ray.wait(orders, timeout=_POLL)
                notes = read_results(folder)
                for order in ready:
                    self._free.release()
                    notes += self._get(order)  # a network's file system may show a note late
                found = {made.record.number: made for made in notes if made.record.number not in numbers}
                numbers.update(found)
                yield list(found.values())
        finally:
            for order in orders:
                self._ray.cancel(order, force=True)
                self._free.release()

    def _machines(self) -> list[dict[str, Any]]:
        """Resources of the machines that are there and have cores to give, with their number in the cluster."""
        return [
            {**node["Resources"], "id": node["NodeID"]}
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        ]

    def _fits(self, machine: dict[str, Any]) -> int:
        shares = int(machine["CPU"]) // self._cpus
        return min(shares, int(machine.get("GPU", 0)) // self._gpus) if self._gpus else shares

    def _ask_all(self, token: Path) -> list[Any]:
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        question = self._ray.remote(num_cpus=0, num_gpus=self._gpus, max_calls=0, max_retries=0)(ask)
        return [
            question.options(
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(machine["id"], soft=False)
            ).remote(self._load, token)
            for machine in self._machines()
            if self._fits(machine)
        ]

    def _answer(self, order: Any) -> Node | None:
        """Facts that a machine reported; None if it is gone, which Ray may find out only now."""
        try:
            answer: Node = self._get(order)
        except EngineError as error:
            exceptions = self._ray.exceptions
            if isinstance(error.__cause__, (exceptions.TaskUnschedulableError, exceptions.NodeDiedError)):
                return None
            raise
        return answer

    def _get(self, order: Any) -> Any:
        """Result of a task; what it raised is raised as an error of this project."""
        try:
            result = self._ray.get(order)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            if "failed to import" in str(cause):
                raise UsageError(
                    "a machine of the cluster has no deblur-stream; install it on every machine"
                ) from error
            lines = str(cause).strip().splitlines() or [type(cause).__name__]
            raise EngineError(f"a machine of the cluster failed {RETRIES + 1} times or for good: {lines[0]}") from error
        if isinstance(result, Refusal):
            kind = DeblurError.kind(result.kind) or DeblurError
            raise kind(f"on {result.node}: {result.text}", field=result.field)
        return result


def uses_gpu(engine: EngineInfo) -> bool:
    """Whether an engine computes on a GPU, so that a share of the work has to get one."""
    return engine.kind in {"tensorrt", "torch"} and engine.device != processor_name()


def _check_address(address: str) -> None:
    """Checks at once that the cluster answers; Ray itself takes minutes to report that it does not."""
    host, _, port = address.rpartition(":")
    if "://" in address:
        raise UsageError(
            f"`address` takes host:port of the cluster itself, not {address}; run this on one of its machines",
            field="address",
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
            return
    except ValueError as error:
        raise UsageError(
            f"`address` {address} is no address; write auto, or host:port as `ray start` told", field="address"
        ) from error
    except OSError as error:
        raise UsageError(f"nothing answers at {address}: {error}; is the cluster up, and the port open?") from error


def _absolute(job: VideoJob) -> VideoJob:
    """The same job for a process that runs in another folder."""
    if not isinstance(job.input, Path) or not isinstance(job.output, Path):
        raise TypeError("only files travel to other machines")
    continued = tuple(path.absolute() for path in job.source.continued)
    source = replace(job.source, continued=continued)
    return replace(job, input=job.input.absolute(), output=job.output.absolute(), source=source)
