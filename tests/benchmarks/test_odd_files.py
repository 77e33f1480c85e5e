"""The generator of odd files: that it repeats itself, that it finds what is planted, and a short form of the run."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest
from odd_comparing import compare
from odd_containers import CONTAINERS, VIDEOS
from odd_files import judge, main
from odd_reading import Contents, read
from odd_recipes import MADE, PATCHED, Recipe, Track, recipe
from odd_times import in_order, intended_times
from odd_writing import stamps_of, write_odd_file

from pipeline.engines.load import load_engine
from pipeline.notes import Note, NoteCode
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.planes import PlaneBatch
    from network.window.windows import Windows

pytestmark = pytest.mark.timeout(280)

RICH = Recipe(
    3,
    "mkv",
    "ffv1",
    sounds=(Track("flac", "fra", "Director", "comment"), Track("pcm_s16le")),
    subtitles=(Track("subrip", "deu"),),
    extras=("chapters", "cover", "attachment", "second", "rotation", "aspect"),
    tags="plain",
    colour="bt709",
    codec="ffv1",
)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "rich.mkv"
    write_odd_file(path, RICH, 1)
    return path


def test_a_recipe_depends_on_its_seed_and_number_alone() -> None:
    first = [recipe(1, number) for number in range(50)]
    assert first == [recipe(1, number) for number in range(50)]
    assert first != [recipe(2, number) for number in range(50)]


def test_all_that_can_be_in_a_file_comes_up() -> None:
    drawn = [recipe(1, number) for number in range(2000)]
    assert {one.container for one in drawn} == set(CONTAINERS)
    assert {one.video for one in drawn} == set(VIDEOS)
    assert {one.times for one in drawn} == {*MADE, *PATCHED, "wrap"}
    assert {extra for one in drawn for extra in one.extras} == {e for kind in CONTAINERS.values() for e in kind.extras}
    assert {track.codec for one in drawn for track in one.sounds} == {s for k in CONTAINERS.values() for s in k.sounds}
    assert {data for one in drawn for data in one.metadata} == {"hdr", "captions"}
    assert {one.segments for one in drawn} == {one.interlaced for one in drawn} == {True, False}


@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_a_file_depends_on_its_seed_and_number_alone(container: str, tmp_path: Path) -> None:
    one = next(drawn for drawn in (recipe(1, n) for n in range(2000)) if drawn.container == container)
    suffix = CONTAINERS[container].suffix
    for name in ("a", "b"):
        write_odd_file(tmp_path / f"{name}{suffix}", one, 1)
    # Not byte for byte: x264 writes other bits from time to time, of the same pictures with one thread.
    first, second = (_written(tmp_path / f"{name}{suffix}") for name in ("a", "b"))
    assert first == second
    assert len(first[0]) > 3


def _written(path: Path) -> tuple[list[Any], dict[str, str], list[dict[str, str]]]:
    with av.open(str(path)) as container:
        streams = container.streams
        packets = [(each.stream.index, each.pts, each.dts, each.is_keyframe) for each in container.demux()]
        return packets, dict(container.metadata), [dict(stream.metadata) for stream in streams]


@pytest.mark.parametrize("times", MADE)
def test_the_muxer_writes_the_times_of_the_pattern(times: str, tmp_path: Path) -> None:
    one = Recipe(0, "mkv", "ffv1", times=times if times != "negative" else "late")
    write_odd_file(tmp_path / "clip.mkv", one, 1)
    wanted = stamps_of(one, random.Random("1/0/file"))  # noqa: S311 - repeatable on purpose
    assert intended_times(read(tmp_path / "clip.mkv")) == [Fraction(stamp, 1000) for stamp in wanted]


@pytest.mark.parametrize("fault", ["repeated", "backwards", "leap"])
@pytest.mark.parametrize(("container", "video"), [("mkv", "mjpeg"), ("ts", "mpeg4"), ("flv", "flv1"), ("mp4", "mjpeg")])
def test_faulty_stamps_are_in_the_file(container: str, video: str, fault: str, tmp_path: Path) -> None:
    base = Fraction(1, 90_000) if container == "ts" else Fraction(1, 1000)
    whole = Recipe(5, container, video, VIDEOS[video].formats[0], base=base)
    paths = [tmp_path / f"{name}{CONTAINERS[container].suffix}" for name in ("whole", "faulty")]
    write_odd_file(paths[0], replace(whole, times="variable"), 1)
    write_odd_file(paths[1], replace(whole, times=fault), 1)
    before, after = (intended_times(read(path)) for path in paths)
    assert len(before) == whole.frames
    assert before != after


def test_missing_stamps_are_in_the_file(tmp_path: Path) -> None:
    write_odd_file(tmp_path / "a.ts", Recipe(5, "ts", "mpeg4", times="missing", base=Fraction(1, 90_000)), 1)
    data = (tmp_path / "a.ts").read_bytes()
    headers = [data.find(b"\x00\x00\x01\xe0", place) for place in range(0, len(data), 188)]
    flags = [data[place + 7] >> 6 for place in sorted(set(headers)) if place >= 0]
    assert flags.count(0) == 1
    assert len(flags) == 25


def test_the_longest_series_in_order_is_found() -> None:
    assert in_order(list(map(Fraction, (0, 1, 9, 2, 3)))) == {0, 1, 3, 4}
    assert in_order([Fraction(0), None, Fraction(0), Fraction(1)]) == {0, 3}


def test_what_comes_back_whole_is_no_fault(rich: Path) -> None:
    assert compare(read(rich), read(rich), [], RICH) == []


def lose_frame(contents: Contents) -> None:
    contents.pictures.pop()


def move_frame(contents: Contents) -> None:
    contents.pictures[5].time += Fraction(1, 1000)  # type: ignore[operator]


def change_sample(contents: Contents) -> None:
    frame = contents.pictures[5].frame
    data = bytearray(frame.planes[0])
    data[0] ^= 1
    frame.make_writable()
    frame.planes[0].update(data)


def move_sound(contents: Contents) -> None:
    for piece in contents.tracks[0].pieces:
        piece.time += Fraction(40, 1000)  # type: ignore[operator]


PLANTED: dict[str, tuple[Callable[[Contents], Any], NoteCode | None, str]] = {
    "count": (lose_frame, None, ""),
    "times": (move_frame, NoteCode.CLOCK_JUMPED, ""),
    "picture": (change_sample, None, ""),
    "colour": (lambda made: setattr(made.pictures[0].frame, "color_primaries", 9), None, ""),
    "rotation": (lambda made: made.pictures[0].side_data.clear(), NoteCode.SIDE_DATA_DROPPED, ""),
    "aspect": (lambda made: setattr(made, "aspect", Fraction(2)), NoteCode.ASPECT_DROPPED, ""),
    "sync": (move_sound, None, ""),
    "sound": (lambda made: made.tracks.pop(0), NoteCode.STREAM_LEFT_OUT, "1"),
    "subtitles": (lambda made: made.tracks.pop(2), NoteCode.STREAM_LEFT_OUT, "3"),
    "second video": (lambda made: made.tracks.pop(3), NoteCode.STREAM_LEFT_OUT, "4"),
    "order": (lambda made: setattr(made.tracks[0], "index", 9), None, ""),
    "cover": (lambda made: made.covers.clear(), NoteCode.STREAM_LEFT_OUT, "cover"),
    "attachments": (lambda made: made.attachments.clear(), NoteCode.STREAM_LEFT_OUT, "attachment"),
    "tags": (lambda made: made.tags.pop("title"), NoteCode.TAGS_DROPPED, "title"),
    "track tags": (lambda made: made.tracks[0].tags.pop("title"), NoteCode.TAGS_DROPPED, "title"),
    "chapters": (lambda made: made.chapters.pop(), NoteCode.CHAPTERS_DROPPED, ""),
    "disposition": (lambda made: setattr(made.tracks[0], "disposition", 0), NoteCode.TAGS_DROPPED, "disposition"),
    "boxes": (lambda made: made.boxes.append(b"new"), None, ""),
}


@pytest.mark.parametrize("area", sorted(PLANTED))
def test_what_is_planted_is_found_unless_a_note_of_its_kind_names_it(area: str, rich: Path) -> None:
    plant, code, word = PLANTED[area]
    given, made = read(rich), read(rich)
    plant(made)
    assert {found for found, _ in compare(given, made, [], RICH)} == {area}
    other = Note(NoteCode.TIMES_REPAIRED, "title", 1)
    assert {found for found, _ in compare(given, made, [other], RICH)} == {area}
    if code is not None:
        places = {"cover": given.covers[0][0], "attachment": given.attachments[0][0]}
        stream = places.get(word, int(word) if word.isdigit() else None)
        assert compare(given, made, [Note(code, word, stream)], RICH) == []


def test_other_sound_is_found(rich: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    write_odd_file(other, replace(RICH, frames=12), 1)
    given, made = read(rich), read(rich)
    made.tracks[1].pieces[0].data = bytes(len(made.tracks[1].pieces[0].data))
    made.path = other  # other bytes are decoded, since a container may wrap the same sound otherwise
    assert {area for area, _ in compare(given, made, [], RICH)} == {"sound"}


class FaultyEngine(CopyingEngine):
    """Changes the first sample."""

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        super().run(batch, out, windows)
        out.planes[0].flat[0] ^= 1


def crash(_batch: int) -> None:
    """Fails as no engine may."""
    raise ZeroDivisionError


def test_other_frames_and_tracebacks_are_found(tmp_path: Path) -> None:
    plain = Recipe(0, "mkv", "ffv1")
    assert judge(plain, 1, tmp_path, CopyingEngine()).ending == "whole"
    (tmp_path / "0.out.mkv").unlink()
    changed = judge(plain, 1, tmp_path, FaultyEngine())
    assert [area for area, _ in changed.faults] == ["picture"]
    crashed = judge(replace(plain, number=1), 1, tmp_path, CopyingEngine(before=crash))
    assert [area for area, _ in crashed.faults] == ["crash"]


def test_a_plain_file_comes_through_in_segments_and_in_one_piece(tmp_path: Path) -> None:
    engine = load_engine("openvino", "identity", threads=1)
    for number, segments in enumerate((False, True)):
        plain = Recipe(number, "mkv", "ffv1", sounds=(Track("flac"),), tags="unicode", segments=segments)
        assert judge(plain, 1, tmp_path, engine).ending == "whole"


@pytest.mark.slow
def test_the_short_form_finds_nothing(tmp_path: Path) -> None:
    """``DEBLUR_ODD_FILES`` makes it longer."""
    files = int(os.environ.get("DEBLUR_ODD_FILES", "100"))
    main(["--files", str(files), "--seed", "25", "--json", str(tmp_path / "odd.json")])
    found = json.loads((tmp_path / "odd.json").read_text())
    assert found["faults"] == []
