"""What ``--verbose`` adds to the lines on standard error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def details_of(done: Any) -> list[str]:
    assert done.code == 0, done.err
    return [line for line in done.err.splitlines() if line.startswith("detail: ")]


def test_verbose_tells_what_was_opened_chosen_and_measured(deblur: Any, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    done = deblur.run("video", clip, output, "--network", "identity", "--crf", "30", "--verbose")
    read, written, engine, ran = details_of(done)
    assert re.search(rf"input .*{clip.name}: .*, \w+ \d+x\d+ yuv420p, .* frames a second, .* s, ", read)
    assert "libx264" in written
    assert "crf=30" in written
    assert re.search(r"engine openvino: OpenVINO .*, identity in fp32 on .*; ready after \d+\.\d\d s$", engine)
    assert re.search(r"out\.mp4: \d+ frames in .* s .* decode .* at work .*; a frame's way through takes \d+ ms", ran)


def test_verbose_tells_of_each_segment(deblur: Any, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=60)
    options = ("--network", "identity", "--segment", "0.5", "-v")
    done = deblur.run("video", clip, tmp_path / "out.mp4", *options)
    segments = [line for line in details_of(done) if line.startswith("detail: segment ")]
    assert len(segments) > 1
    assert [line.split(":")[1] for line in segments] == [f" segment {number}" for number in range(len(segments))]


def test_details_are_not_shown_unasked(deblur: Any, clip: Path, tmp_path: Path) -> None:
    for number, options in enumerate(((), ("--quiet",), ("--quiet", "--verbose"))):
        done = deblur.run("video", clip, tmp_path / f"{number}.mp4", "--network", "identity", *options)
        assert details_of(done) == []
