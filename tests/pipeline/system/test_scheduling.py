"""Real-time priority that a library takes is given back."""

import io
import os
import threading
from typing import Any

import av
import pytest

from pipeline.system.codecs import try_encoder
from pipeline.system.scheduling import ordinary_scheduling

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no real-time priorities")


def policies() -> set[int]:
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}  # noqa: PTH208 - no files


def test_threads_that_became_real_time_become_ordinary_again() -> None:
    before = policies()
    if os.SCHED_FIFO in before:
        pytest.fail("a test before this one has left real-time priority behind")
    done, ready = threading.Event(), threading.Event()

    def work() -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        ready.set()
        done.wait(20)

    thread = threading.Thread(target=work)
    try:
        with ordinary_scheduling():
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except PermissionError:
                pytest.skip("needs a user who may have real-time priority")
            thread.start()
            assert ready.wait(20)
            assert os.SCHED_FIFO in policies()
        assert policies() == before
    finally:
        done.set()
        if thread.ident is not None:
            thread.join(20)


def test_trying_an_encoder_leaves_ordinary_priority() -> None:
    before = policies()
    try_encoder("libsvtav1")
    assert policies() <= before


def test_planning_an_av1_output_leaves_ordinary_priority(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    from pipeline.job import SinkOptions

    before = policies()
    convert(make_clip(tmp_path / "in.mkv", audio=None), tmp_path / "out.mkv", None, SinkOptions(codec="av1"))
    assert policies() <= before
    with av.open(io.BytesIO((tmp_path / "out.mkv").read_bytes())) as container:
        assert container.streams.video[0].codec_context.name in ("libdav1d", "av1")
