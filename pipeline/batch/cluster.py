"""Has segments made on the machines of a Ray cluster."""

from __future__ import annotations

import importlib
import math
import os
import platform
import secrets
import socket
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline import errors
from pipeline.errors import DeblurError, EngineError, OutputError, UsageError
from pipeline.report import versions
from pipeline.segments.elsewhere import Made, Share, make_share, read_notes
from pipeline.target import work_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator

    from pipeline.engine import Engine, EngineInfo
    from pipeline.video import VideoJob

RETRIES = 3
"""Times that a share is begun anew because its machine or process died. It goes on behind the segments it finished."""

_POLL = 0.5
"""Seconds between two looks at what was finished."""

_PATIENCE = 5.0
"""Seconds that an address has to answer."""

_LIBRARIES = ("deblur-stream", "av", "numpy", "openvino", "torch")
"""What has to be of one version everywhere, so that it does not matter which machine makes a segment."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a machine of the cluster says of itself.

    Attributes:
        name: In the network.
        libraries: Versions by name.
        engine: What would run the network.
        cores: That encoders divide their work among.
        sees_folder: Whether it sees a file in the folder of the outputs.
    """

    name: str
    libraries: dict[str, str]
    engine: EngineInfo
    cores: int
    sees_folder: bool

    @classmethod
    def here(cls, load: Callable[[], Engine], token: Path) -> Node:
        """The machine that this runs on.

        Args:
            load: Makes the engine.
            token: A file that was written to the folder of the outputs.

        Raises:
            DeblurError: If the engine can't be loaded.
        """
        known = versions()
        libraries = {name: known[name] for name in _LIBRARIES if name in known}
        return cls(platform.node(), libraries, _engine(load).info, os.cpu_count() or 1, token.is_file())


class RayCluster:
    """The machines of a Ray cluster that is running. A context manager.

    Every machine has to see the inputs and the folder of the outputs under the same names. Segments go through that
    folder, not through Ray, which carries orders alone.

    Attributes:
        slots: Shares that can be at work at a time.
    """

    def __init__(
        self, address: str, load: Callable[[int], Callable[[], Engine]], *, cpus: int | None, gpu: bool
    ) -> None:
        """Connects to the cluster.

        Args:
            address: Of the cluster, such as ``10.0.0.1:6379``; ``auto`` for the one that this machine belongs to.
            load: Gives what makes an engine for so many cores; both go to other processes.
            cpus: Cores of a share; None for all of the smallest machine.
            gpu: Whether a share needs a GPU.

        Raises:
            UsageError: If Ray is not installed, there is no such cluster, or no machine in it that a share fits on.
        """
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise UsageError("--ray needs Ray: pip install 'deblur-stream[cluster]'") from error
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
            self._gpus = 1 if gpu else 0
            self.slots = sum(self._fits(machine) for machine in machines)
            if not self.slots:
                raise UsageError(
                    f"no machine of the cluster has {self._cpus} cores{' and a GPU' * gpu} to give; lower --threads, "
                    "or add machines"
                )
        except BaseException:
            self._ray.shutdown()
            raise
        self._load = load(self._cpus)
        self._free = threading.BoundedSemaphore(self.slots)
        self._expected: EngineInfo | None = None

    def __enter__(self) -> Self:
        """The cluster itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Leaves the cluster, which ends whatever is still at work for this process."""
        self._ray.shutdown()

    def check(self, folder: Path, engine: EngineInfo) -> list[str]:
        """Asks every machine whether its segments will fit.

        Args:
            folder: Of the outputs; it is there.
            engine: That this process would use.

        Returns:
            What the user should know, a line each.

        Raises:
            UsageError: If a machine has other versions or another engine, or does not see the folder.
            EngineError: If a machine can't load the engine.
        """
        self._expected = engine
        token = folder.resolve() / f".deblur-{secrets.token_hex(4)}"
        try:
            token.touch()
            nodes = [self._get(order) for order in self._ask_all(token)]
        except OSError as error:
            raise OutputError(f"{folder} can't be written: {error.strerror}") from error
        finally:
            token.unlink(missing_ok=True)
        known = versions()
        for node in nodes:
            _compare(node, {name: known[name] for name in _LIBRARIES if name in known}, engine)
        cores = sorted({node.cores for node in nodes} | {os.cpu_count() or 1})
        notes = [f"the cluster: machines: {len(nodes)}, shares at a time: {self.slots}, cores of each: {self._cpus}"]
        if len(cores) > 1:
            notes.append(
                f"machines have {', '.join(map(str, cores[:-1]))} and {cores[-1]} cores, and encoders divide pictures "
                "by their number: outputs are as good, but not the same bit for bit as on one machine"
            )
        return notes

    def make(self, job: VideoJob, seconds: float | None, done: Collection[int]) -> Generator[list[Made]]:
        """As of :class:`pipeline.segments.elsewhere.Elsewhere`. May be called from any thread."""
        if job.segments is None or not isinstance(job.output, Path):
            raise ValueError("only segments of files are made on a cluster")
        wanted = max(math.ceil((seconds or 0) / job.segments.seconds), 1)
        waiting = [Share(number, min(wanted, self.slots)) for number in range(min(wanted, self.slots))]
        folder, numbers = work_folder(job.output), set(done)
        work = self._remote(_make, max_retries=RETRIES)
        job = _absolute(job)
        orders: list[Any] = []
        try:
            while waiting or orders:
                while waiting and self._free.acquire(timeout=0 if orders else _POLL):
                    orders.append(work.remote(job, self._load, waiting.pop(), tuple(done), self._expected))
                ready: list[Any] = []
                if orders:
                    ready, orders = self._ray.wait(orders, timeout=_POLL)
                for order in ready:
                    self._free.release()
                    self._get(order)
                found = [made for made in read_notes(folder) if made.record.number not in numbers]
                numbers.update(made.record.number for made in found)
                yield found
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

    def _remote(self, function: Callable[..., Any], **options: Any) -> Any:
        return self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, **options)(function)

    def _ask_all(self, token: Path) -> Iterator[Any]:
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        ask = self._remote(_ask, max_retries=0)
        for machine in self._machines():
            if self._fits(machine):
                where = strategies.NodeAffinitySchedulingStrategy(machine["id"], soft=False)
                yield ask.options(scheduling_strategy=where).remote(self._load, token)

    def _get(self, order: Any) -> Any:
        """What a task returned, or what it raised, as an error of this project."""
        try:
            result = self._ray.get(order)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            lines = str(cause).strip().splitlines() or [type(cause).__name__]
            raise EngineError(f"a machine of the cluster failed {RETRIES + 1} times or for good: {lines[0]}") from error
        if isinstance(result, _Refusal):
            kind = getattr(errors, result.kind, DeblurError)
            raise kind(f"on {result.node}: {result.text}")
        return result


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error of this project that a machine met, in a form that travels."""

    node: str
    kind: str
    text: str

    @classmethod
    def of(cls, error: DeblurError) -> _Refusal:
        return cls(platform.node(), type(error).__name__, str(error))


def _check_address(address: str) -> None:
    """Finds out at once what Ray itself takes minutes to say."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
            return
    except ValueError as error:
        raise UsageError(f"--ray {address} is no address; write auto, or host:port as `ray start` told") from error
    except OSError as error:
        raise UsageError(f"nothing answers at {address}: {error}; is the cluster up, and the port open?") from error


