"""Chunks on three streams: their order, the reuse of memory, and errors in the middle."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from network.planes import Layout, PlaneSpec
from trt.chunks import plane_chunks
from trt.compiled import plane_dtype
from trt.execution import Execution, Lane
from trt.signature import Signature
from trt.streams import HostStream, Mark, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
SPEC = PlaneSpec(8, 6, depth=10)


class Counting:
    """Adds one to every code; fails on the calls it is told to, and may take its time."""

    def __init__(self, batch: int = 2, spec: PlaneSpec = SPEC, delay: float = 0.0) -> None:
        self.inputs = Signature(spec, batch).inputs
        self.delay = delay
        self.calls: list[Tensor] = []
        self.failures: dict[int, Exception] = {}

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        time.sleep(self.delay)
        self.calls.append(planes[0].clone())
        failure = self.failures.pop(len(self.calls), None)
        if failure is not None:
            raise failure
        return tuple((plane.to(torch.int32) + 1).to(plane.dtype) for plane in planes)


class SlowStream(HostStream):
    """A stream whose every work takes some time, so that the others run ahead wherever nothing holds them."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self._delay = delay

    def run(self, work: Callable[[], None]) -> None:
        def later() -> None:
            time.sleep(self._delay)
            work()

        super().run(later)


class Streams:
    """Makes an upload, a compute and a download stream with a delay each."""

    def __init__(self, *delays: float) -> None:
        self._delays = list(delays)

    def __call__(self, _device: torch.device) -> Stream:
        return SlowStream(self._delays.pop(0))


def frames(count: int, spec: PlaneSpec = SPEC, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randint(0, 1000 >> (10 - min(spec.depth, 10)), (count, *shape), generator=generator).to(plane_dtype(spec))
        for shape in spec.plane_shapes
    )


def run(execution: Execution, planes: tuple[Tensor, ...], size: int = 2) -> tuple[Tensor, ...]:
    out = tuple(torch.zeros_like(plane) for plane in planes)
    execution.run(plane_chunks(planes, out, size))
    return out


def assert_added(planes: tuple[Tensor, ...], out: tuple[Tensor, ...]) -> None:
    for plane, result in zip(planes, out, strict=True):
        assert torch.equal(result.int(), plane.int() + 1)


@pytest.mark.parametrize("slow", range(3), ids=["upload", "compute", "download"])
def test_frames_keep_their_order_whichever_stream_lags(slow: int) -> None:
    delays = [0.0, 0.0, 0.0]
    delays[slow] = 0.005
    compiled = Counting()
    with Execution([Lane(compiled, CPU, Streams(*delays))]) as execution:
        for seed in range(3):
            planes = frames(12, seed=seed)
            assert_added(planes, run(execution, planes))
    assert len(compiled.calls) == 18


@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout_and_depth_passes(layout: Layout) -> None:
    for depth in (8, 10):
        spec = PlaneSpec(7, 5, layout, depth)
        with Execution([Lane(Counting(spec=spec), CPU)]) as execution:
            planes = frames(3, spec)
            assert_added(planes, run(execution, planes))


class Unordered:
    """A stream that waits for nothing."""

    def __init__(self, stream: Stream) -> None:
        self.run, self.record, self.drain, self.close = stream.run, stream.record, stream.drain, stream.close

    def wait(self, mark: Mark) -> None:
        """Runs on."""


@pytest.mark.parametrize(
    ("unordered", "delays"),
    [(0, (0.0, 0.02, 0.0)), (1, (0.02, 0.0, 0.0)), (2, (0.0, 0.02, 0.0))],
    ids=["upload", "compute", "download"],
)
def test_each_of_the_three_waits_is_needed(unordered: int, delays: tuple[float, float, float]) -> None:
    """Shows that the test above would see a missing order: without its waits, a stream spoils frames or fails."""
    made: list[Stream] = []

    def stream(_device: torch.device) -> Stream:
        one = SlowStream(delays[len(made)])
        made.append(Unordered(one) if len(made) == unordered else one)
        return made[-1]

    planes = frames(12)
    with Execution([Lane(Counting(), CPU, stream)]) as execution:
        try:
            out = run(execution, planes)
        except ValueError:  # results that are not there yet
            return
    assert not all(torch.equal(one.int(), plane.int() + 1) for one, plane in zip(out, planes, strict=True))


def test_results_are_kept_until_they_have_been_taken_away() -> None:
    """PyTorch gives memory to the next results as soon as nobody holds it; here the tensors tell when that is."""
    released: list[str] = []

    class Results(Counting):
        def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            import weakref

            made = super().__call__(planes)
            weakref.finalize(made[0], released.append, f"released {len(self.calls)}")
            return made

    class Watched(SlowStream):
        def run(self, work: Callable[[], None]) -> None:
            def noted() -> None:
                work()
                if work.__qualname__.endswith("download"):
                    released.append("taken")

            super().run(noted)

    made: list[Stream] = []

    def stream(_device: torch.device) -> Stream:
        made.append(Watched(0.005) if len(made) == 2 else HostStream())
        return made[-1]

    with Execution([Lane(Results(), CPU, stream)]) as execution:
        run(execution, frames(12))
        for number in range(1, 5):
            assert (
                released.index(f"released {number}") > [i for i, e in enumerate(released) if e == "taken"][number - 1]
            )


