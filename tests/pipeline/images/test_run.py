"""Pictures through an engine, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.errors import InputError, LimitError, OutputError, UsageError
from pipeline.images.picture import read_picture
from pipeline.images.run import Outcome, deblur_pictures
from pipeline.images.writing import check_format
from pipeline.job import Limits
from pipeline.notes import NoteCode
from tests.pipeline.images.conftest import MAKER_NOTE, XMP, animation, deep, exif, profile, texture, write, write_deep
from tests.support.engines import CopyingEngine, InvertingEngine, SeeingEngine
from tests.support.notes import codes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.runner.protocols import Engine

FORMATS = (".jpg", ".png", ".webp", ".tif", ".avif")


def deblur(pairs: Sequence[tuple[Path, Path]], engine: Engine | None = None, **options: Any) -> list[Outcome]:
    options = {"quality": 95} | options
    return list(deblur_pictures(pairs, engine or InvertingEngine(), Limits(), **options))


def deblur_one(path: Path, output: Path, engine: Engine | None = None, **options: Any) -> Outcome:
    (outcome,) = deblur([(path, output)], engine, **options)
    assert outcome.error is None, outcome.error
    return outcome


def samples(path: Path) -> Any:
    return read_picture(path, Limits()).frames[0]


@pytest.mark.parametrize("suffix", [*FORMATS, ".gif"])
def test_a_picture_that_does_not_change_is_copied(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"in{suffix}")
    assert deblur_one(path, tmp_path / f"out{suffix}", CopyingEngine()).notes == ()
    assert (tmp_path / f"out{suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_metadata_come_along_to_the_bit(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"in{suffix}")
    assert deblur_one(path, tmp_path / f"out{suffix}").notes == ()
    with Image.open(path) as before, Image.open(tmp_path / f"out{suffix}") as after:
        for image in (before, after):
            image.load()
        for key in ("icc_profile", "xmp", *(["exif"] if suffix != ".tif" else ())):
            # Pillow itself writes the EXIF of AVIF with the prefix that JPEG has.
            assert after.info[key] == before.info[key].removeprefix(b"Exif\0\0" if suffix == ".avif" else b""), key
        tags = after.getexif()
        assert tags[0x010F] == "Acme"
        assert tags.get_ifd(0x8769)[0x927C] == MAKER_NOTE
        assert tags.get_ifd(0x8825)[2] == (48.0, 8.0, 14.5)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("colours", [1, 3])
def test_the_engine_s_samples_are_written(suffix: str, colours: int, tmp_path: Path) -> None:
    path = write(tmp_path / f"in{suffix}", texture(colours=colours))
    deblur_one(path, tmp_path / f"out{suffix}")
    before, after = samples(path).astype(int), samples(tmp_path / f"out{suffix}").astype(int)
    assert after.shape == before.shape or suffix in {".webp", ".avif"}  # which have no grey
    if suffix in {".png", ".tif"}:
        np.testing.assert_array_equal(after, 255 - before)
    else:
        assert np.abs(after - (255 - before)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_file_is_not_turned_twice(orientation: int, tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = tmp_path / "in.tif"
    Image.fromarray(texture()).save(path, exif=tags.tobytes())
    np.testing.assert_array_equal(samples(path), texture())
    deblur_one(path, tmp_path / "out.tif")
    np.testing.assert_array_equal(samples(tmp_path / "out.tif"), 255 - texture())
    with Image.open(path) as before, Image.open(tmp_path / "out.tif") as after:
        np.testing.assert_array_equal(after, 255 - np.asarray(before))  # as it is shown


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colours", [1, 3, 4])
def test_sixteen_bits_are_kept(suffix: str, colours: int, tmp_path: Path) -> None:
    picture = deep(np.dstack([texture(), texture(colours=1)]) if colours == 4 else texture(colours=colours))
    path = write_deep(tmp_path / f"in{suffix}", picture)
    assert deblur_one(path, tmp_path / f"out{suffix}").notes == ()
    read = read_picture(tmp_path / f"out{suffix}", Limits())
    np.testing.assert_array_equal(read.frames[0], 65535 - (picture if colours == 1 else picture[..., :3]))
    if colours == 4:
        np.testing.assert_array_equal(read.alphas[0], picture[..., 3])


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path: Path) -> None:
    path = write_deep(tmp_path / "in.png", deep(texture()))
    notes = deblur_one(path, tmp_path / "out.jpg").notes
    assert codes(notes) == {NoteCode.DEPTH_REDUCED}
    assert np.abs(samples(tmp_path / "out.jpg") - (255.0 - texture())).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
def test_transparency_passes_by(suffix: str, tmp_path: Path) -> None:
    picture = np.dstack([texture(), texture(colours=1)])
    path = write(tmp_path / f"in{suffix}", picture)
    assert deblur_one(path, tmp_path / f"out{suffix}").notes == ()
    before, after = (read_picture(tmp_path / f"{name}{suffix}", Limits()).alphas[0] for name in ("in", "out"))
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after, before, atol=8 if suffix == ".avif" else 0)
    assert codes(deblur_one(path, tmp_path / "out.jpg").notes) == {NoteCode.ALPHA_DROPPED}


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_the_frames_of_an_animation_are_neighbours(suffix: str, tmp_path: Path) -> None:
    path, engine = animation(tmp_path / f"in{suffix}"), SeeingEngine()
    deblur_one(path, tmp_path / f"out{suffix}", engine)
    assert [tuple(place is None for place in window) for window in engine.windows] == [
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (False, False, True),
    ]
    before, after = read_picture(path, Limits()), read_picture(tmp_path / f"out{suffix}", Limits())
    assert (len(after.frames), after.durations, after.loop) == (4, before.durations, before.loop)
    for one, other in zip(before.frames, after.frames, strict=True):
        assert 0.5 < (other.astype(float) - one).mean() < 12


def test_frames_that_the_format_has_no_room_for_are_named(tmp_path: Path) -> None:
    notes = deblur_one(animation(tmp_path / "in.webp"), tmp_path / "out.jpg").notes
    assert codes(notes) == {NoteCode.STREAM_LEFT_OUT}
    assert "3 of 4" in str(notes[0])


def test_pages_of_a_document_are_each_by_itself(tmp_path: Path) -> None:
    path, engine = tmp_path / "in.tif", SeeingEngine()
    pages = [Image.fromarray(texture()), Image.fromarray(texture()[::-1])]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    deblur_one(path, tmp_path / "out.tif", engine)
    assert [window[::2] for window in engine.windows] == [(None, None)] * 2
    assert len(read_picture(tmp_path / "out.tif", Limits()).frames) == 2


def test_pictures_of_a_burst_are_neighbours(tmp_path: Path) -> None:
    engine = SeeingEngine()
    pairs = [
        (write(tmp_path / f"{number}.png", np.full((20, 30, 3), 10 * number, np.uint8)), tmp_path / f"out{number}.png")
        for number in range(1, 4)
    ]
    assert [outcome.output for outcome in deblur(pairs, engine, follow=True)] == [output for _, output in pairs]
    assert engine.windows == [(None, 10, 20), (10, 20, 30), (20, 30, None)]
    engine.windows.clear()
    deblur(pairs, engine, overwrite=True)
    assert engine.windows == [(None, 10, None), (None, 20, None), (None, 30, None)]


def test_a_picture_of_another_size_begins_anew(tmp_path: Path) -> None:
    engine = SeeingEngine()
    sizes = [(20, 30), (20, 30), (30, 20)]
    pairs = [
        (write(tmp_path / f"{number}.png", np.full((*size, 3), 10, np.uint8)), tmp_path / f"out{number}.png")
        for number, size in enumerate(sizes)
    ]
    assert all(outcome.error is None for outcome in deblur(pairs, engine, follow=True))
    assert engine.windows == [(None, 10, 10), (10, 10, None), (None, 10, None)]


@pytest.mark.parametrize("follow", [False, True])
def test_one_that_fails_does_not_stop_the_others(follow: bool, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    paths = [write(tmp_path / "one.png"), broken, tmp_path / "missing.png", write(tmp_path / "two.png")]
    outcomes = {o.path: o for o in deblur([(path, tmp_path / "out" / path.name) for path in paths], follow=follow)}
    assert list(map(type, (outcomes[path].error for path in paths))) == [type(None), InputError, InputError, type(None)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.png", "two.png"]


def test_a_file_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jpg", texture(240, 320))
    whole = samples(path)
    path.write_bytes(path.read_bytes()[:-3000])
    outcome = deblur_one(path, tmp_path / "out.jpg", CopyingEngine())
    assert "truncated" in outcome.damage
    assert np.abs(samples(tmp_path / "out.jpg")[:60].astype(float) - whole[:60]).mean() < 3


def test_a_limit_holds_before_anything_is_decoded(tmp_path: Path) -> None:
    for path in (
        write(tmp_path / "in.png"),
        write_deep(tmp_path / "16.png", deep(texture())),
        write_deep(tmp_path / "16.tif", deep(texture())),
    ):
        with pytest.raises(LimitError, match="56 pixels wide, over the limit of 50"):
            read_picture(path, Limits(width=50))
    with pytest.raises(LimitError, match="4 frames"):
        read_picture(animation(tmp_path / "in.gif"), Limits(frames=3))


def test_colours_for_print_are_refused(tmp_path: Path) -> None:
    Image.fromarray(texture()).convert("CMYK").save(tmp_path / "in.jpg")
    (outcome,) = deblur([(tmp_path / "in.jpg", tmp_path / "out.jpg")])
    assert isinstance(outcome.error, UsageError)
    assert "CMYK" in str(outcome.error)


def test_an_output_that_is_there_is_kept(tmp_path: Path) -> None:
    path, output = write(tmp_path / "in.png"), write(tmp_path / "out.png")
    before = output.read_bytes()
    (outcome,) = deblur([(path, output)])
    assert isinstance(outcome.error, OutputError)
    (outcome,) = deblur([(path, path)], overwrite=True)
    assert isinstance(outcome.error, UsageError)
    assert output.read_bytes() == path.read_bytes() == before
    deblur_one(path, output, overwrite=True)
    assert output.read_bytes() != before


def test_a_jpeg_file_stays_as_it_was_made(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jpg", subsampling=0, progressive=True)
    deblur_one(path, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info.get("progressive")
        assert (
            image.layer == [("1", 1, 1, 0), ("2", 1, 1, 1), ("3", 1, 1, 1)]
            or all(  # type: ignore[attr-defined]
                layer[1:3] == (1, 1)
                for layer in image.layer  # type: ignore[attr-defined]
            )
        )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_metadata_go_into_other_formats(suffix: str, tmp_path: Path) -> None:
    deblur_one(write(tmp_path / "in.avif"), tmp_path / f"out{suffix}")
    read = read_picture(tmp_path / f"out{suffix}", Limits())
    assert (read.metadata.icc, read.metadata.xmp) == (profile(), XMP)
    tags = Image.Exif()
    tags.load(read.metadata.exif)
    assert tags[0x010F] == "Acme"
    assert tags.get_ifd(0x8825)[2] == (48.0, 8.0, 14.5)
    assert len(exif()) > 100


def test_heif_is_read_and_written(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif", reason="the extra `heif` is not installed")
    path = write(tmp_path / "in.png")
    check_format(tmp_path / "out.heic")
    deblur_one(path, tmp_path / "out.heic")
    deblur_one(tmp_path / "out.heic", tmp_path / "back.png")
    for name, wanted in (("out.heic", 255.0 - texture()), ("back.png", texture().astype(float))):
        with Image.open(tmp_path / name) as image:
            shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        # The library turns what it reads, and says so in EXIF.
        assert np.abs(shown - np.rot90(wanted, -1)).mean() < 6
        assert image.info["icc_profile"] == profile()
