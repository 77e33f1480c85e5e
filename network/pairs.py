"""Folders of blurred and sharp pictures, as data sets lay them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that show the same.

    Attributes:
        name: Of the pair, relative to the folder that was searched.
        blurred: File of the blurred side.
        sharp: File of the sharp side.
    """

    name: str
    blurred: Path
    sharp: Path


def pictures_in(folder: Path) -> list[Path]:
    """Pictures in a folder and below, sorted by name.

    Raises:
        DataError: If there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise DataError(f"no pictures in {folder}; expected files ending in {', '.join(sorted(PICTURE_SUFFIXES))}")
    return found


def read_picture(path: Path) -> Picture:
    """A picture as uint8 RGB (H, W, 3).

    Raises:
        DataError: If it can't be read.
    """
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    if picture is None:
        raise DataError(f"{path} can't be read as a picture; remove it or replace it")
    return np.ascontiguousarray(picture[..., ::-1])


def find_pairs(folder: Path) -> list[Pair]:
    """Pairs of every ``blur`` and ``sharp`` folder side by side, at any depth.

    Args:
        folder: Holds ``blur/`` and ``sharp/``, or sequences that hold them.

    Raises:
        DataError: If there is no such folder, or a picture has no partner.
    """
    pairs: list[Pair] = []
    for blur_folder in sorted(path for path in folder.rglob("blur") if path.is_dir()):
        sharp_folder = blur_folder.with_name("sharp")
        blurred = {path.relative_to(blur_folder).with_suffix(""): path for path in pictures_in(blur_folder)}
        sharp = {path.relative_to(sharp_folder).with_suffix(""): path for path in pictures_in(sharp_folder)}
        if lonely := sorted(blurred.keys() ^ sharp.keys()):
            side = blur_folder if lonely[0] in blurred else sharp_folder
            raise DataError(f"{side / lonely[0]} has no partner on the other side ({len(lonely)} such pictures)")
        base = blur_folder.parent.relative_to(folder)
        pairs += [Pair((base / name).as_posix(), blurred[name], sharp[name]) for name in sorted(blurred)]
    if not pairs:
        raise DataError(f"{folder} holds no folder 'blur' beside a folder 'sharp'")
    return pairs


def read_pair(pair: Pair) -> tuple[Picture, Picture]:
    """Both sides of a pair, uint8 RGB (H, W, 3).

    Raises:
        DataError: If a side can't be read or the sizes differ.
    """
    blurred, sharp = read_picture(pair.blurred), read_picture(pair.sharp)
    if blurred.shape != sharp.shape:
        raise DataError(
            f"pair {pair.name}: the blurred side is {blurred.shape[1]}x{blurred.shape[0]}, "
            f"the sharp side {sharp.shape[1]}x{sharp.shape[0]}"
        )
    return blurred, sharp