def test_copies_run_beside_computation() -> None:
    """While a chunk is computed, the next one goes up and the one before comes down: shown by holding it."""
    uploaded, downloaded = threading.Event(), threading.Event()
    seen: list[tuple[bool, bool]] = []

    class Holding(Counting):
        def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            made = super().__call__(planes)
            if len(self.calls) == 2:
                seen.append((uploaded.wait(20), downloaded.wait(20)))
            return made

    counts = {"upload": 0, "download": 0}

    class Watched(HostStream):
        def run(self, work: Callable[[], None]) -> None:
            def noted() -> None:
                work()
                for name, limit, event in (("upload", 3, uploaded), ("download", 1, downloaded)):
                    if work.__qualname__.endswith(f".{name}"):
                        counts[name] += 1
                        if counts[name] == limit:
                            event.set()

            super().run(noted)

    with Execution([Lane(Holding(), CPU, lambda _device: Watched())]) as execution:
        planes = frames(8)
        assert_added(planes, run(execution, planes))
    assert seen == [(True, True)]


def test_the_last_chunk_is_filled_up_with_its_last_frame() -> None:
    compiled = Counting(batch=4)
    with Execution([Lane(compiled, CPU)]) as execution:
        planes = frames(6)
        assert_added(planes, run(execution, planes, 4))
    last = compiled.calls[-1]
    assert torch.equal(last[:2], planes[0][4:])
    assert torch.equal(last[2:].int(), planes[0][5:].int().expand(2, -1, -1))


def test_several_devices_take_chunks_in_turn() -> None:
    first, second = Counting(delay=0.01), Counting()
    with Execution([Lane(first, CPU), Lane(second, CPU)]) as execution:
        planes = frames(10)
        assert_added(planes, run(execution, planes))
    assert [len(one.calls) for one in (first, second)] == [3, 2]
    assert torch.equal(second.calls[0], planes[0][2:4])


def test_lanes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="same inputs"):
        Execution([Lane(Counting(2), CPU), Lane(Counting(3), CPU)])
    with pytest.raises(ValueError, match="one lane or more"):
        Execution([])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("call", [1, 3, 6])
def test_an_error_in_the_middle_is_raised_and_leaves_nothing_under_way(call: int) -> None:
    compiled = Counting()
    compiled.failures[call] = torch.OutOfMemoryError("no memory")
    with Execution([Lane(compiled, CPU, Streams(0.002, 0.002, 0.002))]) as execution:
        planes = frames(12)
        original = [plane.clone() for plane in planes]
        out = tuple(torch.zeros_like(plane) for plane in planes)
        with pytest.raises(torch.OutOfMemoryError, match="no memory"):
            execution.run(plane_chunks(planes, out, 2))
        after = [plane.clone() for plane in out]
        calls = len(compiled.calls)
        time.sleep(0.05)
        assert len(compiled.calls) == calls == call
        for plane, then in zip(out, after, strict=True):
            assert torch.equal(plane, then), "something was still written"
        for plane, before in zip(planes, original, strict=True):
            assert torch.equal(plane, before)
        assert_added(planes, run(execution, planes))  # and it goes on


@pytest.mark.timeout(60)
def test_an_error_of_one_device_stops_the_other() -> None:
    good, bad = Counting(delay=0.01), Counting()
    bad.failures[1] = RuntimeError("the device fell off the bus")
    with Execution([Lane(good, CPU), Lane(bad, CPU)]) as execution:
        with pytest.raises(RuntimeError, match="fell off"):
            run(execution, frames(8))
        calls = len(good.calls)
        time.sleep(0.05)
        assert len(good.calls) == calls


@pytest.mark.timeout(60)
def test_closing_ends_every_thread() -> None:
    before = threading.active_count()
    execution = Execution([Lane(Counting(), CPU)])
    run(execution, frames(4))
    assert threading.active_count() > before
    execution.close()
    assert threading.active_count() == before


def test_a_stream_does_nothing_after_a_failure_until_it_is_drained() -> None:
    stream, other = HostStream(), HostStream()
    done: list[str] = []

    def fail() -> None:
        raise ValueError("first")

    stream.run(fail)
    stream.run(lambda: done.append("same stream"))
    other.wait(stream.record())
    other.run(lambda: done.append("other stream"))
    for one in (stream, other):
        with pytest.raises(ValueError, match="first"):
            one.record().synchronize()
        one.drain()
    assert not done
    stream.run(lambda: done.append("again"))
    stream.record().synchronize()
    assert done == ["again"]
    stream.close()
    other.close()
