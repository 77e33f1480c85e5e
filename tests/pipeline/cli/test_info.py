"""`deblur info` in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from pipeline.cli.info import info
from pipeline.errors import InputError

if TYPE_CHECKING:
    from tests.support.commands import CommandLine

CLIPS = Path(__file__).resolve().parents[4] / "shared" / "data" / "clips"
needs_clips = pytest.mark.skipif(not CLIPS.is_dir(), reason=f"needs the clips in {CLIPS}")


def facts_of(name: str, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(info, [str(CLIPS / name), "--json", *options], catch_exceptions=False)
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lines_of(path: Path, *options: str) -> list[str]:
    done = CliRunner().invoke(info, [str(path), *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout.splitlines()


@needs_clips
def test_high_dynamic_range_is_named() -> None:
    video = facts_of("hlg10.mp4")["video"]
    assert video["color"] == {"range": "limited", "matrix": "bt2020nc", "primaries": "bt2020", "transfer": "hlg"}
    assert (video["pixel_format"], video["planes"]["depth"]) == ("yuv420p10le", 10)
    assert facts_of("mastering_display_light_level.mp4")["video"]["hdr"] == ["mastering display", "content light level"]


@needs_clips
def test_rotation_and_reflection_are_seen() -> None:
    video = facts_of("rotate_and_reflect.mp4")["video"]
    assert video["is_mirrored"]
    assert video["rotation"] != 0
    turned = facts_of("rotate90.mov")["video"]
    assert abs(turned["rotation"]) == 90
    assert not turned["is_mirrored"]


@needs_clips
def test_interlaced_video_is_described_not_refused() -> None:
    assert facts_of("interlaced_1080.mts")["video"]["interlaced"]
    assert any("--deinterlace" in line for line in lines_of(CLIPS / "interlaced_1080.mts"))


@needs_clips
def test_what_a_container_can_not_carry_is_left_out_and_said() -> None:
    kept = facts_of("gps_gopro_karma.mp4")
    assert {stream["role"] for stream in kept["streams"]} >= {"deblurred", "copied"}
    lost = facts_of("gps_gopro_karma.mp4", "--to", "mkv")
    left_out = [stream for stream in lost["streams"] if stream["role"] == "left out"]
    assert left_out
    assert all(any(stream["description"] in note for note in lost["output"]["notes"]) for stream in left_out)


@needs_clips
def test_chapters_are_counted() -> None:
    assert facts_of("chapters.mp4")["container"]["chapters"] == 3


def test_every_stream_has_a_line(clip: Path) -> None:
    lines = lines_of(clip)
    assert any(line.startswith("stream") and "video, h264" in line and "deblurred" in line for line in lines)
    assert any(line.startswith("stream") and "audio, aac" in line and "copied" in line for line in lines)
    assert any(line.startswith("output") and "libx264" in line for line in lines)


def test_a_container_that_can_not_be_written_is_said(clip: Path) -> None:
    assert any(line.startswith("output") and "extension" in line for line in lines_of(clip, "--to", ".jar"))


def test_nothing_is_written_beside_the_file(clip: Path) -> None:
    lines_of(clip)
    assert [path.name for path in clip.parent.iterdir()] == [clip.name]


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        lines_of(tmp_path / "nowhere.mp4")


@pytest.mark.timeout(60)
def test_the_command_is_there(deblur: CommandLine, clip: Path) -> None:
    ended = deblur.run("info", clip)
    assert ended.code == 0
    assert b"64x48" in ended.out
