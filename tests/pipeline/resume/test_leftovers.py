"""What finished segments and videos leave in memory, without the help of the garbage collector's own schedule."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from av.codec.context import CodecContext

from tests.support.engines import InvertingEngine
from tests.support.resume import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from network.planes import PlaneBatch
    from network.window.windows import Windows

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def unscheduled() -> Iterator[None]:
    """Objects that refer to each other stay until someone asks for them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def codecs() -> int:
    # By type alone: isinstance asks some lazy objects of other libraries for attributes that they warn about.
    return sum(issubclass(type(thing), CodecContext) for thing in gc.get_objects())


@pytest.fixture
def counting() -> type[InvertingEngine]:
    """An engine that counts the codecs at frame 13 of every 25: in the middle of a segment."""

    class Counting(InvertingEngine):
        def __init__(self, alive: list[int]) -> None:
            super().__init__()
            self.alive = alive

        def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
            super().run(batch, out, windows)
            if self.frames % 25 == 13:
                self.alive.append(codecs())

    return Counting


@pytest.mark.usefixtures("unscheduled")
def test_a_segment_leaves_no_encoder_to_the_next(
    make_clip: Callable[..., Path], counting: type[InvertingEngine], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=250, options={"g": "25", "sc_threshold": "0"})
    alive: list[int] = []
    _, engine, _ = Runner(clip, tmp_path / "out.mp4").run(engine=counting(alive))
    assert engine.resets == len(alive) == 10
    assert alive == alive[:1] * 10


@pytest.mark.usefixtures("unscheduled")
def test_a_video_leaves_no_codec_to_the_next(
    make_clip: Callable[..., Path], counting: type[InvertingEngine], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=20)
    alive: list[int] = []
    for number in range(4):
        Runner(clip, tmp_path / f"out{number}.mp4").run(engine=counting(alive), one_piece=True)
    assert len(alive) == 4
    assert alive == alive[:1] * 4
