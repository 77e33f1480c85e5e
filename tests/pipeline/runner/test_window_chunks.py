"""Runs of an engine that looks at neighbours, against what each frame's window holds in the whole stream."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import Layout, PlaneBatch, PlaneSpec
from network.window.windows import Window
from pipeline.errors import Cancelled, EngineError, InputError, OutputError
from pipeline.job import GateOptions
from pipeline.media.frames import plane_rows, read_planes
from pipeline.media.native_formats import pixel_format_of
from pipeline.runner import run as runner
from pipeline.runner.protocols import Neighbour
from pipeline.runner.skip import FrameAction, FrameGate
from pipeline.runner.window_chunks import MOST_PACKETS
from pipeline.runner.windows import GAP
from tests.support.engines import WindowEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

pytestmark = pytest.mark.timeout(60)

SPEC = PlaneSpec(34, 18)
INTERVAL = Fraction(1, 25)
WINDOWS = [Window(1, 1), Window(0, 1), Window(2, 1)]
EVERYTHING = GateOptions(duplicates=False)


@dataclass(frozen=True)
class Picture:
    """One frame of a stream: the same number is the same picture in every sample.

    Attributes:
        number: Seed of the picture; below 0 for one without any sharp detail.
        time: Time in ticks of an interval.
    """

    number: int
    time: int


def stream(*numbers: int) -> list[Picture]:
    return [Picture(number, time) for time, number in enumerate(numbers)]


@cache
def samples_of(number: int, spec: PlaneSpec) -> list[np.ndarray[Any, Any]]:
    """The planes of a picture, which are taken many times."""
    rng = np.random.default_rng(abs(number))
    planes = planes_of(av.VideoFrame(spec.width, spec.height, pixel_format_of(spec)))
    for rows in planes:
        values = rng.integers(0, 1 << spec.depth, rows.shape if number >= 0 else 1)
        rows[...] = values << spec.code_shift
    return planes


def frame_of(picture: Picture, spec: PlaneSpec = SPEC) -> av.VideoFrame:
    frame = av.VideoFrame(spec.width, spec.height, pixel_format_of(spec))
    for index, samples in enumerate(samples_of(picture.number, spec)):
        plane_rows(frame, index)[...] = samples
    frame.pts, frame.time_base = picture.time, INTERVAL
    return frame


class Source:
    """The pictures of a stream, a packet before each, and perhaps frames beside them."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        beside: tuple[Sequence[Picture], Sequence[Picture]] = ((), ()),
        before: Callable[[int], None] = lambda _number: None,
        spec: PlaneSpec = SPEC,
        packets: int = 1,
    ) -> None:
        self.pictures, self.beside, self.before, self.spec, self.packets = pictures, beside, before, spec, packets

    def events(self) -> Iterator[av.VideoFrame | av.Packet | Neighbour]:
        for picture in self.beside[0]:
            yield Neighbour(frame_of(picture, self.spec))
        for number, picture in enumerate(self.pictures):
            for packet in range(self.packets):
                yield av.Packet(f"{number}.{packet}".encode())
            self.before(number)
            yield frame_of(picture, self.spec)
        yield av.Packet(b"last")
        for picture in self.beside[1]:
            yield Neighbour(frame_of(picture, self.spec))


class Sink:
    """Keeps the time and samples of frames, and the bytes of packets."""

    def __init__(self, before: Callable[[int], None] = lambda _number: None) -> None:
        self.events: list[tuple[int | None, list[np.ndarray[Any, Any]]] | bytes] = []
        self.before = before
        self.is_finished = False

    @property
    def frames(self) -> list[tuple[int | None, list[np.ndarray[Any, Any]]]]:
        return [event for event in self.events if isinstance(event, tuple)]

    def write_frame(self, frame: av.VideoFrame) -> None:
        self.before(len(self.frames))
        self.events.append((frame.pts, planes_of(frame)))

    def write_packet(self, packet: av.Packet) -> None:
        self.events.append(bytes(packet))

    def finish(self) -> None:
        self.is_finished = True


def planes_of(frame: av.VideoFrame) -> list[np.ndarray[Any, Any]]:
    return [plane_rows(frame, index).copy() for index in range(len(frame.planes))]


@cache  # whatever the size of a batch
def expected(
    pictures: tuple[Picture, ...],
    window: Window,
    options: GateOptions | None,
    beside: tuple[tuple[Picture, ...], tuple[Picture, ...]] = ((), ()),
    spec: PlaneSpec = SPEC,
) -> tuple[list[list[np.ndarray[Any, Any]]], int]:
    """The samples of every frame by the words of the protocol, and how many of them the engine makes."""
    every = [*beside[0], *pictures, *beside[1]]
    planes = [samples_of(picture.number, spec) for picture in every]
    repeats = [
        bool(options and options.duplicates and n and every[n].number == every[n - 1].number) for n in range(len(every))
    ]
    repeats[: len(beside[0]) + 1] = [False] * (len(beside[0]) + 1)  # a gate begins with the part
    gate = None if options is None else FrameGate(spec, options)
    results, made, latest = [], 0, None
    for n in range(len(beside[0]), len(beside[0]) + len(pictures)):
        batch = PlaneBatch.empty(spec, 1)
        read_planes(frame_of(every[n], spec), batch, 0)
        action = FrameAction.DEBLUR if gate is None else gate.decide(batch, 0)
        if action is FrameAction.DEBLUR:
            made += 1
            mixed = []
            for plane in range(len(planes[n])):
                shift = spec.code_shift
                frames = [
                    None if place is None else planes[place][plane] >> shift
                    for place in window_of(n, every, repeats, window)
                ]
                mixed.append(WindowEngine.mixed(frames, spec.depth) << shift)
            latest = mixed
        results.append(planes[n] if action is FrameAction.KEEP else latest)
    return results, made  # type: ignore[return-value]


