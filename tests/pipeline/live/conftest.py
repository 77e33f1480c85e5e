"""An engine whose work can be held up, frames made to order, and a sender that can be cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.live.live_engine import LiveEngine
from tests.support.engines import BrighteningEngine
from tests.support.frames import luma_of, make_frame
from tests.support.senders import Sender
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av


@pytest.fixture
def engine() -> BrighteningEngine:
    """An engine that adds 10 to the luma."""
    return BrighteningEngine()


@pytest.fixture
def live_engine(engine: BrighteningEngine) -> Iterator[LiveEngine]:
    with LiveEngine(engine) as opened:
        yield opened
        engine.may_run.set()


@pytest.fixture
def frame() -> Callable[..., av.VideoFrame]:
    """Makes a frame; see :func:`tests.support.frames.make_frame`."""
    return make_frame


@pytest.fixture
def luma() -> Callable[[av.VideoFrame], int]:
    """The luma of a frame's first sample."""
    return luma_of


@pytest.fixture
def sender() -> Iterator[Sender]:
    """A sender over TCP that has begun; :meth:`Sender.cut` and :meth:`Sender.start` break and mend it."""
    made = Sender()
    made.start()
    yield made
    made.cut()


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Waits until something is true; fails after 20 seconds."""
    return wait_until
