"""Pictures to quantise a network with: blurred ones that show the range of its features, and pairs to check it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from network.data.pairs import pictures_in, read_picture
from network.errors import DataError
from network.synth.footage import VIDEO_SUFFIXES, FrameReader, UnusableError, survey
from network.training.pool import Pool, holds_pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LARGEST = 384
"""Greatest height and width in pixels; of a larger picture, the middle is taken."""

SMALLEST = 64


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pictures that a network is quantised and checked with.

    Attributes:
        frames: Blurred pictures, RGB, uint8 (H, W, 3) each.
        pairs: Blurred and sharp sides of other pictures, RGB, uint8 (H, W, 3) each.
        origin: Number of pictures from each source, by the name of its file or folder, for the record.
    """

    frames: tuple[Picture, ...]
    pairs: tuple[tuple[Picture, Picture], ...]
    origin: dict[str, int]


def gather(sources: Sequence[Path], frames: int, pairs: int) -> Calibration:
    """Draws pictures from pools of pairs, folders of pictures, and video files, evenly from all of each.

    Args:
        sources: Pools, folders and files to draw from. At least one is a pool (made by ``deblur synth`` or ``deblur
            pack``), because only pairs tell what is lost.
        frames: Number of blurred pictures, at least one of each source.
        pairs: Number of pairs; no picture is in both.

    Raises:
        DataError: If there is no pool among the sources, one has too few pairs, or a source can't be read.
    """
    pools = [source for source in sources if source.is_dir() and holds_pool(source)]
    if not pools:
        raise DataError("calibration needs a pool of pairs, to measure what is lost; make one with 'deblur synth'")
    share, checks = max(frames // len(sources), 1), -(-pairs // len(pools))
    blurred: list[Picture] = []
    both: list[tuple[Picture, Picture]] = []
    origin: dict[str, int] = {}
    for source in sources:
        if source in pools:
            pool = Pool([source])
            if len(pool) < share + checks:
                raise DataError(f"{source} has {len(pool)} pairs; {share + checks} are needed")
            drawn = [pool.pair(int(index)) for index in _spread(len(pool), share + checks)]
            # Every so many goes to the check, so that both parts come from all of the pool.
            is_check = np.diff(np.arange(share + checks + 1) * checks // (share + checks)).astype(bool)
            chosen = [_middle(pair[0]) for pair, check in zip(drawn, is_check, strict=True) if not check]
            both += [(_middle(pair[0]), _middle(pair[1])) for pair, check in zip(drawn, is_check, strict=True) if check]
        elif source.suffix.lower() in VIDEO_SUFFIXES:
            chosen = _from_video(source, share)
        else:
            found = pictures_in(source)
            chosen = [_middle(read_picture(found[index])) for index in _spread(len(found), min(share, len(found)))]
        blurred += chosen
        origin[source.name] = origin.get(source.name, 0) + len(chosen)
    small = next((frame.shape for frame in blurred if min(frame.shape[:2]) < SMALLEST), None)
    if small is not None:
        raise DataError(f"calibration needs pictures of {SMALLEST}x{SMALLEST} or more, not {small[1]}x{small[0]}")
    return Calibration(tuple(blurred), tuple(both), origin)


def _spread(total: int, count: int) -> list[int]:
    """``count`` different numbers below ``total``, evenly spread."""
    return [index * total // count for index in range(count)]


def _middle(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    top, left = max(height - LARGEST, 0) // 2, max(width - LARGEST, 0) // 2
    return np.ascontiguousarray(picture[top : top + LARGEST, left : left + LARGEST])


def _from_video(path: Path, count: int) -> list[Picture]:
    footage = survey(path)
    side = min(footage.height, footage.width, LARGEST)
    top, left = (footage.height - side) // 2, (footage.width - side) // 2
    found: list[Picture] = []
    with FrameReader(footage) as reader:
        for index in _spread(len(footage.times), min(count, len(footage.times))):
            try:
                pictures, _ = reader.crops(index, 1, top, left, side)
            except UnusableError:
                continue  # a damaged frame is none to learn from
            found += pictures
    if not found:
        raise DataError(f"no frame of {path} can be used for calibration; leave it out")
    return found
