"""Recipes of odd files: what is in a file, drawn from a seed and a number. For ``odd_files.py``."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

from odd_containers import CONTAINERS, VIDEOS, Container

OUTPUTS = (".mp4", ".mov", ".mkv", ".webm", ".ts", ".avi", ".mp4", ".mov", ".mkv", ".mkv")
RATES = (*map(Fraction, (25, 30, 15, 60, 10)), *(Fraction(n, 1001) for n in (24_000, 30_000)), Fraction(25, 2))
SIZES = ((64, 48), (64, 48), (64, 48), (66, 50), (65, 49), (48, 64), (33, 17), (18, 16), (80, 36))
MADE = ("even", "even", "variable", "gap", "late", "negative")
"""Patterns of time stamps that a muxer writes."""
PATCHED = ("repeated", "backwards", "missing", "first-missing", "leap")
"""Patterns of time stamps that no muxer writes; they are put into the file afterwards."""

TAGS: dict[str, dict[str, str]] = {
    "none": {},
    "plain": {"title": "A walk", "artist": "Nobody", "comment": "first", "date": "2021-02-03", "genre": "home"},
    "unicode": {"title": "日本語 🎬 ß", "comment": "two\nlines; and = signs", "album": "a" * 3000},
    "keys": {"title": "keys", "com.apple.quicktime.location.ISO6709": "+48.1-011.5/", "MY ODD KEY": "1", "x:y/z": "2"},
    "latin-1": {"title": "M\udcfcnchen", "comment": "caf\udce9"},
    "camera": {
        "creation_time": "2020-01-02T03:04:05.000000Z",
        "make": "Maker",
        "model": "M1",
        "location": "+48.1+011.5/",
    },
}
LANGUAGES = ("", "fra", "deu", "zxx", "qaa", "de-CH", "fr", "xx")
TITLES = ("", "Director", "Тест")
DISPOSITIONS = ("", "", "default", "forced", "hearing_impaired", "comment", "dub", "original", "visual_impaired")

COLOURS: dict[str, tuple[int, int, int, int]] = {
    "none": (0, 2, 2, 2),
    "bt709": (1, 1, 1, 1),
    "bt601": (1, 6, 6, 6),
    "pal": (1, 5, 6, 5),
    "full": (2, 1, 1, 1),
    "srgb": (0, 1, 13, 2),
    "pq": (1, 9, 16, 9),
    "hlg": (0, 9, 18, 9),
    "film": (1, 8, 8, 4),
}
"""Colour tags as FFmpeg's numbers: range, primaries, transfer, matrix."""


@dataclass(frozen=True)
class Track:
    """A stream beside the video.

    Attributes:
        codec: Encoder or codec, by FFmpeg's name.
        language: Language tag; empty for none.
        title: Title; empty for none.
        disposition: Disposition, by FFmpeg's name; empty for none.
        start: Seconds at which it begins.
    """

    codec: str
    language: str = ""
    title: str = ""
    disposition: str = ""
    start: Fraction = Fraction(0)


@dataclass(frozen=True)
class Recipe:
    """Everything about one odd file, and the way it goes through the program.

    Attributes:
        number: Number of the file in the run.
        container: Key of :data:`CONTAINERS`.
        video: Key of :data:`VIDEOS`.
        pixel_format: Pixel format that the encoder gets.
        size: Width and height, in pixels.
        rate: Frames a second.
        frames: Number of frames.
        base: Unit of the video's stamps, in seconds.
        times: Pattern of the stamps, of :data:`MADE` or :data:`PATCHED`, or ``wrap``.
        sounds: Tracks of sound.
        subtitles: Tracks of subtitles.
        data: Codecs of data tracks.
        extras: What else is in it.
        tags: Key of :data:`TAGS`.
        track: Language, title and disposition of the video itself.
        colour: Key of :data:`COLOURS`.
        metadata: Side data: ``hdr``, ``captions``.
        interlaced: Whether frames are flagged as interlaced.
        output: File extension of the output, with the dot.
        codec: Codec that is asked for; None for none.
        crf: Rate factor that is asked for; None for none.
        segments: Whether the work is done in segments.
    """

    number: int
    container: str
    video: str
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    rate: Fraction = Fraction(25)
    frames: int = 25
    base: Fraction = Fraction(1, 1000)
    times: str = "even"
    sounds: tuple[Track, ...] = ()
    subtitles: tuple[Track, ...] = ()
    data: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    tags: str = "none"
    track: Track = field(default_factory=lambda: Track(""))
    colour: str = "none"
    metadata: tuple[str, ...] = ()
    interlaced: bool = False
    output: str = ".mkv"
    codec: str | None = None
    crf: float | None = None
    segments: bool = False

    def __str__(self) -> str:
        """What is odd about it, in one line."""
        plain = Recipe(0, "", "")
        odd = [
            f"{name}={getattr(self, name)}"
            for name in ("rate", "times", "size", "tags", "colour", "metadata", "extras", "data")
            if getattr(self, name) != getattr(plain, name)
        ]
        odd += [
            f"{kind}={'+'.join(map(_short, tracks))}"
            for kind, tracks in (("sounds", self.sounds), ("subtitles", self.subtitles))
            if tracks
        ]
        odd += ["interlaced"] * self.interlaced + ["segments"] * self.segments
        target = f"{self.output}" + (f" as {self.codec}" if self.codec else "")
        return f"{self.container} {self.video} {self.pixel_format} -> {target}: {', '.join(odd)}"


