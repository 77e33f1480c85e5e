"""Outputs that can't be written: one clear error, and nothing under the final name."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.errors import OutputError, UsageError
from pipeline.job import SinkOptions

pytestmark = pytest.mark.timeout(60)


class FullDisk(io.RawIOBase):
    """A file object that takes so many bytes, and then reports a full disk."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number))
        return len(data)


class Pipe(io.RawIOBase):
    """A file object that can't go back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)


def test_an_output_that_exists_is_kept(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source, out = make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists; add `overwrite`"):
        convert(source, out)
    assert out.read_bytes() == b"precious"


def test_an_output_is_replaced_when_asked(tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    source, out = make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    out.write_bytes(b"old")
    convert(source, out, None, SinkOptions(overwrite=True))
    assert len(read_file(out).frames) == 12


def test_the_input_is_never_the_output(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4")
    before = source.read_bytes()
    link, hard = tmp_path / "link.mp4", tmp_path / "hard.mp4"
    link.symlink_to(source)
    hard.hardlink_to(source)
    for out in (source, link, hard):
        with pytest.raises(UsageError, match="is the input itself"):
            convert(source, out, None, SinkOptions(overwrite=True))
    assert source.read_bytes() == before


def test_a_link_is_written_through(tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    source, target, link = make_clip(tmp_path / "in.mp4"), tmp_path / "target.mp4", tmp_path / "link.mp4"
    target.write_bytes(b"old")
    link.symlink_to(target)
    convert(source, link, None, SinkOptions(overwrite=True))
    assert link.is_symlink()
    assert len(read_file(target).frames) == 12


@pytest.mark.parametrize(("name", "message"), [("no/out.mp4", "does not exist; create it"), ("folder", "is a folder")])
def test_a_bad_place_is_named(name: str, message: str, tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=message):
        convert(source, tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source, folder = make_clip(tmp_path / "in.mp4"), tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="can't be written"):
        convert(source, folder / "out.mp4")


@pytest.mark.parametrize("room", [0, 100, 2000, 9000])
def test_a_full_disk_is_an_error(room: int, tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=50)
    with pytest.raises(OutputError, match="no space left"):
        convert(source, FullDisk(room), None, SinkOptions(format="matroska"))


def test_a_closed_pipe_is_an_error(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=50)
    with pytest.raises(OutputError, match="has closed it"):
        convert(source, FullDisk(3000, errno.EPIPE), None, SinkOptions(format="matroska"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_that_may_not_grow_leaves_nothing(suffix: str, tmp_path: Path, make_clip: Any) -> None:
    """The write fails inside FFmpeg, which may tell only when the file is closed."""
    source = make_clip(tmp_path / "in.mp4", frames=50, size=(320, 240))
    script = f"""
import resource, signal, sys, av
from pathlib import Path
from pipeline.errors import OutputError
from pipeline.encode.sink import VideoSink
from pipeline.decode.source import VideoSource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
with VideoSource(Path({str(source)!r})) as source:
    sink = VideoSink(Path({str(tmp_path / ("out" + suffix))!r}), source.info)
    try:
        for event in source.events():
            (sink.write_frame if isinstance(event, av.VideoFrame) else sink.write_packet)(event)
        sink.finish()
    except OutputError as error:
        print(error)
        sys.exit(4)
    finally:
        sink.abandon()
"""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "can't be written" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


def test_giving_up_leaves_nothing(tmp_path: Path, make_clip: Any) -> None:
    out = tmp_path / "out.mp4"
    with VideoSource(make_clip(tmp_path / "in.mp4")) as source:
        sink = VideoSink(out, source.info)
        assert not out.exists()
        for number, event in enumerate(source.events()):
            if isinstance(event, av.VideoFrame):
                sink.write_frame(event)
            if number == 5:
                break
        sink.abandon()
        sink.abandon()
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_giving_up_after_the_end_changes_nothing(tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    done = convert(make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4")  # abandons when it is done
    assert len(read_file(done.path).frames) == 12


def test_a_name_taken_meanwhile_is_left_alone(tmp_path: Path, make_clip: Any) -> None:
    out = tmp_path / "out.mkv"
    with VideoSource(make_clip(tmp_path / "in.mp4")) as source:
        sink = VideoSink(out, source.info)
        for event in source.events():
            (sink.write_frame if isinstance(event, av.VideoFrame) else sink.write_packet)(event)
        out.write_bytes(b"somebody else's")
        with pytest.raises(OutputError, match="in the meantime"):
            sink.finish()
    assert out.read_bytes() == b"somebody else's"


@pytest.mark.parametrize("name", ["mp4", "mov", "matroska", "webm", "mpegts", "nut"])
def test_a_pipe_gets_a_whole_video(name: str, tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=50, audio="libopus", options={"g": "10"})
    pipe, path = Pipe(), tmp_path / "piped"
    convert(source, pipe, None, SinkOptions(format=name))
    path.write_bytes(pipe.data)
    before, after = read_file(source), read_file(path)
    assert len(after.frames) == 50
    first = after.times[0]
    tolerance = 0.001 if name in ("matroska", "webm") else 0.0001
    for time, wanted in zip(after.times, before.times, strict=True):
        assert float(time - first) == pytest.approx(float(wanted), abs=tolerance)
    if name != "mov":  # which has no name for Opus
        assert [p for _, p in after.packets[1]] == [p for _, p in before.packets[1]]
        shift = after.packets[1][0][0] - before.packets[1][0][0]
        assert float(shift - first) == pytest.approx(0, abs=0.002)


def test_a_pipe_needs_a_format(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    with pytest.raises(UsageError, match="`format`"):
        convert(make_clip(tmp_path / "in.mp4"), Pipe())


def test_a_buffer_is_written_like_a_file(tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    source, buffer = make_clip(tmp_path / "in.mp4"), io.BytesIO()
    convert(source, buffer, None, SinkOptions(format="mp4"))
    (tmp_path / "out.mp4").write_bytes(buffer.getvalue())
    assert read_file(tmp_path / "out.mp4").times == read_file(source).times


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4", "ffv1"])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_videos_are_written(
    codec: str, frames: int, tmp_path: Path, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=frames, audio=None)
    done = convert(source, tmp_path / "out.mp4", None, SinkOptions(codec=codec))
    assert read_file(done.path).times == read_file(source).times
    assert len(read_file(done.path).frames) == frames
