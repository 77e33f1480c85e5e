"""What SOURCE means, on each system."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import InputError, UsageError
from pipeline.live.input.address import CameraRequest, Kind, find_address, has_protocol
from pipeline.live.input.cameras import Camera, find_cameras, table

if TYPE_CHECKING:
    from pathlib import Path

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the names of cameras are those of Linux")


@on_linux
def test_a_number_is_a_camera_with_the_wished_mode() -> None:
    address = find_address("2", CameraRequest((1280, 720), 29.97, "mjpeg"))
    assert (address.kind, address.url, address.format) == (Kind.CAMERA, "/dev/video2", "video4linux2,v4l2")
    assert address.options == {"video_size": "1280x720", "framerate": "29.97", "input_format": "mjpeg"}
    assert not address.is_paced_here


@on_linux
def test_a_device_is_a_camera() -> None:
    assert find_address("/dev/video7").url == "/dev/video7"


@pytest.mark.parametrize("url", ["rtsp://host/path", "rtmp://host/live", "udp://127.0.0.1:5000", "http://host/a.m3u8"])
def test_addresses_are_opened_for_low_delay(url: str) -> None:
    address = find_address(url, CameraRequest(input_format="mpegts"))
    assert (address.kind, address.url, address.format) == (Kind.NETWORK, url, "mpegts")
    assert address.options["fflags"] == "nobuffer"


def test_a_password_is_not_shown() -> None:
    address = find_address("rtsp://user:secret@camera.local/stream")
    assert address.name == "rtsp://camera.local/stream"
    assert "secret" in address.url


def test_a_test_source_is_a_filter_graph() -> None:
    address = find_address("lavfi:testsrc2=s=64x48:r=30")
    assert (address.kind, address.url, address.format) == (Kind.TEST, "testsrc2=s=64x48:r=30", "lavfi")
    assert address.is_paced_here


def test_a_file_is_paced_here(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.touch()
    address = find_address(str(path))
    assert (address.kind, address.is_paced_here) == (Kind.FILE, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_has_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert not find_address(str(path)).is_paced_here


@pytest.mark.parametrize("source", ["nowhere.mp4", "cam", ""])
def test_what_is_not_there_is_said_so(source: str) -> None:
    with pytest.raises(InputError, match="deblur live --list"):
        find_address(source)


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        find_address(str(tmp_path))


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"gopher.*rtsp"):
        find_address("gopher://host")


def test_protocols_are_there_or_not() -> None:
    assert not has_protocol("wormhole")
    assert has_protocol("tcp")
    assert has_protocol("rtmp")


def test_cameras_are_listed_where_ffmpeg_knows_any() -> None:
    try:
        cameras = find_cameras()
    except UsageError as error:
        pytest.skip(str(error))
    assert all(camera.source for camera in cameras)


def test_the_list_shows_modes_below_their_camera() -> None:
    text = table([Camera("/dev/video0", "HD Webcam", ("Raw : yuyv422 : 640x480",)), Camera("1", "Other", ())])
    assert text.splitlines() == [
        "/dev/video0  HD Webcam",
        "    Raw : yuyv422 : 640x480",
        "1  Other",
        "    (FFmpeg tells no modes)",
    ]
    assert table([]) == "no camera is connected"