def _short(track: Track) -> str:
    return "/".join(
        filter(
            None, (track.codec, track.language, track.disposition, f"{float(track.start):g}s" if track.start else "")
        )
    )


def recipe(seed: int, number: int) -> Recipe:
    """The recipe of a file, which depends on the seed and its number alone."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable on purpose
    name = rng.choices(tuple(CONTAINERS), (20, 16, 24, 6, 14, 10, 5, 4, 4, 3, 2, 1))[0]
    kind = CONTAINERS[name]
    video = rng.choice(kind.videos)
    pixel_format = rng.choice(VIDEOS[video].formats)
    rate = rng.choice(RATES)
    if video in ("mpeg1", "mpeg2") or not kind.bases or name == "mxf":
        rate = rng.choice((Fraction(25), Fraction(30), Fraction(24_000, 1001)))
    base = rng.choice(kind.bases) if kind.bases else 1 / rate
    times = _times(rng, name)
    output, codec, crf = _target(rng, kind, pixel_format)
    interlaced = video in ("mpeg2", "h264") and pixel_format == "yuv420p" and rng.random() < 0.15
    # Interlaced macroblocks are 32 lines high: an encoder fills up smaller pictures with what is in memory.
    size = (64, 64) if interlaced else _size(rng, video)
    return Recipe(
        number=number,
        container=name,
        video=video,
        pixel_format=pixel_format,
        size=size,
        rate=rate,
        frames=rng.choice((1, 2, 12, 25, 25, 31) if name not in ("mxf", "ts") else (12, 25)),  # FFmpeg finds no shorter
        base=base,
        times=times,
        sounds=_sounds(rng, kind, name),
        subtitles=tuple(_track(rng, codec) for codec in kind.subtitles if rng.random() < 0.25),
        data=tuple(codec for codec in kind.data if rng.random() < 0.2),
        extras=tuple(extra for extra in kind.extras if rng.random() < 0.2),
        tags=rng.choice(tuple(TAGS)),
        track=_track(rng, ""),
        colour=_colour(rng, pixel_format),
        metadata=_metadata(rng, video),
        interlaced=interlaced,
        output=output,
        codec=codec,
        crf=crf,
        segments=rng.random() < 0.3,
    )


def _times(rng: random.Random, name: str) -> str:
    kind = CONTAINERS[name]
    if not kind.bases:
        return rng.choice(("even", "even", "late"))
    if kind.stamps and rng.random() < 0.2:
        return rng.choice([p for p in PATCHED if "missing" not in p or name == "ts"])
    if name == "ts" and rng.random() < 0.15:
        return "wrap"
    return rng.choice([pattern for pattern in MADE if pattern != "negative" or name in ("mp4", "mov", "nut")])


def _target(rng: random.Random, kind: Container, pixel_format: str) -> tuple[str, str | None, float | None]:
    writable = kind.suffix in OUTPUTS
    output = kind.suffix if writable and rng.random() < 0.4 else rng.choice(OUTPUTS)
    if output in (".mkv", ".avi") and rng.random() < 0.4:
        return output, "ffv1", None
    if output not in (".webm", ".avi") and pixel_format in ("yuv420p", "yuv422p", "yuv444p") and rng.random() < 0.6:
        return output, "h264", 0.0
    return output, None, None


def _size(rng: random.Random, video: str) -> tuple[int, int]:
    width, height = rng.choice(SIZES)
    if video in ("hevc", "av1", "vp9", "prores"):
        width, height = max(width, 64), max(height, 64)
    if video.startswith("h264") or video in (
        "hevc",
        "av1",
        "v210",
        "utvideo",
        "huffyuv",
        "ffvhuff",
        "msmpeg4",
        "wmv2",
        "flv1",
        "prores",
    ):
        width, height = width - width % 2, height - height % 2
    return width, height


def _track(rng: random.Random, codec: str) -> Track:
    return Track(codec, rng.choice(LANGUAGES), rng.choice(TITLES), rng.choice(DISPOSITIONS))


def _sounds(rng: random.Random, kind: Container, name: str) -> tuple[Track, ...]:
    count = rng.choice((0, 1, 1, 1, 2, 3)) if name not in ("flv", "mxf", "wmv") else rng.choice((0, 1))
    tracks = [_track(rng, codec) for codec in rng.sample(kind.sounds, min(count, len(kind.sounds)))]
    late = rng.choice((Fraction(0), Fraction(0), Fraction(1, 4))) if kind.bases else Fraction(0)
    return tuple(Track(t.codec, t.language, t.title, t.disposition, late) for t in tracks)


def _colour(rng: random.Random, pixel_format: str) -> str:
    if not pixel_format.startswith(("yuv420", "yuv422", "yuv444")) or rng.random() < 0.4:
        return "none"
    return rng.choice(tuple(COLOURS))


def _metadata(rng: random.Random, video: str) -> tuple[str, ...]:
    kinds = {"h264": ("hdr", "captions"), "h264-bframes": ("captions",), "hevc": ("hdr",), "av1": ("hdr",)}
    return tuple(kind for kind in kinds.get(video, ()) if rng.random() < 0.3)
