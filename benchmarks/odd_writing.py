"""Writes the odd file of a recipe, packet by packet. For ``odd_files.py``."""

from __future__ import annotations

import os
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Disposition
from odd_boxes import add_box
from odd_containers import VIDEOS
from odd_recipes import COLOURS, PATCHED, TAGS, Recipe, Track
from odd_samples import captioned, make_frame
from odd_stamps import patch_stamps

from pipeline.media.pyav18 import open_media

if TYPE_CHECKING:
    from pathlib import Path

_WRAP = Fraction(1 << 33, 90_000)
_REORDERING = 64
"""Frames by which a decoding time may lie before the frame; encoders stay below."""
_HDR_INTEGERS = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
_HDR = {
    "libx264": ("x264-params", f"mastering-display={_HDR_INTEGERS}:cll=1000,400"),
    "libx265": ("x265-params", f"master-display={_HDR_INTEGERS}:max-cll=1000,400"),
    "libsvtav1": (
        "svtav1-params",
        "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005):content-light=1000,400",
    ),
}


os.environ.setdefault("SVT_LOG", "0")  # the encoder prints pages else


def write_odd_file(path: Path, recipe: Recipe, seed: int) -> None:
    """Writes the file of a recipe.

    Args:
        path: File that is overwritten.
        recipe: What is in it.
        seed: Seed of the run, for what the recipe leaves to chance.
    """
    rng = random.Random(f"{seed}/{recipe.number}/file")  # noqa: S311 - repeatable on purpose
    options = {"fflags": "bitexact"}
    if recipe.container in ("mp4", "mov") and recipe.tags in ("keys", "camera"):
        options["movflags"] = "use_metadata_tags"
    if recipe.container == "ts":
        options["mpegts_copyts"] = "1"
    with open_media(str(path), "w", container_options=options) as output:
        output.metadata.update(TAGS[recipe.tags])
        packets = _write(output, recipe, rng)
        output.start_encoding()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux_one(packet)
    if recipe.times in PATCHED:
        patch_stamps(path, recipe.container, recipe.times, rng)
    if "box" in recipe.extras:
        add_box(path)


