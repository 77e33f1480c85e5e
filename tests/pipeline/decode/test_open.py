"""Opening an input: each kind of source does it once, decodes once, and says the same of the input."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.decode import container, decoder
from pipeline.decode.open import open_source
from pipeline.job import Isolation, SourceOptions
from pipeline.media.pyav18 import open_media
from pipeline.media.source_info import SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.runner.protocols import Source

pytestmark = pytest.mark.timeout(120)


class Work:
    """What this process did: how often it opened each file, and how often it decoded each packet."""

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()
        self.decoded: Counter[tuple[Any, ...]] = Counter()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts what is opened and decoded from now on."""
    done = Work()
    decode = decoder.FrameDecoder.decode

    def opening(path: Any, *arguments: Any, **options: Any) -> Any:
        done.opened[Path(path).name] += 1
        return open_media(path, *arguments, **options)

    def decoding(self: decoder.FrameDecoder, packet: av.Packet[av.VideoStream]) -> Any:
        if packet.size:
            done.decoded[packet.stream.container.name, packet.pts] += 1
        return decode(self, packet)

    monkeypatch.setattr(container, "open_media", opening)
    monkeypatch.setattr(decoder.FrameDecoder, "decode", decoding)
    return done


def count(source: Source) -> tuple[int, int]:
    """Frames and packets."""
    kinds = Counter(isinstance(event, av.VideoFrame) for event in source.events())
    return kinds[True], kinds[False]


@pytest.fixture
def clips(tmp_path: Path, make_clip: Callable[..., Path]) -> list[Path]:
    return [make_clip(tmp_path / f"{name}.mkv", frames=12 + number) for number, name in enumerate("abc")]


@pytest.mark.parametrize("start", [None, 0.2])
def test_a_file_is_opened_and_decoded_once(start: float | None, clips: list[Path], work: Work) -> None:
    with open_source(clips[0], SourceOptions(start=start)) as source:
        assert count(source)[0] == 12 - (5 if start else 0)
    assert work.opened == {"a.mkv": 1}
    assert len(work.decoded) == 12
    assert set(work.decoded.values()) == {1}


def test_an_isolated_file_is_opened_once_here_and_decoded_by_the_other_process_alone(
    clips: list[Path], work: Work
) -> None:
    with open_source(clips[0]) as here:
        expected = count(here)
    work.opened.clear()
    work.decoded.clear()
    with open_source(clips[0], SourceOptions(isolation=Isolation())) as source:
        assert count(source) == expected
    assert work.opened == {"a.mkv": 1}
    assert not work.decoded


def test_each_of_several_files_is_opened_and_decoded_once(clips: list[Path], work: Work) -> None:
    with open_source(clips[0], SourceOptions(continued=tuple(clips[1:]))) as source:
        assert count(source)[0] == 12 + 13 + 14
    assert work.opened == {"a.mkv": 1, "b.mkv": 1, "c.mkv": 1}
    assert len(work.decoded) == 12 + 13 + 14
    assert set(work.decoded.values()) == {1}


def test_several_isolated_files_are_opened_once_here_and_decoded_elsewhere(clips: list[Path], work: Work) -> None:
    with open_source(clips[0], SourceOptions(continued=(clips[1],), isolation=Isolation())) as source:
        assert count(source)[0] == 12 + 13
    assert work.opened == {"a.mkv": 1, "b.mkv": 1}
    assert not work.decoded


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rotate90.mov", SourceOptions()),
        ("mastering_display_light_level.mp4", SourceOptions()),
        ("hlg10.mp4", SourceOptions()),
        ("chapters.mp4", SourceOptions(start=0.5)),
        ("scte35_data.ts", SourceOptions(start=0.7, duration=1.0)),
    ],
)
def test_a_source_says_the_same_of_an_input_whoever_decodes_it(
    name: str, options: SourceOptions, shared_clip: Callable[[str], Path]
) -> None:
    path = shared_clip(name)
    isolated = SourceOptions(start=options.start, duration=options.duration, isolation=Isolation())
    with open_source(path, options) as here, open_source(path, isolated) as there:
        assert plain(here.info) == plain(there.info)
        assert here.notes == there.notes


def test_cover_art_is_the_same_whoever_decodes(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    png: Any = av.CodecContext.create("png", "w")
    png.width, png.height, png.pix_fmt, png.time_base = 16, 16, "rgb24", Fraction(1, 25)
    picture = bytes(next(iter(png.encode(av.VideoFrame(16, 16, "rgb24")) + png.encode(None))))
    path = make_clip(tmp_path / "cover.mkv", attachment=("cover.png", "image/png", picture))
    with open_source(path) as here, open_source(path, SourceOptions(isolation=Isolation())) as there:
        assert list(here.info.covers.values()) == [picture]
        assert there.info.covers == here.info.covers


def plain(info: SourceInfo) -> dict[str, Any]:
    """All fields, with each stream by its number and kind."""
    values = {field.name: getattr(info, field.name) for field in fields(SourceInfo)}
    values["suitable_rate"] = info.suitable_rate and info.suitable_rate()
    return {name: by_number(value) for name, value in values.items()}


def by_number(value: Any) -> Any:
    if isinstance(value, tuple):
        return [by_number(item) for item in value]
    return (value.index, value.type) if hasattr(value, "codec_context") else value
