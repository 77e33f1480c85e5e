"""Folders of a data set, and pairs of pictures that have the same names in two of them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from network.data.pairs import Pair, pictures_in
from network.errors import DataError


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder and the folders below it, listed once.

    Attributes:
        root: Path of the folder.
        folders: The folder itself (``.``) and every folder below, relative to it and sorted. Symbolic links are not
            followed, and what archives made on a Mac add is left out.
    """

    root: Path
    folders: tuple[PurePosixPath, ...]

    @classmethod
    def of(cls, root: Path) -> Tree:
        """Lists a folder.

        Raises:
            DataError: If the path is no folder.
        """
        if not root.is_dir():
            raise DataError(f"{root} is no folder; give the folder that the data set was unpacked to")
        folders = []
        for name, below, _ in os.walk(root):
            below[:] = [folder for folder in below if not folder.startswith(".") and folder != "__MACOSX"]
            folders.append(PurePosixPath(Path(name).relative_to(root).as_posix()))
        return cls(root, tuple(sorted(folders, key=natural)))

    def bases(self, tail: str) -> list[PurePosixPath]:
        """Folders that hold the folder ``tail``, in this very case on every file system."""
        parts = PurePosixPath(tail).parts
        return [
            PurePosixPath(*folder.parts[: -len(parts)])
            for folder in self.folders
            if folder.parts[-len(parts) :] == parts
        ]


def natural(path: PurePosixPath) -> tuple[list[tuple[str, int]], str]:
    """Sorts 2 before 10, with or without leading zeros."""
    pieces = re.findall(r"([^0-9]*)([0-9]*)", path.as_posix())
    return [(text, int(number or -1)) for text, number in pieces], path.as_posix()


def by_stem(folder: Path) -> dict[PurePosixPath, Path]:
    """Pictures in a folder and below by their name in it, without suffix."""
    found: dict[PurePosixPath, Path] = {}
    for path in pictures_in(folder):
        stem = PurePosixPath(path.relative_to(folder).as_posix()).with_suffix("")
        if (other := found.setdefault(stem, path)) is not path:
            raise DataError(f"{other} and {path} have the same name; remove one of them")
    return found


def matched(blur: Path, sharp: Path, base: PurePosixPath, sequence: str = "") -> list[Pair]:
    """Pairs of two folders whose pictures have the same names.

    Args:
        blur: Folder of the blurred side.
        sharp: Folder of the sharp side.
        base: Prefix of the pairs' names; a picture's sequence is the folder part of its pair's name.
        sequence: The sequence where that part is empty.
    """
    blurred, sharps = by_stem(blur), by_stem(sharp)
    if lonely := sorted(blurred.keys() ^ sharps.keys(), key=natural):
        side = blur if lonely[0] in blurred else sharp
        raise DataError(f"{side / lonely[0]} has no partner on the other side ({len(lonely)} such pictures)")
    pairs = []
    for stem in sorted(blurred, key=natural):
        name = base / stem
        in_order = name.parent.as_posix() if name.parent.parts else sequence
        pairs.append(Pair(name.as_posix(), blurred[stem], sharps[stem], in_order))
    return pairs


def folders_with_both(tree: Tree, blur: str, sharp: str) -> list[PurePosixPath]:
    """Folders that hold both a folder ``blur`` and a folder ``sharp``."""
    holds_sharp = frozenset(tree.bases(sharp))
    return [base for base in tree.bases(blur) if base in holds_sharp]


def pairs_beside(tree: Tree, *, blur: str, sharp: str, ordered: bool) -> list[Pair]:
    """Pairs of every two folders side by side; ``ordered`` where even those in the root are a sequence."""
    blurs, sharps = set(tree.bases(blur)), set(tree.bases(sharp))
    if lonely := sorted(blurs ^ sharps, key=natural):
        has, lacks = (blur, sharp) if lonely[0] in blurs else (sharp, blur)
        raise DataError(f"{tree.root / lonely[0] / has} has no folder '{lacks}' beside it ({len(lonely)} such folders)")
    sequence = tree.root.resolve().name if ordered else ""
    return [
        pair
        for base in sorted(blurs, key=natural)
        for pair in matched(tree.root / base / blur, tree.root / base / sharp, base, sequence)
    ]