def _write(output: Any, recipe: Recipe, rng: random.Random) -> list[Any]:
    """Adds all streams and returns their packets."""
    begin = _begin(recipe)
    packets = _video(output, recipe, stamps_of(recipe, rng))
    for number, track in enumerate(recipe.sounds):
        packets += _sound(output, track, number, recipe, begin)
    for track in recipe.subtitles:
        packets += _subtitles(output, track, begin)
    for codec in recipe.data:
        stream = output.add_data_stream(codec)
        packets += _by_hand(stream, [(begin + Fraction(n, 5), rng.randbytes(20)) for n in range(5)], Fraction(1, 5))
    if "second" in recipe.extras:
        packets += _second(output, begin)
    if "cover" in recipe.extras:
        packets += _cover(output, recipe, rng)
    if "attachment" in recipe.extras:
        output.add_attachment(rng.choice(("a font.ttf", "ünï.ttf")), "application/x-truetype-font", rng.randbytes(200))
    if "chapters" in recipe.extras:
        length = max(int(recipe.frames / recipe.rate * 1000), 30)
        rows = [(0, length // 3, "One"), (length // 3, length // 2, "Два"), (length // 2, length, "")]
        output.set_chapters(
            [
                {
                    "id": n,
                    "start": start,
                    "end": end,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title} if title else {},
                }
                for n, (start, end, title) in enumerate(rows)
            ]
        )
    return packets


def _begin(recipe: Recipe) -> Fraction:
    """Time, in seconds, at which everything but the video begins."""
    return _WRAP - Fraction(1, 2) if recipe.times == "wrap" else Fraction(0)


def stamps_of(recipe: Recipe, rng: random.Random) -> list[int]:
    """Time stamps of the frames, in ticks of the recipe's base."""
    step = 1 / recipe.rate
    times = [number * step for number in range(recipe.frames)]
    if recipe.times == "variable" or recipe.times in PATCHED:
        places = [Fraction(0)]
        for _ in range(recipe.frames - 1):
            places.append(places[-1] + Fraction(rng.randrange(20, 120), 1000))
        times = places
    elif recipe.times == "gap":
        times = [time + (Fraction(17, 10) if n > recipe.frames // 2 else 0) for n, time in enumerate(times)]
    elif recipe.times == "late":
        times = [time + round(Fraction(7, 10) / step) * step for time in times]
    elif recipe.times == "negative":
        times = [time - min(3, recipe.frames // 3) * step for time in times]
    return [round((time + _begin(recipe)) / recipe.base) for time in times]


def _video(output: Any, recipe: Recipe, stamps: list[int]) -> list[Any]:
    kind = VIDEOS[recipe.video]
    options = dict(kind.options)
    if "hdr" in recipe.metadata:
        name, value = _HDR[kind.encoder]
        options[name] = ":".join(filter(None, (options.get(name), value)))
    if kind.encoder == "libx265":
        options["x265-params"] = ":".join(
            filter(None, (options.get("x265-params"), "log-level=none:bframes=2:keyint=8"))
        )
    if recipe.interlaced:
        options |= {"flags": "+ildct+ilme"} if kind.encoder == "mpeg2video" else {"x264-params": "tff=1"}
    stream = output.add_stream(kind.encoder, rate=recipe.rate, options=options)
    stream.width, stream.height = recipe.size
    stream.pix_fmt = recipe.pixel_format
    context = stream.codec_context
    colour = COLOURS[recipe.colour]
    context.color_range, context.color_primaries, context.color_trc, context.colorspace = colour
    context.time_base = 1 / recipe.rate
    stream.time_base = recipe.base
    if "aspect" in recipe.extras:
        context.sample_aspect_ratio = stream.sample_aspect_ratio = Fraction(16, 11)
    if "rotation" in recipe.extras:
        stream.set_display_rotation((90, 180, 270)[recipe.number % 3], hflip=recipe.number % 5 == 0)
    _label(stream, recipe.track)
    coded = []
    for number in range(recipe.frames):
        frame = make_frame(recipe.size, number, recipe.pixel_format, colour)
        frame.time_base = 1 / recipe.rate
        coded += stream.encode(frame)
    coded += stream.encode(None)
    for packet in coded:
        _place(packet, stamps, recipe)
        packet.stream = stream
    if "captions" in recipe.metadata:
        coded = [captioned(packet, stream, number) for number, packet in enumerate(coded)]
    return coded


def _place(packet: Any, stamps: list[int], recipe: Recipe) -> None:
    """Gives a packet, whose times count frames, the times of these frames."""
    unit = 1 / recipe.rate / packet.time_base
    step = max(round(1 / recipe.rate / recipe.base), 1)

    def stamp(number: int) -> int:
        return stamps[number] if number >= 0 else stamps[0] + number * step

    pts = round(packet.pts / unit)
    dts = pts if packet.dts is None else round(packet.dts / unit)
    if not pts - _REORDERING <= dts <= pts:  # what x265 says of a video of one frame
        dts = pts
    following = stamps[pts + 1] if pts + 1 < len(stamps) else stamps[pts] + step
    packet.pts, packet.dts, packet.duration, packet.time_base = (
        stamp(pts),
        min(stamp(dts), stamp(pts)),
        following - stamps[pts],
        recipe.base,
    )


def _label(stream: Any, track: Track) -> None:
    stream.metadata.update(
        {key: value for key, value in (("language", track.language), ("title", track.title)) if value}
    )
    if track.disposition:
        stream.disposition = Disposition[track.disposition]


def _sound(output: Any, track: Track, number: int, recipe: Recipe, begin: Fraction) -> list[Any]:
    rate = 48_000
    stream = output.add_stream(track.codec, rate=rate, layout="stereo")
    _label(stream, track)
    seconds = max(recipe.frames / recipe.rate, Fraction(1, 5))
    tone = (np.sin(np.arange(round(rate * seconds)) / (20 + 5 * number)) * 9000).astype(np.int16)
    samples = av.AudioFrame.from_ndarray(np.stack([tone, tone // 2], 1).reshape(1, -1), "s16", "stereo")
    samples.sample_rate, samples.pts, samples.time_base = rate, 0, Fraction(1, rate)
    context = stream.codec_context
    if track.codec.startswith("wma"):
        context.bit_rate = 64_000
    if track.codec == "vorbis":
        context.options = {"strict": "experimental"}
    context.open(strict=False)
    resampler = av.AudioResampler(context.format.name, "stereo", rate, frame_size=context.frame_size or 1024)
    coded = []
    for chunk in [*resampler.resample(samples), *resampler.resample(None)]:
        coded += stream.encode(chunk)
    coded = [packet for packet in [*coded, *stream.encode(None)] if packet.size]
    for packet in coded:
        shift = round((begin + track.start) / packet.time_base)
        packet.pts += shift
        packet.dts = packet.pts
        packet.stream = stream
    return coded


def _subtitles(output: Any, track: Track, begin: Fraction) -> list[Any]:
    stream = output.add_mux_stream(track.codec)
    _label(stream, track)
    texts = [f"line {n} — äß" for n in range(3)]
    rows = []
    for n, text in enumerate(texts):
        coded = text.encode()
        if track.codec == "mov_text":
            coded = len(coded).to_bytes(2, "big") + coded
        elif track.codec == "ass":
            coded = f"{n},0,Default,,0,0,0,,{text}".encode()
        rows.append((begin + Fraction(1 + 3 * n, 10), coded))
    return _by_hand(stream, rows, Fraction(1, 5))


def _by_hand(stream: Any, rows: list[tuple[Fraction, bytes]], duration: Fraction) -> list[Any]:
    base = Fraction(1, 1000)
    stream.time_base = base
    packets = []
    for time, data in rows:
        packet: Any = av.Packet(data)
        packet.stream, packet.time_base, packet.is_keyframe = stream, base, True
        packet.pts = packet.dts = round(time / base)
        packet.duration = round(duration / base)
        packets.append(packet)
    return packets


def _second(output: Any, begin: Fraction) -> list[Any]:
    """A second, smaller video."""
    stream = output.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
    coded = []
    for number in range(5):
        frame = make_frame((16, 16), number, "yuv420p", COLOURS["none"])
        frame.time_base = Fraction(1, 10)
        coded += stream.encode(frame)
    coded += stream.encode(None)
    for packet in coded:
        packet.stream = stream
        shift = round(begin / packet.time_base)
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
    return coded


def _cover(output: Any, recipe: Recipe, rng: random.Random) -> list[Any]:
    name = rng.choice(("mjpeg", "png"))
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.time_base = 32, 32, Fraction(1, 25)
    encoder.pix_fmt = "yuvj420p" if name == "mjpeg" else "rgb24"
    frame = make_frame((32, 32), 7, encoder.pix_fmt, COLOURS["none"])
    data = bytes([*encoder.encode(frame), *encoder.encode(None)][0])
    if recipe.container == "mkv":
        kind = "jpg" if name == "mjpeg" else "png"
        output.add_attachment(f"cover.{kind}", "image/jpeg" if name == "mjpeg" else "image/png", data)
        return []
    stream = output.add_mux_stream(name, width=32, height=32)
    stream.disposition = Disposition.attached_pic
    return _by_hand(stream, [(Fraction(0), data)], Fraction(0))
