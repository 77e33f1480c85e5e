"""Data sets as their authors publish them, read as pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from network.data.folders import Tree, by_stem, folders_with_both, matched, natural, pairs_beside
from network.data.pairs import Pair, pictures_in
from network.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AUTO = "auto"
"""Stands for the layout that a folder is recognised by."""


@dataclass(frozen=True, slots=True)
class DataLayout:
    """One way in which a data set lies on the disk.

    Attributes:
        expects: Description of the layout, for error messages.
        recognise: Function that tells whether a tree has this layout.
        find: Function that returns the pairs of such a tree, each sequence in the order of time; raises
            :class:`DataError`.
    """

    expects: str
    recognise: Callable[[Tree], bool]
    find: Callable[[Tree], list[Pair]]


def _is_gopro(tree: Tree, blur: str) -> bool:
    names = (base.name or tree.root.resolve().name for base in folders_with_both(tree, blur, "sharp"))
    return any(re.fullmatch(r"GOPR[0-9]{4}_[0-9]{2}_[0-9]{2}", name) for name in names)


def _is_gopro_gamma(tree: Tree) -> bool:
    return _is_gopro(tree, "blur_gamma") and not _is_gopro(tree, "blur")


def _is_plain(tree: Tree) -> bool:
    return bool(folders_with_both(tree, "blur", "sharp")) and not _is_gopro(tree, "blur")


def _is_bsd(tree: Tree) -> bool:
    return bool(folders_with_both(tree, "Blur/RGB", "Sharp/RGB"))


def _is_dvd(tree: Tree) -> bool:
    return bool(folders_with_both(tree, "input", "GT"))


def _reds_splits(tree: Tree) -> list[tuple[PurePosixPath, str]]:
    return [(base, split) for split in ("train", "val", "test") for base in tree.bases(f"{split}_blur")]


def _is_reds(tree: Tree) -> bool:
    return bool(_reds_splits(tree))


def _find_reds(tree: Tree) -> list[Pair]:
    pairs = []
    for base, split in _reds_splits(tree):
        folder = tree.root / base
        if not (folder / f"{split}_sharp").is_dir():
            if split == "test":  # the sharp side of the test frames was never published
                continue
            raise DataError(f"{folder / f'{split}_blur'} has no folder '{split}_sharp' beside it; unpack that too")
        name = base if base.name == split else base / split
        pairs += matched(folder / f"{split}_blur", folder / f"{split}_sharp", name)
    return pairs


def _hide_splits(tree: Tree) -> list[tuple[PurePosixPath, str]]:
    return [(base, split) for split in ("train", "test") for base in folders_with_both(tree, split, "GT")]


def _is_hide(tree: Tree) -> bool:
    return bool(_hide_splits(tree))


def _find_hide(tree: Tree) -> list[Pair]:
    """HIDE: all splits share one folder of sharp pictures, so that sharp ones may be left over."""
    pairs = []
    for base, split in _hide_splits(tree):
        folder = tree.root / base
        sharps = by_stem(folder / "GT")
        for stem, blurred in sorted(by_stem(folder / split).items(), key=lambda item: natural(item[0])):
            sharp = sharps.get(PurePosixPath(stem.name))
            if sharp is None:
                raise DataError(f"{blurred} has no partner of the same name in {folder / 'GT'}")
            pairs.append(Pair((base / split / stem).as_posix(), blurred, sharp))
    return pairs


def _is_realblur(tree: Tree, scenes: str) -> bool:
    return bool(tree.bases(scenes))


def _find_realblur(tree: Tree, scenes: str, letter: str) -> list[Pair]:
    """RealBlur: lists of pairs of paths, the sharp one first, say what belongs to which split."""
    pairs = []
    for base in tree.bases(scenes):
        folder = tree.root / base
        lists = {split: folder / f"RealBlur_{letter}_{split}_list.txt" for split in ("train", "test")}
        found = {split: path for split, path in lists.items() if path.is_file()}
        if not found:
            names = " nor ".join(path.name for path in lists.values())
            raise DataError(f"{folder} holds neither {names}; copy them there from the data set's archive")
        for split, path in found.items():
            pairs += _listed(path, base / split)
    return pairs


def _listed(path: Path, base: PurePosixPath) -> list[Pair]:
    """The pairs of one of RealBlur's lists."""
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        sides = [PurePosixPath(word) for word in line.split()]
        if [side.parent.name for side in sides] != ["gt", "blur"]:
            raise DataError(f"{path}, line {number}: expected the paths of a picture in gt/ and one in blur/")
        sharp, blurred = (path.parent / side for side in sides)
        for picture in (sharp, blurred):
            if not picture.is_file():
                raise DataError(f"{picture} is missing; line {number} of {path} names it")
        name = base / sides[1].parent.parent.name / sides[1].stem.removeprefix("blur_")
        pairs.append(Pair(name.as_posix(), blurred, sharp))
    return pairs


def _is_rsblur(tree: Tree) -> bool:
    return bool(folders_with_both(tree, "real_blur", "gt"))


