"""Which clips of a loop recording are joined."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.batch.dashcam_clips import camera_in_name, join_clips, time_in_name
from pipeline.batch.inputs import BatchInput
from pipeline.job import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

MORNING = datetime(2026, 11, 23, 8, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stem", "camera"),
    [
        ("2026_1123_081500_001F", ("F",)),
        ("2026_1123_081500_002R", ("R",)),
        ("20261123081500_000123", ()),
        ("20261123_081500_NF", ("F",)),
        ("20261123_081500_ER", ("R",)),
        ("REC_2026_11_23_08_15_00_F", ("F",)),
        ("NO20261123-081500-000123B", ("B",)),
        ("261123_081500_001_FH", ("fh",)),
        ("2026-11-23_08-15-00-left_repeater", ("left", "repeater")),
        ("FILE261123-081500A", ("A",)),
    ],
)
def test_names_of_cameras_are_understood(stem: str, camera: tuple[str, ...]) -> None:
    began, rest = time_in_name(stem)
    assert began == MORNING
    assert camera_in_name(rest, is_behind_time=True) == camera


@pytest.mark.parametrize("stem", ["GRMN0012", "holiday", "20261399_081500", "123456789012345", "2026"])
def test_numbers_that_are_no_time_are_none(stem: str) -> None:
    assert time_in_name(stem) == (None, stem)


def test_where_a_name_has_no_time_what_stands_behind_its_number_is_the_camera() -> None:
    assert camera_in_name("MOVI0012F", is_behind_time=False) == ("F",)
    assert camera_in_name("GRMN0012", is_behind_time=False) == ()


@pytest.fixture
def card(make_clip: Callable[..., Path], tmp_path: Path) -> Callable[..., list[BatchInput]]:
    """Clips of 75 frames, three seconds, by their names."""
    models: dict[tuple[tuple[str, Any], ...], bytes] = {}

    def make(*names: str, **changes: Any) -> list[BatchInput]:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            key = tuple(sorted(changes.items()))
            if key not in models:
                models[key] = make_clip(path, frames=75, **changes).read_bytes()
            path.write_bytes(models[key])
        return [BatchInput(tmp_path / name, PurePath()) for name in names]

    return make


def joined(inputs: list[BatchInput]) -> list[list[str]]:
    return [[item.path.name, *(path.name for path in item.continued)] for item in join_clips(inputs, SourceOptions())]


def test_clips_that_follow_each_other_become_one_for_each_camera(card: Callable[..., list[BatchInput]]) -> None:
    inputs = card(
        "20261123_081500_NF.mp4",
        "20261123_081500_NR.mp4",
        "20261123_081503_EF.mp4",
        "20261123_081503_ER.mp4",
        "20261123_081506_NF.mp4",
        "20261123_081505_NR.mp4",
    )
    assert joined(inputs) == [
        ["20261123_081500_NF.mp4", "20261123_081503_EF.mp4", "20261123_081506_NF.mp4"],
        ["20261123_081500_NR.mp4", "20261123_081503_ER.mp4", "20261123_081505_NR.mp4"],
    ]


def test_a_gap_another_picture_and_a_broken_clip_begin_a_new_recording(
    card: Callable[..., list[BatchInput]], tmp_path: Path
) -> None:
    inputs = card("20261123_081500.mp4", "20261123_081503.mp4", "20261123_081520.mp4")
    inputs += card("20261123_081523.mp4", size=(96, 64))
    broken = tmp_path / "20261123_081526.mp4"
    broken.write_bytes(b"no video")
    recordings = join_clips([*inputs, BatchInput(broken, PurePath())], SourceOptions())
    assert [len(item.continued) for item in recordings] == [1, 0, 0, 0]
    assert [item.note for item in recordings] == [
        "",
        "not joined to 20261123_081503.mp4: it begins 14 s after the end of that",
        "not joined to 20261123_081520.mp4: it has another picture or codec",
        "not joined to 20261123_081523.mp4: it can't be read",
    ]


def test_the_order_of_the_arguments_is_not_that_of_the_recording(card: Callable[..., list[BatchInput]]) -> None:
    inputs = card("20261123_081503.mp4", "other/20261123_081500.mp4", "20261123_081500.mp4")
    assert joined(inputs) == [["20261123_081500.mp4"], ["20261123_081500.mp4", "20261123_081503.mp4"]]


def test_the_header_tells_where_the_name_does_not(card: Callable[..., list[BatchInput]], tmp_path: Path) -> None:
    [plain] = card("MOVI0001.mp4")
    paths = [tmp_path / f"MOVI000{number}.mov" for number in (2, 3, 4)]
    for path, time in zip(paths, ("08:15:00", "08:15:03", "08:15:30"), strict=True):
        with av.open(str(plain.path)) as source, av.open(str(path), "w") as target:
            target.metadata["creation_time"] = f"2026-11-23T{time}Z"
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    inputs = [BatchInput(path, PurePath()) for path in paths]
    assert joined(inputs) == [["MOVI0002.mov", "MOVI0003.mov"], ["MOVI0004.mov"]]
    assert joined(card("MOVI0001.mp4", "MOVI0002.mp4")) == [["MOVI0001.mp4"], ["MOVI0002.mp4"]]
