"""The destination of an output: file objects that fail."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, cast

import pytest

from pipeline.encode.output_file import OutputTarget

if TYPE_CHECKING:
    from typing import BinaryIO


class FullDevice(io.RawIOBase):
    """A device without space."""

    writes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:  # noqa: ARG002 - the interface of files
        self.writes += 1
        raise OSError(errno.ENOSPC, "no space left on device")


def test_the_first_error_of_a_file_object_is_the_only_one() -> None:
    device = FullDevice()
    opened = OutputTarget(cast("BinaryIO", device), None, overwrite=False).opened
    assert not hasattr(opened, "joinpath")
    file = cast("BinaryIO", opened)
    with pytest.raises(OSError, match="no space left"):
        file.write(b"first")
    assert file.write(b"second") == 6
    file.flush()
    assert device.writes == 1


def test_a_file_object_that_can_be_sought_stays_one() -> None:
    kept = io.BytesIO()
    target = OutputTarget(kept, None, overwrite=False)
    assert target.seekable
    file = cast("BinaryIO", target.opened)
    file.write(b"abcd")
    assert file.seek(1) == 1
    file.write(b"B")
    assert file.tell() == 2
    target.commit()
    assert kept.getvalue() == b"aBcd"