def _find_rsblur(tree: Tree) -> list[Pair]:
    """RSBlur: single pictures; lists of pairs of paths, if they are beside its folder, say what is in which split."""
    homes = [tree.root / base for base in tree.bases("RSBlur")]
    if tree.root.name == "RSBlur":
        homes.append(tree.root.parent)
    splits: dict[Path, str] = {}
    for home in homes:
        for split in ("train", "val", "test"):
            listed = home / f"RSBlur_real_{split}.txt"
            if listed.is_file():
                lines = listed.read_text(encoding="utf-8").splitlines()
                splits |= {(home / line.split()[1]).parent.parent: split for line in lines if line.strip()}
    pairs = []
    for base in sorted(folders_with_both(tree, "real_blur", "gt"), key=natural):
        folder = tree.root / base
        if splits and folder not in splits:
            continue
        (blurred,), (sharp,) = (pictures_in(folder / side)[:1] for side in ("real_blur", "gt"))
        pairs.append(Pair((splits.get(folder, "") / base).as_posix(), blurred, sharp))
    return pairs


REALBLUR_J = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
REALBLUR_R = "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref"

LAYOUTS: Mapping[str, DataLayout] = {
    "gopro": DataLayout(
        "SPLIT/SEQUENCE/blur beside sharp, SEQUENCE such as GOPR0384_11_00",
        partial(_is_gopro, blur="blur"),
        partial(pairs_beside, blur="blur", sharp="sharp", ordered=True),
    ),
    "gopro-gamma": DataLayout(
        "SPLIT/SEQUENCE/blur_gamma beside sharp",
        _is_gopro_gamma,
        partial(pairs_beside, blur="blur_gamma", sharp="sharp", ordered=True),
    ),
    "reds": DataLayout("train_blur/SEQUENCE beside train_sharp, likewise val", _is_reds, _find_reds),
    "hide": DataLayout("train or test (test-close-ups, test-long-shot) beside GT", _is_hide, _find_hide),
    "realblur-j": DataLayout(
        f"{REALBLUR_J}/SCENE/blur and gt, beside RealBlur_J_train_list.txt or RealBlur_J_test_list.txt",
        partial(_is_realblur, scenes=REALBLUR_J),
        partial(_find_realblur, scenes=REALBLUR_J, letter="J"),
    ),
    "realblur-r": DataLayout(
        f"{REALBLUR_R}/SCENE/blur and gt, beside RealBlur_R_train_list.txt or RealBlur_R_test_list.txt",
        partial(_is_realblur, scenes=REALBLUR_R),
        partial(_find_realblur, scenes=REALBLUR_R, letter="R"),
    ),
    "bsd": DataLayout(
        "SPLIT/SEQUENCE/Blur/RGB beside Sharp/RGB",
        _is_bsd,
        partial(pairs_beside, blur="Blur/RGB", sharp="Sharp/RGB", ordered=True),
    ),
    "dvd": DataLayout(
        "SEQUENCE/input beside GT",
        _is_dvd,
        partial(pairs_beside, blur="input", sharp="GT", ordered=True),
    ),
    "rsblur": DataLayout(
        "RSBlur/SCENE/NUMBER/real_blur beside gt; beside RSBlur its RSBlur_real_train.txt and the like",
        _is_rsblur,
        _find_rsblur,
    ),
    "plain": DataLayout(
        "a folder 'blur' beside a folder 'sharp', at any depth",
        _is_plain,
        partial(pairs_beside, blur="blur", sharp="sharp", ordered=False),
    ),
}
"""Every layout by its name."""


def find_pairs(folder: Path, layout: str = AUTO, *, split: str = "") -> list[Pair]:
    """The pairs of a data set: sequences in natural order of their names, each in the order of time.

    No picture is read: :func:`network.data.pairs.read_pair` refuses those that are damaged or of different sizes.

    Args:
        folder: Folder of the unpacked data set, or one of its splits or sequences where each holds both sides.
        layout: Name of a layout in :data:`LAYOUTS`, or ``auto`` to recognise it.
        split: Keeps only the pairs with this folder in their names, such as ``train``, ``val`` or ``test``.

    Raises:
        DataError: If there is no such layout or folder, nothing in it is recognised, or a picture has no partner.
    """
    if layout != AUTO and layout not in LAYOUTS:
        raise DataError(f"there is no layout {layout!r}; choose one of {', '.join((AUTO, *LAYOUTS))}")
    tree = Tree.of(folder)
    chosen = LAYOUTS[_recognised(tree) if layout == AUTO else layout]
    pairs = chosen.find(tree)
    if not pairs:
        raise DataError(f"{folder} holds no pairs of the layout {layout}: expected {chosen.expects}")
    if not split:
        return pairs
    kept = [pair for pair in pairs if split in PurePosixPath(pair.name).parent.parts]
    if not kept:
        raise DataError(f"{folder} holds no pairs of the split {split!r}; its first pair is {pairs[0].name}")
    return kept


def _recognised(tree: Tree) -> str:
    """The layout that a tree looks like."""
    match [name for name, layout in LAYOUTS.items() if layout.recognise(tree)]:
        case [name]:
            return name
        case []:
            looked_for = "; ".join(f"{name}: {layout.expects}" for name, layout in LAYOUTS.items() if name != "plain")
            raise DataError(f"{tree.root} holds no folder 'blur' beside a folder 'sharp', nor any of {looked_for}")
        case names:
            raise DataError(f"{tree.root} holds {' and '.join(names)}; choose its layout, or give its own folder")