def _absolute(job: VideoJob) -> VideoJob:
    """The same job for a process that runs in another folder."""
    if not isinstance(job.input, Path) or not isinstance(job.output, Path):
        raise TypeError("only files travel to other machines")
    continued = tuple(path.absolute() for path in job.source.continued)
    source = replace(job.source, continued=continued)
    return replace(job, input=job.input.absolute(), output=job.output.absolute(), source=source)


def _compare(node: Node, libraries: dict[str, str], engine: EngineInfo) -> None:
    other = sorted(name for name in _LIBRARIES if node.libraries.get(name) != libraries.get(name))
    if other:
        there, here = (
            ", ".join(f"{name} {known.get(name) or 'not at all'}" for name in other)
            for known in (node.libraries, libraries)
        )
        raise UsageError(f"{node.name} has {there}, and this machine {here}; install the same versions everywhere")
    if node.engine != engine:
        raise UsageError(
            f"{node.name} would use {_words(node.engine)}, and this machine {_words(engine)}; say which by --engine, "
            "--precision and --weights, or leave the machine out"
        )
    if not node.sees_folder:
        raise UsageError(f"{node.name} does not see the folder of the outputs; it has to be the same on every machine")


def _words(engine: EngineInfo) -> str:
    return f"{engine.network} {engine.digest[:12]} in {engine.precision} by {engine.backend} on {engine.device}"


# What runs on the machines of the cluster --------------------------------------------------------------------------

_loaded: dict[str, Engine] = {}
"""The engine of this process, which makes one share after the other, by what made it."""


def _engine(load: Callable[[], Engine]) -> Engine:
    name = repr(load)
    if name not in _loaded:
        _loaded.clear()
        _loaded[name] = load()
    return _loaded[name]


def _ask(load: Callable[[], Engine], token: Path) -> Node | _Refusal:
    try:
        return Node.here(load, token)
    except DeblurError as error:
        return _Refusal.of(error)


def _make(
    job: VideoJob, load: Callable[[], Engine], share: Share, done: Collection[int], expected: EngineInfo | None
) -> _Refusal | None:
    try:
        engine = _engine(load)
        if expected is not None and engine.info != expected:  # a machine that came when all others had been asked
            raise UsageError(f"this machine would use {_words(engine.info)}, and the others {_words(expected)}")
        make_share(job, lambda: engine, share, done)
    except DeblurError as error:
        return _Refusal.of(error)
    return None
