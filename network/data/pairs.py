"""Pictures on the disk, alone and in pairs of a blurred and a sharp side."""

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
    """A blurred and a sharp picture of the same scene.

    Attributes:
        name: Name of the pair, relative to the folder that was searched.
        blurred: File of the blurred side.
        sharp: File of the sharp side.
        sequence: Name of the ordered sequence that both are frames of, different from that of any other in the same
            data set; empty where pictures have no order.
    """

    name: str
    blurred: Path
    sharp: Path
    sequence: str = ""


def pictures_in(folder: Path) -> list[Path]:
    """Pictures in a folder and below, sorted by name; hidden files are none.

    Raises:
        DataError: If there are no pictures.
    """
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"no pictures in {folder}; expected files ending in {', '.join(sorted(PICTURE_SUFFIXES))}")
    return found


def read_picture(path: Path) -> Picture:
    """A picture as uint8 RGB (H, W, 3).

    Raises:
        DataError: If the picture can't be read.
    """
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    if picture is None:
        raise DataError(f"{path} can't be read as a picture; remove it or replace it")
    return np.ascontiguousarray(picture[..., ::-1])


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
