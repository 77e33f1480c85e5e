"""Each command of the default install on small files, and the exit codes of files that are broken."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import av
import cv2
import numpy as np
import pytest
from media import Sound, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import CommandLine

IDENTITY = ("--network", "identity", "--threads", "1")


def test_info_shows_what_is_in_a_file_and_what_is_kept(deblur: CommandLine, tmp_path: Path) -> None:
    clip = write(tmp_path / "in.mp4", sound=Sound(), chapters=((0, 480, "all"),), tags={"title": "A walk"})
    text = deblur.run("info", clip).out.decode()
    assert re.search(r"^video .*h264.*96x64", text, re.MULTILINE)
    assert re.search(r"^stream .*audio, aac, fra\): copied$", text, re.MULTILINE)
    found = json.loads(deblur.run("info", clip, "--json", "--to", "mkv").out)
    assert found["container"]["metadata"]["title"] == "A walk"
    assert found["container"]["chapters"] == 1
    assert found["container"]["duration_s"] == pytest.approx(0.48, abs=0.05)
    assert (found["video"]["average_rate"], found["video"]["frame_estimate"]) == ("25", 12)
    assert (found["output"]["suffix"], found["output"]["encoder"]) == (".mkv", "libx264")


def test_doctor_finds_what_the_default_install_brings(deblur: CommandLine) -> None:
    assert "openvino" in deblur.run("doctor").out.decode()
    findings = {
        (row["section"], row["name"]): row for row in json.loads(deblur.run("doctor", "--json").out)["findings"]
    }
    for library in ("av", "numpy", "openvino"):
        row = findings["libraries", library]
        assert row["detail"].startswith(f"{metadata.version(library)}; tested: ")
        assert row["works"] is not False, row
    for encoder in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1", "prores_ks"):
        assert findings["encoders", encoder]["works"] is True, findings["encoders", encoder]
    assert findings["engines", "openvino on CPU"]["works"] is True
    assert findings["engines", "auto"]["works"] is True
    assert findings["engines", "torch"]["works"] is False


def test_bench_measures_each_stage_of_a_file(deblur: CommandLine, tmp_path: Path) -> None:
    clip, figures, plot = write(tmp_path / "in.mp4"), tmp_path / "bench.json", tmp_path / "bench.svg"
    deblur.run("bench", clip, *IDENTITY, "--seconds", "0.2", "--json", figures, "--plot", plot)
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["machine"]["versions"]["av"] == av.__version__
    (case,) = found["cases"]
    assert set(case["frames_per_second"]) == {"decode", "infer", "network", "encode", "whole"}
    assert all(rate > 0 for rate in case["frames_per_second"].values())
    assert ET.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_live_records_a_file_played_at_its_own_pace(deblur: CommandLine, tmp_path: Path) -> None:
    clip, output, report = write(tmp_path / "in.mp4", frames=30), tmp_path / "out.mkv", tmp_path / "report.json"
    deblur.run("live", clip, *IDENTITY, "--every-frame", "--record", output, "--report", report)
    found = json.loads(report.read_text(encoding="utf-8"))
    recorded = read(output)
    assert len(recorded.times) == found["outputs"][f"recording {output}"]["shown"] > 0
    assert found["frames"]["processed"] + found["frames"]["dropped"] == found["frames"]["captured"] == 30
    assert recorded.times == sorted(set(recorded.times))
    assert 0.3 < float(recorded.offsets[-1]) < 3


def test_a_video_goes_through_pipes(deblur: CommandLine, tmp_path: Path) -> None:
    clip, output = write(tmp_path / "in.mkv", sound=Sound("libopus")), tmp_path / "out.mkv"
    arguments = ("video", "-", "-", *IDENTITY, "--format", "matroska", "--codec", "ffv1")
    output.write_bytes(deblur.run(*arguments, data=clip.read_bytes()).out)
    before, after = read(clip), read(output)
    assert (after.pictures, after.times) == (before.pictures, before.times)
    assert after.payloads(1) == before.payloads(1)


def test_decoding_in_a_process_of_its_own_changes_nothing(deblur: CommandLine, tmp_path: Path) -> None:
    clip, output = write(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    deblur.run("video", clip, output, *IDENTITY, "--codec", "ffv1", "--isolate")
    assert read(output).pictures == read(clip).pictures


def test_a_batch_does_what_it_can_and_reports_the_rest(deblur: CommandLine, tmp_path: Path) -> None:
    card, out, report = tmp_path / "card", tmp_path / "out", tmp_path / "batch.json"
    (card / "day two").mkdir(parents=True)
    write(card / "first.mp4", sound=Sound())
    write(card / "day two" / "second.mkv", frames=20)
    (card / "broken.mov").write_bytes(b"no video at all")
    arguments = ("batch", card, out, "-r", *IDENTITY, "--report", report)

    ended = deblur.run(*arguments, code=8)
    assert "1 of 3 inputs has no output" in ended.err.splitlines()[-1]
    assert len(read(out / "first.mp4").times) == 12
    assert len(read(out / "day two" / "second.mkv").times) == 20
    videos = json.loads(report.read_text(encoding="utf-8"))["videos"]
    states = {re.split(r"[\\/]", video["input"])[-1]: video["state"] for video in videos}
    assert states == {"first.mp4": "done", "second.mkv": "done", "broken.mov": "failed"}
    page = report.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,/9j/") == 4
    assert "second.mkv: done" in page

    again = deblur.run(*arguments, code=8)
    assert "0 to do (0 frames), 2 finished before, 1 that can't be done" in again.err


@pytest.mark.parametrize(
    ("source", "arguments", "code", "says"),
    [
        ("missing.mp4", ("out.mp4",), 3, "does not exist"),
        ("text.mp4", ("out.mp4",), 3, "is not a video"),
        ("empty.mkv", ("out.mkv",), 3, "the file is empty"),
        ("no_index.mp4", ("out.mp4",), 3, "has no index"),
        ("sound.mka", ("out.mkv",), 3, "has no video stream"),
        ("clip.mkv", ("clip.mp4",), 4, "add --overwrite"),
        ("clip.mkv", ("out.webm", "--codec", "h264"), 2, "can't hold h264"),
        ("clip.mkv", ("out.mkv", "--max-width", "32"), 7, "--max-width"),
        ("clip.mkv", ("out.mkv", "--colour", "red"), 2, "--colour"),
    ],
)
def test_what_can_not_be_done_is_one_line_and_its_exit_code(
    deblur: CommandLine, tmp_path: Path, source: str, arguments: tuple[str, ...], code: int, says: str
) -> None:
    write(tmp_path / "clip.mkv")
    whole = write(tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "no_index.mp4").write_bytes(whole[: whole.index(b"moov") - 4])
    with av.open(str(tmp_path / "sound.mka"), "w", format="matroska") as output:
        sound = output.add_stream("flac", rate=48000, layout="mono")
        silence = av.AudioFrame(format="s16", layout="mono", samples=4096)
        silence.sample_rate = 48000
        output.mux(sound.encode(silence))
        output.mux(sound.encode(None))
    error = deblur.run("video", source, *arguments, *IDENTITY, code=code).err.splitlines()[-1]
    assert says in error
    assert not (tmp_path / "out.mp4").exists()
    assert (tmp_path / "clip.mp4").read_bytes() == whole


def test_a_damaged_video_gives_what_can_be_decoded(deblur: CommandLine, tmp_path: Path) -> None:
    clip, output = write(tmp_path / "in.mkv", frames=50, options={"g": "10"}), tmp_path / "out.mkv"
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    ended = deblur.run("video", clip, output, *IDENTITY, code=6)
    assert "is damaged" in ended.err.splitlines()[-1]
    assert 10 < len(read(output).times) < 40


def test_pages_and_pictures_are_written(deblur: CommandLine, tmp_path: Path) -> None:
    clip, photo = write(tmp_path / "in.mp4"), tmp_path / "in.png"
    rng = np.random.default_rng(0)
    assert cv2.imwrite(str(photo), rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))
    deblur.run("image", photo, tmp_path / "out.png", *IDENTITY)
    assert (tmp_path / "out.png").read_bytes() == photo.read_bytes()
    deblur.run("best", clip, tmp_path / "stills", *IDENTITY, "--count", "1")
    assert len(list((tmp_path / "stills").iterdir())) == 1
    deblur.run("sample", clip, tmp_path / "sample.html", *IDENTITY, "--length", "0.2")
    deblur.run("compare", clip, clip, "--html", tmp_path / "compare.html")
    for page in ("sample.html", "compare.html"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert "data-slider" in text
        assert "<script" in text
