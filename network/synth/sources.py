"""The sources of windows: photographs and videos, and which of them are fit for use."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.pairs import PICTURE_SUFFIXES, pictures_in, read_picture
from network.errors import DataError
from network.synth.footage import VIDEO_SUFFIXES, Footage, FrameReader, UnusableError, survey
from network.synth.sharp_filter import is_sharp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_TRIED_FRAMES = 8
"""Number of frames of a video, spread evenly, one of which must be sharp."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of windows.

    Attributes:
        photos: Sharp photographs.
        videos: Footage, each with some sharp frames.
        left_out: Name and reason of every source that is not used.
        notes: Name and reason of every source that is used although something is wrong with it.
    """

    photos: list[Path]
    videos: list[Footage]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def find_sources(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Photographs and videos, by the endings of their names, in folders and below or named themselves.

    Args:
        paths: Files and folders. Hidden files are none.

    Returns:
        Photographs and videos, in the order of ``paths``, those of a folder sorted by name.

    Raises:
        DataError: If one of ``paths`` neither is nor holds a photograph or a video.
    """
    photos: list[Path] = []
    videos: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith(".") and file.is_file()
            )
            videos += found
            if not found or any(file.suffix.lower() in PICTURE_SUFFIXES for file in path.rglob("*")):
                photos += pictures_in(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            videos.append(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            photos.append(path)
        else:
            endings = ", ".join(sorted(PICTURE_SUFFIXES | VIDEO_SUFFIXES))
            raise DataError(f"{path} is neither a picture nor a video; expected a file ending in {endings}")
    return photos, videos


def fit_sources(
    photos: Sequence[Path], videos: Sequence[Path], side: int, *, keep_blurred: bool = False, workers: int = 2
) -> Sources:
    """Leaves out what can't be read, is too small, or is itself blurred or enlarged.

    Args:
        photos: Photographs. Where ``keep_blurred`` is set they are not looked at.
        videos: Video files; those that end early or are damaged are used as far as they go.
        side: Height and width in pixels of the crops to be taken from them.
        keep_blurred: Whether to keep blurred and enlarged sources.
        workers: Number of threads.
    """
    fit = Sources([], [])
    with ThreadPoolExecutor(workers) as executor:
        verdicts = [""] * len(photos) if keep_blurred else list(executor.map(_photo_fault, photos))
        footage = list(executor.map(lambda path: _try_video(path, side, keep_blurred=keep_blurred), videos))
    for path, fault in zip(photos, verdicts, strict=True):
        if fault:
            fit.left_out.append((path.name, fault))
        else:
            fit.photos.append(path)
    for path, found in zip(videos, footage, strict=True):
        if isinstance(found, str):
            fit.left_out.append((path.name, found))
        else:
            fit.videos.append(found)
            if found.fault:
                fit.notes.append((path.name, found.fault))
    return fit


def _photo_fault(path: Path) -> str:
    try:
        picture = read_picture(path)
    except DataError:
        return "unreadable"
    return "" if is_sharp(picture) else "blurred or upscaled"


def _try_video(path: Path, side: int, *, keep_blurred: bool) -> Footage | str:
    """The video's footage, or the reason why it can't be used."""
    try:
        footage = survey(path)
    except DataError as error:
        return str(error).removeprefix(f"{path} ")
    if len(footage.times) < 3:
        return "fewer than 3 frames"
    shorter = min(footage.width, footage.height)
    if shorter < side:
        return f"too small ({footage.width}x{footage.height}, for crops of {side}x{side})"
    if keep_blurred:
        return footage
    decoded = 0
    with FrameReader(footage) as reader:
        for number in np.linspace(0, len(footage.times) - 1, min(_TRIED_FRAMES, len(footage.times))).astype(int):
            top, left = (footage.height - shorter) // 2, (footage.width - shorter) // 2
            try:
                (picture,), _ = reader.crops(int(number), 1, top, left, shorter)
            except UnusableError:
                continue
            decoded += 1
            # At half the size, as small as crops are made: that much is wanted of video, whose codec takes the finest
            # detail. Its windows are looked at again one by one.
            half = math.ceil(shorter / 2)
            if is_sharp(np.asarray(cv2.resize(picture, (half, half), interpolation=cv2.INTER_AREA), np.uint8)):
                return footage
    return "no frame is sharp" if decoded else "no frame can be decoded"
