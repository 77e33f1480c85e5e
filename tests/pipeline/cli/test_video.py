"""`deblur video` from end to end, with the identity network."""

from __future__ import annotations

import functools
import io
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.decode.hardware import cuda_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(90)
FAST = ("--network", "identity", "--threads", "1")


def decoded(file: Any) -> list[tuple[int, bytes]]:
    """Time since the first frame, in milliseconds, and picture of every frame."""
    with av.open(file) as container:
        frames = [(frame.time or 0.0, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]
    return [(round(1000 * (time - frames[0][0])), picture) for time, picture in frames]


@pytest.mark.parametrize("scale", ["1", "0.5"])
def test_a_clip_comes_out_bit_exact_with_sound_and_report(
    scale: str, deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    output, report = tmp_path / "out.mkv", tmp_path / "report.json"
    ended = deblur.run("video", clip, output, *FAST, "--codec", "ffv1", "--report", report, "--scale", scale)
    assert ended.code == 0, ended.err
    assert decoded(str(output)) == decoded(str(clip))
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    found = json.loads(report.read_text())
    assert found["frames"] == {"in": 12, "out": 12, "kept": 0, "corrupt": 0, "corrupt_packets": 0}
    assert found["engine"]["network"] == "identity"
    assert found["video"]["width"] == 64
    assert found["packets_copied"] > 0
    assert "12 frames" in ended.err


def test_another_device_makes_the_same_frames(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    ended = deblur.run("video", clip, output, *FAST, "--codec", "ffv1", "--device", "AUTO", "--verbose")
    assert ended.code == 0, ended.err
    assert " on AUTO;" in ended.err
    assert decoded(str(output)) == decoded(str(clip))


OWN_NETWORK = """
from torch import nn
from network import models

class Same(nn.Module):
    def forward(self, rgb):
        return rgb.clone()

models.register("same", Same)
"""


@pytest.mark.slow
def test_a_network_that_the_process_registered_is_run_by_its_name(
    deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    output, report = tmp_path / "out.mkv", tmp_path / "report.json"
    arguments = ("video", clip, output, "--network", "same", "--codec", "ffv1", "--report", report)
    ended = deblur.run(*arguments, prelude=OWN_NETWORK)
    assert ended.code == 0, ended.err
    assert decoded(str(output)) == decoded(str(clip))
    engine = json.loads(report.read_text())["engine"]
    assert engine["network"] == "same"
    assert engine["backend"].startswith("PyTorch")
    ended = deblur.run(*arguments[:5], "--overwrite")
    assert ended.code == 2
    assert "there is no network 'same'" in ended.err


def test_notes_that_arise_at_work_are_printed_once(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    small = make_clip(tmp_path / "small.ts", codec="mpeg2video", audio=None)
    large = make_clip(tmp_path / "large.ts", codec="mpeg2video", audio=None, size=(96, 64), times=[*range(12, 24)])
    clip, report = tmp_path / "clip.ts", tmp_path / "report.json"
    clip.write_bytes(small.read_bytes() + large.read_bytes())
    ended = deblur.run("video", clip, tmp_path / "out.ts", *FAST, "--report", report)
    notes = json.loads(report.read_text())["notes"]
    assert any("frames of 96x64" in note for note in notes)
    for note in notes:
        assert ended.err.count(f"note: {note}\n") == 1


def test_an_mp4_whose_index_is_last_can_not_come_by_a_pipe(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path, assert_no_output: Callable[[Path], None]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=100, size=(320, 240), codec="mjpeg", pix_fmt="yuvj420p")
    output = tmp_path / "out.mp4"
    ended = deblur.run("video", "-", output, *FAST, data=clip.read_bytes())
    assert ended.code == 3
    assert "whose index (its moov box) comes last, which can't be read from a pipe" in ended.error
    assert "+faststart" in ended.error
    assert_no_output(output)
    with clip.open("rb") as file:  # which can be sought
        assert deblur.run("video", "-", output, *FAST, stdin=file).code == 0
    assert len(decoded(str(output))) == 100


def test_an_address_is_read_and_shown_as_it_was_typed(
    deblur: CommandLine, clip: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    late = make_clip(tmp_path / "late.mp4", frames=100, size=(320, 240), codec="mjpeg", pix_fmt="yuvj420p")
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        output = tmp_path / "out.mp4"
        assert deblur.run("video", f"{host}/{clip.name}", output, *FAST).code == 0
        ended = deblur.run("video", f"{host}/{late.name}", output, *FAST, "--overwrite")
        missing = deblur.run("video", f"{host}/missing.mp4", output, *FAST, "--overwrite")
        server.shutdown()
    assert len(decoded(str(output))) == 12
    assert ended.error.startswith(f"deblur: {host}/late.mp4 is an MP4 whose index")
    assert "hands out no parts of a file" in ended.error
    assert missing.error.startswith(f"deblur: {host}/missing.mp4 can't be opened: ")


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files, which it hands out whole."""

    def log_message(self, *_arguments: object) -> None:
        pass


def test_quiet_says_nothing(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    ended = deblur.run("video", clip, tmp_path / "out.mp4", *FAST, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, b"", "")


def test_encoders_print_nothing_of_their_own(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", codec="ffv1", size=(63, 61), frames=3)
    done = deblur.run("video", clip, tmp_path / "out.mp4", "--network", "identity", "--codec", "hevc", "--quiet")
    assert (done.code, done.err) == (0, "")


def test_start_and_duration_take_a_part(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip, output = make_clip(tmp_path / "clip.mkv", frames=50, audio=None), tmp_path / "out.mkv"
    ended = deblur.run("video", clip, output, *FAST, "--codec", "ffv1", "--start", "0:00.4", "--duration", "1")
    assert ended.code == 0, ended.err
    assert [picture for _, picture in decoded(str(output))] == [picture for _, picture in decoded(str(clip))][10:35]


def test_pipes_in_and_out(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    ended = deblur.run("video", "-", "-", *FAST, "--format", "matroska", "--codec", "ffv1", data=clip.read_bytes())
    assert ended.code == 0, ended.err
    assert decoded(io.BytesIO(ended.out)) == decoded(str(clip))


def test_a_pipe_out_needs_a_format(deblur: CommandLine, clip: Path) -> None:
    ended = deblur.run("video", clip, "-", *FAST)
    assert (ended.code, ended.out) == (2, b"")
    assert "--format" in ended.error


def test_a_file_goes_in_as_standard_input(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with clip.open("rb") as stdin:
        ended = deblur.run("video", "-", output, *FAST, "--codec", "ffv1", stdin=stdin)
    assert ended.code == 0, ended.err
    assert decoded(str(output)) == decoded(str(clip))


def test_no_connection_is_opened_and_nothing_is_left_in_the_home_folder(
    deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    watch = f"""
import atexit, os, sys
os.environ["HOME"] = os.environ["USERPROFILE"] = os.environ["LOCALAPPDATA"] = {str(home)!r}
seen = []
forbidden = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork", "os.posix_spawn")
sys.addaudithook(lambda event, arguments: seen.append(event) if event in forbidden else None)
atexit.register(lambda: print(seen, "openvino" in sys.modules, "openvino_telemetry.main" in sys.modules))
"""
    ended = deblur.run("video", clip, tmp_path / "out.mp4", *FAST, prelude=watch)
    assert ended.code == 0, ended.err
    assert ended.out.decode().strip() == "[] True False"
    assert list(home.rglob("*")) == []


def test_a_reader_that_closes_the_pipe_is_an_output_error(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=300, audio=None)
    with deblur.start("video", clip, "-", *FAST, "--format", "matroska", "--codec", "rawvideo") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        error = process.stderr.read().decode()
        assert process.wait(30) == 4
    assert error.splitlines()[-1].startswith("deblur: standard output")
    assert "Traceback" not in error


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
class TestInterruption:
    @pytest.fixture(autouse=True)
    def as_in_a_terminal(self) -> Iterator[None]:
        """Has programs that are started get SIGHUP, also where these tests run under nohup."""
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGHUP, before)

    def wait_for_partial(self, process: subprocess.Popen[bytes], folder: Path, size: int = 0) -> None:
        while not any("partial" in path.name and path.stat().st_size >= size for path in folder.iterdir()):
            assert process.poll() is None, process.communicate()
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue

    @pytest.mark.parametrize("size", [0, 100_000], ids=["at the start", "in the middle"])
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_a_run_whose_input_has_fallen_silent_stops(
        self,
        deblur: CommandLine,
        make_clip: Callable[..., Path],
        tmp_path: Path,
        assert_no_output: Callable[[Path], None],
        name: str,
        size: int,
    ) -> None:
        folder = tmp_path / "outputs"
        folder.mkdir()
        data = make_clip(tmp_path / "clip.mkv", frames=300, audio=None).read_bytes()
        with deblur.start("video", "-", folder / "out.mkv", *FAST, "--codec", "rawvideo") as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(data[: len(data) * 3 // 4])
            process.stdin.flush()  # and no end of the file
            self.wait_for_partial(process, folder, size)
            process.send_signal(getattr(signal, name))
            code = process.wait(20)
            lines = process.stderr.read().decode().splitlines()
        assert code == 130, lines
        assert lines[-1].startswith("deblur: interrupted")
        assert len([line for line in lines if "deblur:" in line]) == 1
        assert_no_output(folder / "out.mkv")

    @pytest.fixture
    def long(self, make_clip: Callable[..., Path], tmp_path: Path) -> Path:
        return make_clip(tmp_path / "long.mkv", frames=3000, codec="mpeg4", audio=None)

    @pytest.mark.parametrize("segment", ["0", "1000"], ids=["in one piece", "in segments"])
    def test_a_terminal_that_is_closed_leaves_nothing_behind(
        self, deblur: CommandLine, long: Path, tmp_path: Path, segment: str
    ) -> None:
        pty = pytest.importorskip("pty")
        folder = tmp_path / "outputs"
        folder.mkdir()
        options = ("video", long, folder / "out.mkv", *FAST, "--codec", "rawvideo", "--segment", segment)
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, deblur.command(*options), deblur.environment)  # noqa: S606
        try:
            while not any("partial" in path.name and path.stat().st_size > 20_000 for path in folder.rglob("*")):
                assert os.read(terminal, 4096)
        finally:
            os.close(terminal)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 130
        assert list(folder.iterdir()) == []

    def test_a_second_run_is_refused_and_what_a_killed_one_left_is_removed(
        self, deblur: CommandLine, clip: Path, long: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "outputs"
        folder.mkdir()
        output = folder / "out.mkv"
        with deblur.start("video", long, output, *FAST, "--codec", "rawvideo", "--segment", "0") as process:
            self.wait_for_partial(process, folder, 20_000)
            ended = deblur.run("video", clip, output, *FAST, "--segment", "0")
            assert ended.code == 2
            assert ended.error == f"deblur: another process is writing {output}; wait for it, or choose another output"
            process.kill()
        assert [path.name for path in folder.iterdir()] == [".out.deblur.partial.mkv"]
        assert deblur.run("video", clip, output, *FAST, "--segment", "0").code == 0
        assert list(folder.iterdir()) == [output]

    def test_a_run_at_work_stops_and_leaves_what_was_there(
        self, deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        folder = tmp_path / "outputs"
        folder.mkdir()
        (folder / "out.mkv").write_bytes(b"the result of yesterday")
        clip = make_clip(tmp_path / "clip.mkv", frames=3000, codec="mpeg4", audio=None)
        options = (*FAST, "--overwrite", "--codec", "rawvideo", "--segment", "0")
        with deblur.start("video", clip, folder / "out.mkv", *options) as process:
            self.wait_for_partial(process, folder, 20_000)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=20)
        assert process.returncode == 130
        assert error.decode().splitlines()[-1].startswith("deblur: interrupted")
        assert [path.name for path in folder.iterdir()] == ["out.mkv"]
        assert (folder / "out.mkv").read_bytes() == b"the result of yesterday"


@pytest.mark.skipif(not cuda_problem(), reason="there is an NVIDIA GPU")
def test_a_gpu_that_is_not_there_costs_two_lines_and_no_frame(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    ended = deblur.run("video", clip, output, *FAST, "--hwaccel", "cuda", "--codec", "h264_nvenc")
    assert ended.code == 0, ended.err
    assert ended.err.count("note: no decoding on the GPU: ") == 1
    assert ended.err.count("note: h264_nvenc can't be had here") == 1
    assert len(decoded(str(output))) == 12