def window_of(n: int, every: Sequence[Picture], repeats: Sequence[bool], window: Window) -> list[int | None]:
    found: list[int | None] = []
    for place in range(n - window.before, n + window.after + 1):
        first, last = min(n, place), max(n, place)
        is_there = 0 <= place < len(every)
        if is_there and any(every[i + 1].time - every[i].time > GAP for i in range(first, last)):
            is_there = False
        if is_there and place != n and all(repeats[first + 1 : last + 1]):
            is_there = False
        found.append(place if is_there else None)
    return found


def check(
    pictures: Sequence[Picture],
    window: Window,
    batch: int,
    options: GateOptions | None = None,
    beside: tuple[Sequence[Picture], Sequence[Picture]] = ((), ()),
    spec: PlaneSpec = SPEC,
) -> WindowEngine:
    engine, sink = WindowEngine(window), Sink()
    gate = None if options is None else FrameGate(spec, options)
    source = Source(pictures, beside, spec=spec)
    result = runner.run(source, engine, sink, batch=batch, gate=gate, interval=INTERVAL)
    results, made = expected(tuple(pictures), window, options, (tuple(beside[0]), tuple(beside[1])), spec)
    assert [event for event in sink.events if isinstance(event, bytes)] == [
        *(f"{number}.0".encode() for number in range(len(pictures))),
        b"last",
    ]
    assert [isinstance(event, tuple) for event in sink.events[:-1]] == [False, True] * len(pictures)
    assert [pts for pts, _ in sink.frames] == [picture.time for picture in pictures]
    for number, ((_, found), wanted) in enumerate(zip(sink.frames, results, strict=True)):
        for one, other in zip(found, wanted, strict=True):
            assert np.array_equal(one, other), f"frame {number}"
    assert engine.frames == made
    assert result.frames_in == result.frames_out == len(pictures)
    assert sink.is_finished
    return engine


