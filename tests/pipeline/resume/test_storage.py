"""Segment files and the manifest: whole or not believed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import UsageError
from pipeline.resume.manifest import NAME, Manifest, ManifestDamagedError, SegmentRecord
from pipeline.resume.segment_file import CodedFrame, FileDigest, SegmentWriter, read_segment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(30)
FRAMES = [CodedFrame(-(2**40) + n, -(2**41) + n, n, n % 3 == 0, bytes([n]) * n) for n in range(50)]
RECORD = SegmentRecord(0, 50, -7, 900, 1234, "ab" * 32, 3, 4, 1, 2)


def write(path: Path) -> SegmentWriter:
    writer = SegmentWriter(path)
    for frame in FRAMES:
        writer.write(frame)
    return writer


def test_a_segment_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "0.segment"
    digest = write(path).commit()
    assert FileDigest.of(path) == digest == FileDigest(path.stat().st_size, digest.sha256)
    assert list(read_segment(path)) == FRAMES
    assert [found.name for found in tmp_path.iterdir()] == ["0.segment"]


def test_a_segment_that_is_not_committed_is_not_there(tmp_path: Path) -> None:
    writer = write(tmp_path / "0.segment")
    [unfinished] = tmp_path.iterdir()
    assert (unfinished.stem.split(".")[0], unfinished.suffix) == ("0", ".part")
    writer.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_truncated_segment_breaks_its_seal(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "0.segment"
    digest = write(path).commit()
    path.write_bytes(path.read_bytes()[:keep])
    assert FileDigest.of(path) != digest


def test_finished_segments_outlive_the_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path, "out.mp4")
    manifest.begin({"input": "one"})
    manifest.finish(RECORD)
    manifest.close()
    again = Manifest(tmp_path, "out.mp4")
    assert again.facts() == {"input": "one"}
    assert again.finished() == {0: RECORD}
    again.forget(0)
    assert again.finished() == {}
    again.clear()
    assert again.facts() == {}
    again.close()


def test_one_process_at_a_time_holds_a_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path, "out.mp4")
    with pytest.raises(UsageError, match=r"another process is writing out\.mp4"):
        Manifest(tmp_path, "out.mp4")
    manifest.close()
    Manifest(tmp_path, "out.mp4").close()


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 50)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_tables(path: Path) -> None:
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE segments (number INTEGER)")
    database.close()


@pytest.mark.parametrize("damage", [garbage, half])
def test_a_damaged_manifest_is_known_as_one(tmp_path: Path, damage: object) -> None:
    manifest = Manifest(tmp_path, "out.mp4")
    manifest.finish(RECORD)
    manifest.close()
    damage(tmp_path / NAME)  # type: ignore[operator]
    with pytest.raises(ManifestDamagedError):
        Manifest(tmp_path, "out.mp4")


def test_a_manifest_in_another_format_begins_anew(tmp_path: Path) -> None:
    Manifest(tmp_path, "out.mp4").close()
    other_tables(tmp_path / NAME)
    manifest = Manifest(tmp_path, "out.mp4")
    assert manifest.was_foreign
    assert manifest.finished() == {}
    manifest.close()
