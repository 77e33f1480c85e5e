"""Deblurring frames of videos and arrays."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from network import catalogue
from network.planes import PlaneBatch
from pipeline.api.deblurrer import Deblurrer
from pipeline.api.video import open_video
from pipeline.engines.load import load_engine
from pipeline.errors import EngineError, LimitError, UsageError
from pipeline.job import Limits
from tests.support.engines import CopyingEngine, InvertingEngine, WindowEngine
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from network.planes import PlaneSpec
    from network.window.windows import Windows

ROOT = Path(__file__).resolve().parents[3]


class CarefulEngine(InvertingEngine):
    """Fails where two threads use it at once."""

    def __init__(self) -> None:
        super().__init__()
        self._in_use = threading.Lock()

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        assert self._in_use.acquire(blocking=False), "an engine is used by one thread at a time"
        super().run(batch, out, windows)
        self._in_use.release()


def fail_at_the_sixth(number: int) -> None:
    if number == 5:
        raise EngineError("the engine fails")


@pytest.fixture(scope="module")
def identity() -> Deblurrer:
    return Deblurrer(network="identity")


@pytest.fixture
def clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv", codec="ffv1", frames=30)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    # Those that make windows and look for motion serve all engines, as long as the process lives.
    assert not [thread for thread in left if not thread.name.startswith(("window", "motion"))]


def threads_of_runs() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("deblur")]


def random_pictures(*shape: int, dtype: type = np.uint8) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


# Frames of videos ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4])
def test_every_frame_comes_deblurred_in_order_with_its_time(clip: Path, batch: int) -> None:
    with open_video(clip) as video:
        expected = list(video)
    deblurrer = Deblurrer(InvertingEngine(), batch=batch)
    with open_video(clip) as video:
        frames = list(deblurrer.frames(video))
    assert [frame.time for frame in frames] == [frame.time for frame in expected]
    assert [frame.duration for frame in frames] == [frame.duration for frame in expected]
    for frame, blurred in zip(frames, expected, strict=True):
        for plane, source in zip(frame.planes, blurred.planes, strict=True):
            np.testing.assert_array_equal(plane, 255 - source)


def test_the_network_that_changes_nothing_changes_nothing(clip: Path, identity: Deblurrer) -> None:
    with open_video(clip) as video:
        expected = [frame.rgb for frame in video]
    with open_video(clip) as video:
        found = [frame.rgb for frame in identity.frames(video)]
    np.testing.assert_array_equal(found, expected)


def test_frames_that_were_read_before_are_left_out(clip: Path) -> None:
    with open_video(clip) as video:
        first = next(video)
        rest = list(Deblurrer(InvertingEngine()).frames(video))
    assert len(rest) == 29
    assert rest[0].time > first.time


def test_leaving_a_loop_ends_the_threads(clip: Path) -> None:
    deblurrer = Deblurrer(InvertingEngine())
    with open_video(clip) as video:
        for frame in deblurrer.frames(video):
            assert threads_of_runs()
            if frame.time > 0.1:
                break
        assert not threads_of_runs()
        assert len(list(deblurrer.frames(video))) > 0  # and the video can be read on


def test_an_exception_in_a_loop_ends_the_threads(clip: Path) -> None:
    with open_video(clip) as video:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the loop is what is left
            for _frame in Deblurrer(InvertingEngine()).frames(video):
                raise ZeroDivisionError
        assert not threads_of_runs()


def test_a_generator_that_is_dropped_ends_the_threads(clip: Path) -> None:
    with open_video(clip) as video:
        frames = Deblurrer(InvertingEngine()).frames(video)
        next(frames)
        assert threads_of_runs()
        del frames
        gc.collect()
        assert not threads_of_runs()


def test_a_generator_that_a_thread_of_the_run_closes_ends_the_threads(clip: Path) -> None:
    # As the garbage collector does, which runs in any thread.
    kept: list[Any] = []
    has_closed = threading.Event()

    def close(number: int) -> None:
        if number == 3:
            has_started.wait(20)
            kept[0].close()
            has_closed.set()

    has_started = threading.Event()
    with open_video(clip) as video:
        kept.append(Deblurrer(InvertingEngine(before=close)).frames(video))
        next(kept[0])
        has_started.set()
        assert has_closed.wait(20)
        wait_until(lambda: not threads_of_runs())
        assert list(kept[0]) == []
        assert next(video).time > 0


def test_closing_the_video_ends_the_threads_and_the_iteration(clip: Path) -> None:
    with open_video(clip) as video:
        frames = Deblurrer(InvertingEngine()).frames(video)
        next(frames)
    assert not threads_of_runs()
    with pytest.raises(UsageError, match="was closed"):
        list(frames)


def test_a_program_ends_with_frames_that_were_not_read(clip: Path) -> None:
    code = (
        "import deblur_stream as d\n"
        f"video = d.open_video({str(clip)!r})\n"
        "frames = d.Deblurrer(network='identity').frames(video)\n"
        "print(next(frames).time)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.0\n", "")


def test_frames_are_not_deblurred_far_ahead(clip: Path) -> None:
    engine = InvertingEngine()
    with open_video(clip) as video:
        frames = Deblurrer(engine).frames(video)
        next(frames)
        deadline = time.monotonic() + 10
        settled = -1
        while engine.runs != settled and time.monotonic() < deadline:
            settled = engine.runs
            time.sleep(0.3)
        assert 1 < settled < 15


def test_an_error_of_the_engine_comes_up_in_the_loop(clip: Path) -> None:
    with open_video(clip) as video:
        with pytest.raises(EngineError, match="the engine fails"):
            list(Deblurrer(InvertingEngine(before=fail_at_the_sixth)).frames(video))
        assert not threads_of_runs()


def test_an_error_of_the_input_comes_up_behind_the_frames_before_it(clip: Path) -> None:
    seen = []
    with open_video(clip, limits=Limits(frames=20)) as video:
        with pytest.raises(LimitError):  # noqa: PT012 - the loop is what fails
            for frame in Deblurrer(InvertingEngine()).frames(video):
                seen.append(frame.time)  # noqa: PERF401 - what came before the error counts
        assert not threads_of_runs()
    assert 1 <= len(seen) <= 20


def test_two_iterations_over_one_video_are_refused(clip: Path) -> None:
    deblurrer = Deblurrer(InvertingEngine())
    with open_video(clip) as video:
        frames = deblurrer.frames(video)
        next(frames)
        with pytest.raises(UsageError, match="already"):
            deblurrer.frames(video)
        with pytest.raises(UsageError, match="already"):
            next(video)


def test_two_videos_at_once_take_turns(clip: Path) -> None:
    engine = CarefulEngine()
    deblurrer = Deblurrer(engine)
    with open_video(clip) as one, open_video(clip) as other:
        for left, right in zip(deblurrer.frames(one), deblurrer.frames(other), strict=True):
            np.testing.assert_array_equal(left.planes[0], right.planes[0])
            still = np.full((8, 8), 3, np.uint8)
            np.testing.assert_array_equal(deblurrer(still), 252)
    # The engine is told wherever a frame does not follow on the one before: at each picture at least.
    assert engine.resets >= 30


# Arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(17, 23, 3), (17, 23), (5, 17, 23, 3), (1, 1, 3), (0, 17, 23, 3)])
def test_the_network_that_changes_nothing_gives_equal_arrays(
    identity: Deblurrer, shape: tuple[int, ...], dtype: type
) -> None:
    image = random_pictures(*shape, dtype=dtype)
    before = image.copy()
    result = identity(image)
    np.testing.assert_array_equal(result, before)
    np.testing.assert_array_equal(image, before)
    assert (result.dtype, result.shape) == (image.dtype, shape)
    assert not np.shares_memory(result, image)


def test_colours_are_not_mixed_up() -> None:
    image = random_pictures(9, 7, 3)
    np.testing.assert_array_equal(Deblurrer(InvertingEngine())(image), 255 - image)


def test_views_with_strides_are_taken(identity: Deblurrer) -> None:
    image = random_pictures(20, 30, 3)[::-2, ::3, ::-1]
    image.flags.writeable = False
    np.testing.assert_array_equal(identity(image), image)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_each_picture_of_a_stack_stands_for_itself(batch: int) -> None:
    deblurrer = Deblurrer(batch=batch)
    stack = random_pictures(3, 32, 40, 3)
    together = deblurrer(stack)
    for picture, result in zip(stack, together, strict=True):
        np.testing.assert_array_equal(result, deblurrer(picture))
    assert (together != stack).any()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((2, 4, 4, 1), np.uint8), r"\(4, 4, 1\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(identity: Deblurrer, image: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        identity(image)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_that_follow_each_other_come_in_order(batch: int, dtype: type) -> None:
    pictures = random_pictures(7, 9, 11, 3, dtype=dtype)
    engine = InvertingEngine()
    results = list(Deblurrer(engine, batch=batch).video(iter(pictures)))
    np.testing.assert_array_equal(results, np.iinfo(dtype).max - pictures)
    assert engine.resets == 1  # they are one stream
    assert engine.runs == -(-7 // batch)


def mixed_of(pictures: Sequence[Any], n: int) -> Any:
    """What :class:`WindowEngine` makes of a picture between others."""
    beside = [pictures[k] if 0 <= k < len(pictures) else None for k in (n - 1, n, n + 1)]
    return WindowEngine.mixed(beside, 8 * pictures[n].itemsize)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("number", [1, 2, 6, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_that_follow_each_other_are_neighbours(batch: int, number: int, dtype: type) -> None:
    pictures = random_pictures(number, 9, 11, 3, dtype=dtype)
    engine = WindowEngine()
    results = list(Deblurrer(engine, batch=batch).video(iter(pictures)))
    assert len(results) == number
    for n, result in enumerate(results):
        np.testing.assert_array_equal(result, mixed_of(pictures, n))
    assert engine.resets == 1
    assert engine.runs == -(-number // batch)
    assert {sizes[:2] for sizes in engine.sizes} == {(batch + 2, batch)}


@pytest.mark.parametrize("batch", [1, 3])
def test_a_picture_of_its_own_has_no_neighbours(batch: int) -> None:
    stack = random_pictures(4, 9, 11, 3)
    deblurrer = Deblurrer(WindowEngine(), batch=batch)
    for picture, result in zip(stack, deblurrer(stack), strict=True):
        np.testing.assert_array_equal(result, WindowEngine.mixed([None, picture, None]))


def test_frames_of_a_video_are_neighbours(clip: Path) -> None:
    with open_video(clip) as video:
        lumas = [frame.planes[0].copy() for frame in video]
    with open_video(clip) as video, open_video(clip) as other:
        deblurrer = Deblurrer(WindowEngine(), batch=2)
        for n, (frame, same) in enumerate(zip(deblurrer.frames(video), deblurrer.frames(other), strict=True)):
            np.testing.assert_array_equal(frame.planes[0], mixed_of(lumas, n))
            np.testing.assert_array_equal(frame.planes[0], same.planes[0])
        assert n == len(lumas) - 1


@pytest.mark.parametrize(("engine", "ahead"), [(InvertingEngine(), 0), (WindowEngine(), 1)])
def test_pictures_are_read_as_they_are_needed(engine: CopyingEngine, ahead: int) -> None:
    read = []

    def endless() -> Iterator[np.ndarray[Any, Any]]:
        for number in itertools.count():
            read.append(number)
            yield np.full((4, 4), number, np.uint8)

    results = Deblurrer(engine).video(endless())
    for number in range(3):
        next(results)
        assert read == list(range(number + 1 + ahead))


def test_a_picture_of_another_size_is_refused_behind_the_results_before_it() -> None:
    results = Deblurrer(InvertingEngine(), batch=4).video([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)])
    np.testing.assert_array_equal(next(results), 255)
    with pytest.raises(UsageError, match="picture 1"):
        next(results)


def test_an_error_of_the_caller_s_pictures_comes_through() -> None:
    def broken() -> Iterator[np.ndarray[Any, Any]]:
        yield np.zeros((4, 4), np.uint8)
        raise OSError("no camera")

    results = Deblurrer(InvertingEngine()).video(broken())
    next(results)
    with pytest.raises(OSError, match="no camera"):
        next(results)


# Networks and engines --------------------------------------------------------------------------------------------


def test_the_shipped_network_is_the_default() -> None:
    assert Deblurrer().info.network == catalogue.DEFAULT


def test_an_onnx_file_of_the_user_s_own_runs(tmp_path: Path) -> None:
    import torch

    from network.export import export_network

    class Darker(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image * 0.5

    export_network(Darker(), tmp_path / "darker.onnx", name="darker", digest="")
    deblurrer = Deblurrer(weights=tmp_path / "darker.onnx")
    assert deblurrer.info.network == "darker"
    np.testing.assert_array_equal(deblurrer(np.full((8, 8, 3), 200, np.uint8)), 100)


def test_a_registered_module_runs() -> None:
    import torch

    from network import models

    class Darker(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image * 0.5

    models.register("api-test-darker", Darker)
    deblurrer = Deblurrer(network="api-test-darker")
    np.testing.assert_array_equal(deblurrer(np.full((8, 8, 3), 40_000, np.uint16)), 20_000)


def test_a_safetensors_file_runs_as_the_shipped_network_does() -> None:
    weights = catalogue.weights_file(catalogue.DEFAULT)
    assert weights is not None
    image = random_pictures(32, 40, 3)
    by_torch, shipped = Deblurrer("torch", weights=str(weights)), Deblurrer(precision="fp32")
    assert by_torch.info.digest == shipped.info.digest
    np.testing.assert_allclose(by_torch(image).astype(int), shipped(image).astype(int), atol=1)


def test_strength_0_leaves_the_picture_as_it_is() -> None:
    image = random_pictures(32, 40, 3)
    np.testing.assert_array_equal(Deblurrer(strength=0)(image), image)


def test_half_the_size_is_what_the_command_line_loads(clip: Path) -> None:
    deblurrer = Deblurrer("openvino", precision="fp32", threads=1, scale=0.5)
    loaded = Deblurrer(load_engine("openvino", precision="fp32", threads=1, scale=0.5))
    image = random_pictures(33, 47, 3)
    np.testing.assert_array_equal(deblurrer(image), loaded(image))
    assert (deblurrer(image) != Deblurrer("openvino", precision="fp32", threads=1)(image)).any()
    with open_video(clip, duration=0.3) as video, open_video(clip, duration=0.3) as same:
        for frame, expected in zip(deblurrer.frames(video), loaded.frames(same), strict=True):
            np.testing.assert_array_equal(frame.planes[0], expected.planes[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_half_the_size_of_the_network_that_changes_nothing_changes_nothing(dtype: type) -> None:
    image = random_pictures(17, 23, 3, dtype=dtype)
    np.testing.assert_array_equal(Deblurrer(network="identity", scale=0.5)(image), image)


@pytest.mark.parametrize(
    "arguments",
    [
        {"engine": "cudnn"},
        {"network": "resnet"},
        {"strength": 2.0},
        {"scale": 0.25},
        {"threads": 0},
        {"batch": 0},
        {"weights": "none.onnx"},
    ],
)
def test_what_is_not_there_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Deblurrer(**arguments)


def test_an_object_that_is_no_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="dict has no info and no buffers and no run and no reset"):
        Deblurrer({})  # type: ignore[arg-type]


def test_an_engine_that_knows_of_no_windows_runs(clip: Path) -> None:
    class Plain:
        info = InvertingEngine.info

        def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
            return PlaneBatch.empty(spec, batch)

        def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
            for source, target in zip(batch.planes, out.planes, strict=True):
                np.invert(source, out=target)

        def reset(self) -> None:
            pass

    deblurrer = Deblurrer(Plain())  # type: ignore[arg-type]
    picture = random_pictures(9, 11, 3)
    np.testing.assert_array_equal(deblurrer(picture), 255 - picture)
    np.testing.assert_array_equal(list(deblurrer.video([picture])), 255 - picture[None])
    with open_video(clip) as video:
        assert len(list(deblurrer.frames(video))) == 30


@pytest.mark.parametrize("argument", ["strength", "scale"])
def test_an_engine_object_takes_no_other_network(argument: str) -> None:
    with pytest.raises(UsageError, match=f"leave out network.*{argument}"):
        Deblurrer(InvertingEngine(), **{argument: 0.5})  # type: ignore[arg-type]