PATTERNS = {
    "one": [5],
    "two": [5, 6],
    "none repeats": list(range(20)),
    "all": [7] * 20,
    "pairs": [number // 2 for number in range(21)],
    "long stretches": [0] + [1] * 9 + [2, 3] + [4] * 30 + [5],
    "back and forth": [0, 1, 0, 1, 1, 0, 0, 0, 2],
    "at both ends": [0, 0, 0, 1, 2, 3, 3, 3],
    "sharp": list(range(-4, 0)) + list(range(30)) + [-5, -6] + list(range(30, 50)),
    "sharp pairs": [-1, *(n // 2 for n in range(4, 40)), -7, -7, -8, *range(50, 70), 70, 70, -3, 71],
}


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("name", PATTERNS)
def test_every_frame_is_made_of_its_own_neighbours(name: str, window: Window, batch: int) -> None:
    pictures = stream(*PATTERNS[name])
    for options in (None, EVERYTHING, GateOptions(), GateOptions(sharp=0.9), GateOptions(duplicates=False, sharp=0.9)):
        check(pictures, window, batch, options)


def test_the_patterns_hold_frames_that_pass_and_frames_that_do_not() -> None:
    for name in ("sharp", "sharp pairs"):
        gate = FrameGate(SPEC, GateOptions(sharp=0.9))
        source = Source(stream(*PATTERNS[name]))
        result = runner.run(source, WindowEngine(), Sink(), gate=gate)
        assert 5 < result.sharp < result.frames_out - 5


@pytest.mark.parametrize("batch", [1, 3])
def test_frames_beyond_a_gap_are_no_neighbours(batch: int) -> None:
    times = [0, 1, 2, 5, 6, 8, 11, 12, 12 + 25, 90, 91]
    pictures = [Picture(number, at) for number, at in enumerate(times)]
    for window in WINDOWS:
        check(pictures, window, batch, GateOptions())


@pytest.mark.parametrize("spec", [PlaneSpec(34, 18, Layout.NV12, 10), PlaneSpec(21, 13, Layout.YUV444P, 16)], ids=str)
def test_other_kinds_of_frames_find_their_neighbours(spec: PlaneSpec) -> None:
    check(stream(*range(9)), Window(1, 1), 2, spec=spec)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("cut", range(1, 11))
def test_parts_with_their_neighbours_are_what_the_whole_is(cut: int, batch: int) -> None:
    times = [0, 1, 2, 3, 7, 8, 9, 10, 11, 15, 16, 17]
    pictures = [Picture(number, at) for number, at in enumerate(times)]
    window = Window(1, 1)
    whole, _ = expected(tuple(pictures), window, None)
    sinks = []
    for part, beside in (
        (pictures[:cut], ([], pictures[cut : cut + 1])),
        (pictures[cut:], (pictures[cut - 1 : cut], [])),
    ):
        sinks.append(Sink())
        source = Source(part, beside)
        runner.run(source, WindowEngine(window), sinks[-1], batch=batch, gate=FrameGate(SPEC), interval=INTERVAL)
    found = [planes for sink in sinks for _, planes in sink.frames]
    for number, (planes, wanted) in enumerate(zip(found, whole, strict=True)):
        for one, other in zip(planes, wanted, strict=True):
            assert np.array_equal(one, other), f"frame {number}"


def test_a_frame_beside_a_part_that_repeats_its_last_one_is_no_neighbour() -> None:
    check(stream(1, 2, 3), Window(1, 1), 1, GateOptions(), ([Picture(0, -1)], [Picture(3, 3)]))


@pytest.mark.parametrize("batch", [1, 3])
def test_full_batches_are_made_with_their_neighbours(batch: int) -> None:
    engine = check(stream(*range(12)), Window(1, 1), batch, GateOptions())
    assert engine.sizes == [(batch + 2, batch, batch)] * (12 // batch)


def test_sharp_frames_cost_no_run() -> None:
    pictures = stream(*range(40))
    engine = check(pictures, Window(1, 1), 1, GateOptions(sharp=0.9))
    assert engine.runs == engine.frames < 10
    engine = check(pictures, Window(1, 1), 4, GateOptions(sharp=0.9))
    assert engine.runs <= 2
    assert {size for size, *_ in engine.sizes} == {2 * 4 - 1 + 2}


def test_buffers_are_made_once_and_used_again() -> None:
    short, long = WindowEngine(), WindowEngine()
    runner.run(Source(stream(1)), short, Sink())
    runner.run(Source(stream(*range(100))), long, Sink())
    assert len(short.specs) == len(long.specs) == 2 * runner.RING


class LoadingEngine(WindowEngine):
    """Takes frames by itself, as an engine does that has them on its device."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[int, int]] = []

    def load(self, frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
        assert frame.pts is not None
        self.loaded.append((frame.pts, index))
        read_planes(frame, batch, index)


def test_frames_on_a_device_are_loaded_again_where_the_next_batch_needs_them() -> None:
    engine, sink = LoadingEngine(), Sink()
    runner.run(Source(stream(*range(5))), engine, sink, batch=2, gate=FrameGate(SPEC), on_device=True)
    assert engine.loaded == [(0, 0), (1, 1), (2, 2), (1, 0), (2, 1), (3, 2), (4, 3), (3, 0), (4, 1)]
    assert [pts for pts, _ in sink.frames] == list(range(5))


def test_packets_without_end_do_not_wait_for_the_next_frame() -> None:
    sink = Sink()
    many = 3 * MOST_PACKETS
    written: list[int] = []
    source = Source(stream(1, 2), packets=many, before=lambda _number: written.append(len(sink.frames)))
    runner.run(source, WindowEngine(), sink, batch=1)
    assert written == [0, 1], "the first frame was handed on before the second one came"
    names = [event for event in sink.events if isinstance(event, bytes)]
    assert names == [f"{n}.{p}".encode() for n in range(2) for p in range(many)] + [b"last"]
    alone = WindowEngine.mixed([None, planes_of(frame_of(Picture(1, 0)))[0], None])
    np.testing.assert_array_equal(sink.frames[0][1][0], alone)


def test_a_source_without_frames_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no frame"):
        runner.run(Source([]), WindowEngine(), Sink())


@pytest.mark.parametrize("stage", ["decode", "infer", "encode"])
@pytest.mark.parametrize("batch", [1, 3])
def test_an_error_of_any_stage_reaches_the_caller_and_ends_every_thread(stage: str, batch: int) -> None:
    kinds = {"decode": InputError, "infer": EngineError, "encode": OutputError}

    def fail(number: int) -> None:
        if number == 20:
            raise kinds[stage]("injected")

    hooks: dict[str, Callable[[int], None]] = {name: lambda _number: None for name in kinds}
    hooks[stage] = fail
    sink = Sink(hooks["encode"])
    with pytest.raises(kinds[stage], match="injected"):
        runner.run(
            Source(stream(*range(200)), before=hooks["decode"]), WindowEngine(before=hooks["infer"]), sink, batch=batch
        )
    assert not sink.is_finished
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deblur_")]


def test_a_run_is_cancelled_while_frames_wait_for_their_neighbours() -> None:
    cancel = threading.Event()

    def slow(number: int) -> None:
        time.sleep(0.002)
        if number == 20:
            cancel.set()

    sink = Sink()
    with pytest.raises(Cancelled):
        runner.run(Source(stream(*range(10_000)), before=slow), WindowEngine(), sink, cancel=cancel)
    assert not sink.is_finished
