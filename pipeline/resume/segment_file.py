"""A segment on the disk: encoded frames, whole under the file's own name or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from network.files import commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MAGIC = b"deblur segment 2\n"
_RECORD = struct.Struct("<qqqBQQ")  # pts, dts, duration, whether it is a keyframe, bytes of data and of what is beside


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """A frame as an encoder put it out; times are in ticks that whoever writes and reads it agree on.

    Attributes:
        pts: Time at which the frame is shown.
        dts: Time at which the frame is decoded; not after ``pts``.
        duration: Time for which the frame is shown; 0 if unknown.
        is_keyframe: Whether a decoder can begin with it.
        data: The encoded frame.
        beside: What Matroska and WebM keep beside it, as FFmpeg numbers it: the alpha of VP8 and VP9. Empty for most.
    """

    pts: int
    dts: int
    duration: int
    is_keyframe: bool
    data: bytes
    beside: bytes = b""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Size and digest, by which a complete file is recognised.

    Attributes:
        size: Size of the file in bytes.
        sha256: SHA-256 of the content, hexadecimal.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileDigest:
        """The digest of a file as it is now.

        Raises:
            OSError: If it can't be read.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(file.tell(), sha256)

    @classmethod
    def of_all(cls, paths: Sequence[Path]) -> FileDigest:
        """The digest of one file, or one made of the digests of several files in their order.

        A file behind the first that can't be read is part of it as just that, since a source that joins files leaves
        it out.

        Raises:
            OSError: If the first can't be read.
        """
        digests = [cls.of(paths[0])]
        for path in paths[1:]:
            try:
                digests.append(cls.of(path))
            except OSError:
                digests.append(cls(0, "unreadable"))
        if len(digests) == 1:
            return digests[0]
        together = "\n".join(digest.sha256 for digest in digests)
        return cls(sum(digest.size for digest in digests), hashlib.sha256(together.encode()).hexdigest())


def size_of(paths: Sequence[Path]) -> int:
    """Bytes of files together; those behind the first count only as far as they can be read.

    Raises:
        OSError: If the first can't be read.
    """
    size = paths[0].stat().st_size
    for path in paths[1:]:
        with contextlib.suppress(OSError):
            size += path.stat().st_size
    return size


def temporary_for(path: Path) -> Path:
    """Where a file is written before it gets its name; what is left there goes when the folder is opened again.

    Each call gives another name: two may be at the same segment, where one was given up for dead too early.
    """
    return path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part")


class SegmentWriter:
    """Writes a segment; it is there under its name once it is committed."""

    def __init__(self, path: Path) -> None:
        """Opens the file under a temporary name.

        Raises:
            OSError: If it can't be created.
        """
        self._path = path
        self._temporary = temporary_for(path)
        self._file: BinaryIO = self._temporary.open("wb")
        self._hash = hashlib.sha256()
        self._size = 0
        self._put(_MAGIC)

    def write(self, frame: CodedFrame) -> None:
        """Adds a frame.

        Raises:
            OSError: If it can't be written.
        """
        times = frame.pts, frame.dts, frame.duration
        self._put(_RECORD.pack(*times, frame.is_keyframe, len(frame.data), len(frame.beside)))
        self._put(frame.data)
        self._put(frame.beside)

    def commit(self) -> FileDigest:
        """Writes all to the disk and gives the file its name.

        Raises:
            OSError: If it can't be written.
        """
        self._file.close()
        commit(self._temporary, self._path)
        return FileDigest(self._size, self._hash.hexdigest())

    def discard(self) -> None:
        """Deletes what was written, unless it is committed."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)


def read_segment(path: Path) -> Iterator[CodedFrame]:
    """Yields the frames of a segment whose digest was found right.

    Raises:
        OSError: If it can't be read.
        ValueError: If it is no segment.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"{path} is no segment")
        while header := file.read(_RECORD.size):
            pts, dts, duration, is_keyframe, size, more = _RECORD.unpack(header)
            yield CodedFrame(pts, dts, duration, bool(is_keyframe), file.read(size), file.read(more))
