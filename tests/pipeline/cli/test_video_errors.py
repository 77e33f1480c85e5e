"""Faults of every kind, injected from outside: one line, the documented code, no partial file, no hang."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(90)
FAST = ("--network", "identity", "--threads", "1")
SHORT_GROUPS = {"preset": "veryfast", "g": "4", "bf": "2"}


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def nothing_in_it(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("Dear diary, today I filmed nothing at all. " * 50)


def folder(path: Path) -> None:
    path.mkdir()


def missing(path: Path) -> None:
    assert not path.exists()


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        output.add_stream("pcm_s16le", rate=16000, layout="mono")
        output.start_encoding()


def no_frames(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "does not exist"),
        (folder, "folder"),
        (nothing_in_it, "not a video"),
        (text, "not a video"),
        (sound_only, "no video stream"),
        (no_frames, "no "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_input_that_is_no_video(
    deblur: CommandLine,
    tmp_path: Path,
    assert_no_output: Callable[[Path], None],
    make: Callable[[Path], None],
    says: str,
) -> None:
    source, output = tmp_path / "in.mp4", tmp_path / "out.mp4"
    make(source)
    ended = deblur.run("video", source, output, *FAST)
    assert ended.code == 3
    assert says in ended.error
    assert "in.mp4" in ended.error
    assert_no_output(output)


def test_a_codec_that_nobody_knows(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path, assert_no_output: Callable[[Path], None]
) -> None:
    clip, output = make_clip(tmp_path / "clip.mkv"), tmp_path / "out.mkv"
    data = clip.read_bytes()
    assert data.count(b"V_MPEG4/ISO/AVC") == 1
    clip.write_bytes(data.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))
    ended = deblur.run("video", clip, output, *FAST)
    assert ended.code == 3
    assert "clip.mkv" in ended.error
    assert_no_output(output)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_file_gives_what_is_there_and_code_6(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    muxer = {"movflags": "faststart"} if suffix == ".mp4" else None
    clip = make_clip(tmp_path / f"clip{suffix}", frames=50, options=SHORT_GROUPS, muxer=muxer)
    output, report = tmp_path / "out.mkv", tmp_path / "r.json"
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    ended = deblur.run("video", clip, output, *FAST, "--codec", "ffv1", "--report", report)
    assert ended.code == 6
    assert "damaged" in ended.error
    frames = json.loads(report.read_text())["frames"]
    assert 10 < frames["out"] < 50
    assert frames["in"] == frames["out"] == count_frames(output)


def test_a_file_without_its_index_can_not_be_read(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path, assert_no_output: Callable[[Path], None]
) -> None:
    clip, output = make_clip(tmp_path / "clip.mov"), tmp_path / "out.mov"  # the index of this one comes last
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") - 4])
    ended = deblur.run("video", clip, output, *FAST)
    assert ended.code == 3
    assert_no_output(output)


def test_flipped_bits_are_counted_and_code_6(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=50, options=SHORT_GROUPS)
    output, report = tmp_path / "out.mkv", tmp_path / "r.json"
    data = bytearray(clip.read_bytes())
    for position in range(len(data) // 2, len(data) // 2 + 16000, 31):
        data[position] ^= 0x55
    clip.write_bytes(data)
    ended = deblur.run("video", clip, output, *FAST, "--codec", "ffv1", "--report", report)
    assert ended.code == 6
    found = json.loads(report.read_text())
    assert found["frames"]["corrupt"] + found["frames"]["corrupt_packets"] > 0
    assert found["damage"]
    assert found["frames"]["in"] == found["frames"]["out"] == count_frames(output) > 20


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--device", "ABACUS"), 5, "OpenVINO finds no device 'ABACUS'; there is: "),
        (("--engine", "torch", "--device", "GPU"), 2, "leave out --device, or choose --engine openvino"),
        (("--engine", "onnxruntime", "--device", "GPU"), 2, "choose one of cpu, coreml, directml"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(
    deblur: CommandLine,
    clip: Path,
    tmp_path: Path,
    assert_no_output: Callable[[Path], None],
    options: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    output = tmp_path / "out.mkv"
    ended = deblur.run("video", clip, output, *FAST, *options)
    assert ended.code == code
    assert says in ended.error
    assert_no_output(output)


def test_the_input_is_never_its_own_output(deblur: CommandLine, clip: Path) -> None:
    before = clip.read_bytes()
    ended = deblur.run("video", clip, clip, *FAST, "--overwrite")
    assert ended.code == 2
    assert clip.read_bytes() == before


def test_a_link_to_the_input_is_the_input(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    link, before = tmp_path / "link.mp4", clip.read_bytes()
    os.link(clip, link)
    ended = deblur.run("video", clip, link, *FAST, "--overwrite")
    assert ended.code == 2
    assert clip.read_bytes() == before


def test_an_output_that_exists_is_left_alone(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    ended = deblur.run("video", clip, output, *FAST)
    assert ended.code == 4
    assert "--overwrite" in ended.error
    assert output.read_bytes() == b"precious"
    assert deblur.run("video", clip, output, *FAST, "--overwrite").code == 0
    assert count_frames(output) == 12


def test_an_output_folder_that_is_missing(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    ended = deblur.run("video", clip, tmp_path / "nowhere" / "out.mp4", *FAST)
    assert ended.code == 4
    assert "nowhere" in ended.error


def test_an_output_that_is_a_folder(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    ended = deblur.run("video", clip, tmp_path, *FAST, "--overwrite")
    assert ended.code == 4
    assert "folder" in ended.error


@pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may write anywhere"
)
def test_a_folder_without_write_permission(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    ended = deblur.run("video", clip, locked / "out.mp4", *FAST)
    assert ended.code == 4
    assert list(locked.iterdir()) == []


def test_a_disk_that_fills_up(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path, assert_no_output: Callable[[Path], None]
) -> None:
    pytest.importorskip("resource", reason="file sizes can't be limited here")
    clip, output = make_clip(tmp_path / "clip.mkv", frames=100), tmp_path / "out.mkv"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    ended = deblur.run("video", clip, output, *FAST, "--codec", "rawvideo", prelude=limit)
    assert ended.code == 4
    assert "out.mkv can't be written" in ended.error
    assert_no_output(output)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_that_is_full(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=40, size=(320, 240))
    ended = deblur.run("video", clip, "/dev/full", *FAST, "--format", "matroska", "--codec", "ffv1")
    assert ended.code == 4
    assert "no space left" in ended.error.lower()
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--codec", "sharpvideo"), "sharpvideo"),
        (("--codec", "aac"), "aac"),
        (("--crf", "20", "--bitrate", "2M"), "bitrate"),
        (("--report", "nowhere/report.json"), "nowhere"),
        (("--network", "idc"), "weights"),
        (("--network", "resnet"), "resnet"),
        (("--weights", "nowhere.onnx"), "nowhere.onnx"),
        (("--engine", "--engine openvino"), "tensorrt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_request_that_makes_no_sense(
    deblur: CommandLine,
    clip: Path,
    tmp_path: Path,
    assert_no_output: Callable[[Path], None],
    options: tuple[str, ...],
    says: str,
) -> None:
    output = tmp_path / "out.mp4"
    ended = deblur.run("video", clip, output, *FAST, *options)
    assert ended.code == 2
    assert says in ended.error.lower()
    assert_no_output(output)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("video", "in.mp4"), "OUT is missing: name it behind 'in.mp4'; see `deblur video --help`"),
        (("video", "--quiet"), "Missing argument 'IN...'; see `deblur video --help`"),
        (("batch", "card"), "OUT_DIR is missing: name it behind 'card'; see `deblur batch --help`"),
        (("video", "--dashcam", "a.mp4", "b.mp4", "./a.mp4", "out.mp4"), "a.mp4 is named twice"),
        (("video", "in.mp4", "http://host/out.mp4"), "http://host/out.mp4 is an address; OUT is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_names_that_do_not_go_together(deblur: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    ended = deblur.run(*arguments)
    assert ended.code == 2
    assert ended.error.startswith(f"deblur: {says}")


def test_a_report_never_replaces_the_video(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    for report in (clip, tmp_path / "out.mp4"):
        ended = deblur.run("video", clip, tmp_path / "out.mp4", *FAST, "--overwrite", "--report", report)
        assert ended.code == 2
        assert f"--report would write over {report}" in ended.error
    assert clip.read_bytes() == before


def test_a_report_that_exists_is_left_alone(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("precious")
    ended = deblur.run("video", clip, tmp_path / "out.mp4", *FAST, "--report", report)
    assert ended.code == 2
    assert report.read_text() == "precious"
