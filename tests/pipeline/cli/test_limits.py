"""Limits, isolation and joined files as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import av
import click
import pytest

from pipeline.cli.guards import guard_options
from pipeline.cli.types import Limit
from pipeline.job import Isolation, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(90)
FAST = ("--network", "identity", "--threads", "1")


def typed(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    @click.command()
    @guard_options
    def command(**options: Any) -> None:
        found.update(options)

    command.main(arguments, standalone_mode=False)
    return found


def test_what_is_typed_becomes_limits() -> None:
    assert typed() == {"limits": Limits(), "isolation": None}
    found = typed("--max-pixels", "2M", "--max-decoded-bytes", "1.5G", "--max-streams", "none", "--max-duration", "0.5")
    assert found["limits"] == Limits(pixels=2_000_000, decoded_bytes=1_500_000_000, streams=None, duration=0.5)
    assert typed("--isolate", "--hang-timeout", "7")["isolation"] == Isolation(7)


@pytest.mark.parametrize("value", ["0", "-1", "many", "5X", "0.5", "nan", ""])
def test_what_is_no_limit_is_refused(value: str) -> None:
    with pytest.raises(click.BadParameter, match="no limit"):
        Limit(is_whole=True).convert(value, None, None)


@pytest.mark.parametrize("option", ["--max-width=63", "--max-decoded-bytes=20k"])
def test_a_limit_ends_with_its_code_and_no_output(
    deblur: CommandLine, clip: Path, tmp_path: Path, assert_no_output: Callable[[Path], None], option: str
) -> None:
    ended = deblur.run("video", clip, tmp_path / "out.mp4", *FAST, option)
    assert ended.code == 7
    assert option.partition("=")[0] in ended.error
    assert_no_output(tmp_path / "out.mp4")


def test_isolated_decoding_gives_the_same_file(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    digests = []
    for name, options in (("here.mkv", ()), ("there.mkv", ("--isolate",))):
        report = tmp_path / f"{name}.json"
        ended = deblur.run("video", clip, tmp_path / name, *FAST, "--codec", "ffv1", "--report", report, *options)
        assert ended.code == 0, ended.err
        assert json.loads(report.read_text())["frames"]["out"] == 12
        with av.open(str(tmp_path / name)) as container:
            digests.append([(p.stream_index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size])
    assert digests[0] == digests[1]


def test_a_pipe_can_not_be_isolated(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    ended = deblur.run("video", "-", tmp_path / "out.mp4", *FAST, "--isolate", data=clip.read_bytes())
    assert ended.code == 2
    assert "--isolate" in ended.error


def test_files_of_a_loop_recording_are_joined(
    deblur: CommandLine, clip: Path, tmp_path: Path, assert_no_output: Callable[[Path], None]
) -> None:
    output = tmp_path / "out.mkv"
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes())
    refused = deblur.run("video", clip, other, output, *FAST)
    assert refused.code == 2
    assert "--dashcam" in refused.error
    assert_no_output(output)
    ended = deblur.run("video", clip, tmp_path / "missing.mp4", other, output, *FAST, "--dashcam")
    assert ended.code == 6
    assert "missing.mp4" in ended.error
    with av.open(str(output)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert [time - times[0] for time in times] == pytest.approx([number / 25 for number in range(24)], abs=0.002)
