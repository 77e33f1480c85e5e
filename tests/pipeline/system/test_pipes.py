from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.system.pipes import PipeReader, PipeWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

pytestmark = pytest.mark.timeout(10)
needs_select = pytest.mark.skipif(sys.platform == "win32", reason="pipes can't be waited for on Windows")


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as reader, open(writing, "wb", buffering=0) as writer:  # noqa: PTH123
        yield reader, writer


def test_everything_written_is_read(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    data = os.urandom(300_001)
    got = bytearray()

    def read() -> None:
        reader = PipeReader(pipe[0], "pipe")
        while chunk := reader.read(10_000):
            got.extend(chunk)

    thread = threading.Thread(target=read)
    thread.start()
    assert PipeWriter(pipe[1], "pipe").write(data) == len(data)
    pipe[1].close()
    thread.join()
    assert bytes(got) == data


@needs_select
def test_a_cancelled_read_of_a_silent_pipe_ends(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader = PipeReader(pipe[0], "pipe")
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(reader.read(10)))
    thread.start()
    reader.cancel()
    thread.join()
    assert got == [b""]


@needs_select
def test_a_cancelled_write_to_a_full_pipe_ends(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    writer = PipeWriter(pipe[1], "pipe")
    errors: list[BrokenPipeError] = []

    def write() -> None:
        try:
            writer.write(bytes(10_000_000))
        except BrokenPipeError as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    writer.cancel()
    thread.join()
    assert len(errors) == 1


def test_a_reader_that_has_gone_is_a_broken_pipe(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    pipe[0].close()
    with pytest.raises(BrokenPipeError):
        PipeWriter(pipe[1], "pipe").write(b"anyone?")
