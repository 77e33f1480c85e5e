"""``deblur info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from network.counting import count_of
from network.names import printable
from pipeline.cli.spelling import spelled
from pipeline.cli.video import video
from pipeline.decode.source import VideoSource
from pipeline.job import SourceOptions
from pipeline.media.places import place_of
from pipeline.probe import facts


@click.command()
@click.argument("file")
@click.option("--to", "suffix", metavar=".EXT", help="Container that the plan is for; that of FILE if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, file: str, suffix: str | None, as_json: bool) -> None:
    """Shows what FILE holds as `deblur video` sees it, and what its output would keep."""
    suffix = suffix or Path(file).suffix or ".mkv"
    # Interlaced video is refused without deinterlacing; this command is to tell about it all the same.
    with VideoSource(place_of(file), SourceOptions(deinterlace=True)) as source:
        found = facts(source, suffix if suffix.startswith(".") else f".{suffix}")
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    container, picture, output = found["container"], found["video"], found["output"]
    rows = [
        ("file", found["name"]),
        ("container", _join(container["format_long"], _seconds(container["duration_s"]), _chapters(container))),
        ("starts at", _seconds(container["start_s"])),
        ("video", _join(f"stream {picture['stream']}", picture["codec"], picture["profile"], _size(picture))),
        ("frames", _frames(picture)),
        ("planes", _planes(picture)),
        ("colour", ", ".join(f"{name} {value}" for name, value in picture["color"].items())),
        ("HDR", _join(*picture["hdr"])),
        ("rotation", _rotation(picture)),
        ("scan", "interlaced: needs --deinterlace" if picture["interlaced"] else "progressive"),
    ]
    rows += [("stream", f"{stream['description']}: {stream['role']}") for stream in found["streams"]]
    if "error" in output:
        rows.append(("output", output["error"]))
    else:
        rows.append(("output", _join(output["suffix"], output["encoder"], output["pixel_format"], _size(output))))
    rows += [("note", note) for note in [*found["notes"], *output.get("notes", [])]]
    return [printable(f"{label:<10} {spelled(text, video)}") for label, text in rows if text]


def _join(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _seconds(seconds: float | None) -> str:
    return f"{seconds:.3f} s" if seconds else ""


def _size(video: dict[str, Any]) -> str:
    aspect = video.get("sample_aspect_ratio")
    pixels = f", pixels {aspect}" if aspect not in (None, "1") else ""
    return f"{video['width']}x{video['height']}{pixels}"


def _chapters(container: dict[str, Any]) -> str:
    return count_of(container["chapters"], "chapter") if container["chapters"] else ""


def _frames(video: dict[str, Any]) -> str:
    rate = video["average_rate"]
    return _join(
        f"about {video['frame_estimate']}" if video["frame_estimate"] else "number unknown",
        f"{rate} a second on average" if rate else "rate unknown",
        f"times in steps of {video['time_base']} s",
    )


def _planes(video: dict[str, Any]) -> str:
    planes = video["planes"]
    text = (
        f"{video['pixel_format']}, {planes['depth']} bits, {planes['matrix']}, "
        f"{'full' if planes['full_range'] else 'limited'} range"
    )
    # yuvj420p is yuv420p, with the range in its name.
    if video["coded_pixel_format"].replace("yuvj", "yuv") != video["pixel_format"]:
        text += f" (converted from {video['coded_pixel_format']})"
    return text


def _rotation(video: dict[str, Any]) -> str:
    angle = video["rotation"]
    turned = f"{abs(angle)} degrees {'counter-clockwise' if angle > 0 else 'clockwise'}" if angle else ""
    return _join(turned, "mirrored" if video["is_mirrored"] else "")
