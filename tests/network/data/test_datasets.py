"""Every layout on a tiny tree as the data set's authors lay it out, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.data.datasets import LAYOUTS, REALBLUR_J, REALBLUR_R, find_pairs
from network.data.pairs import Pair, read_pair
from network.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPLITS = {"gopro": ("train", "test"), "reds": ("train", "val"), "bsd": ("train", "valid", "test")}


def _picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((4, 6, 3), shade, np.uint8))


def _gopro(root: Path, blur: str = "blur") -> None:
    for split, sequence in (("train", "GOPR0372_07_00"), ("test", "GOPR0384_11_00"), ("test", "GOPR0385_11_01")):
        for number in (9, 10, 100):
            _picture(root / split / sequence / blur / f"{number:06d}.png", number)
            _picture(root / split / sequence / "sharp" / f"{number:06d}.png", number + 100)


def _gopro_gamma(root: Path) -> None:
    _gopro(root, "blur_gamma")


def _reds(root: Path) -> None:
    for split in SPLITS["reds"]:
        for sequence in ("000", "001"):
            for number in range(2):
                _picture(root / split / f"{split}_blur" / sequence / f"{number:08d}.png", number)
                _picture(root / split / f"{split}_sharp" / sequence / f"{number:08d}.png", number + 100)
    _picture(root / "test" / "test_blur" / "000" / "00000000.png", 0)  # published without its sharp side


def _hide(root: Path) -> None:
    base = root / "HIDE_dataset"
    for number, folder in enumerate(("train", "test/test-close-ups", "test/test-long-shot")):
        _picture(base / folder / f"{number}fromGOPR0950.png", number)
        _picture(base / "GT" / f"{number}fromGOPR0950.png", number + 100)
    _picture(base / "GT" / "9fromGOPR0950.png", 109)  # of a picture that was not unpacked


def _realblur(root: Path, letter: str) -> None:
    scenes = {"J": REALBLUR_J, "R": REALBLUR_R}[letter]
    for split, scene in (("train", "scene001"), ("test", "scene244_reflect")):
        lines = []
        for number in (1, 2):
            sharp, blurred = f"{scenes}/{scene}/gt/gt_{number}.png", f"{scenes}/{scene}/blur/blur_{number}.png"
            _picture(root / sharp, number + 100)
            _picture(root / blurred, number)
            lines.append(f"{sharp} {blurred}\n")
        (root / f"RealBlur_{letter}_{split}_list.txt").write_text("".join(lines), encoding="utf-8")


def _realblur_j(root: Path) -> None:
    _realblur(root, "J")


def _realblur_r(root: Path) -> None:
    _realblur(root, "R")


def _bsd(root: Path) -> None:
    for split in SPLITS["bsd"]:
        for number in range(2):
            base = root / "BSD_3ms24ms" / split / "000"
            _picture(base / "Blur" / "RGB" / f"{number:08d}.png", number)
            _picture(base / "Sharp" / "RGB" / f"{number:08d}.png", number + 100)
            _picture(base / "Blur" / "RAW" / f"{number:08d}.tiff", number)  # the sensor's own data, not read


def _dvd(root: Path) -> None:
    for sequence in ("720p_240fps_1", "IMG_0001"):
        for number in range(2):
            base = root / "quantitative_datasets" / sequence
            _picture(base / "input" / f"{number:05d}.jpg", number)
            _picture(base / "GT" / f"{number:05d}.jpg", number + 100)


def _rsblur(root: Path) -> None:
    lines = {"train": "", "test": ""}
    for split, scene, number in (("train", "0001", 1), ("train", "0001", 2), ("test", "0003", 7), ("", "0004", 9)):
        base = f"RSBlur/{scene}/{number:06d}"
        blurred, sharp = f"{base}/real_blur/real_blur.png", f"{base}/gt/gt_sharp.png"
        _picture(root / blurred, number)
        _picture(root / sharp, number + 100)
        _picture(root / base / "avg_blur" / "avg_blur.png", number)  # averaged from sharp frames, not read
        if split:
            lines[split] += f"{sharp} {blurred}\n"
    for split, text in lines.items():
        (root / f"RSBlur_real_{split}.txt").write_text(text, encoding="utf-8")


def _plain(root: Path) -> None:
    for sequence in ("000", "night/001"):
        for number in (1, 2, 10):
            _picture(root / sequence / "blur" / f"frame{number}.png", number)
            _picture(root / sequence / "sharp" / f"frame{number}.jpg", number + 100)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "gopro": _gopro,
    "gopro-gamma": _gopro_gamma,
    "reds": _reds,
    "hide": _hide,
    "realblur-j": _realblur_j,
    "realblur-r": _realblur_r,
    "bsd": _bsd,
    "dvd": _dvd,
    "rsblur": _rsblur,
    "plain": _plain,
}

# Names and sequences, in order.
GOPRO = [
    (f"{sequence}/{number:06d}", sequence)
    for sequence in ("test/GOPR0384_11_00", "test/GOPR0385_11_01", "train/GOPR0372_07_00")
    for number in (9, 10, 100)
]
REALBLUR = [("train/scene001/1", ""), ("train/scene001/2", ""), ("test/scene244_reflect/1", "")]
EXPECTED = {
    "gopro": GOPRO,
    "gopro-gamma": GOPRO,
    "reds": [
        (f"{split}/{sequence}/{number:08d}", f"{split}/{sequence}")
        for split in ("train", "val")
        for sequence in ("000", "001")
        for number in range(2)
    ],
    "hide": [
        ("HIDE_dataset/train/0fromGOPR0950", ""),
        ("HIDE_dataset/test/test-close-ups/1fromGOPR0950", ""),
        ("HIDE_dataset/test/test-long-shot/2fromGOPR0950", ""),
    ],
    "realblur-j": [*REALBLUR, ("test/scene244_reflect/2", "")],
    "realblur-r": [*REALBLUR, ("test/scene244_reflect/2", "")],
    "bsd": [
        (f"BSD_3ms24ms/{split}/000/{number:08d}", f"BSD_3ms24ms/{split}/000")
        for split in ("test", "train", "valid")
        for number in range(2)
    ],
    "dvd": [
        (f"quantitative_datasets/{sequence}/{number:05d}", f"quantitative_datasets/{sequence}")
        for sequence in ("720p_240fps_1", "IMG_0001")
        for number in range(2)
    ],
    "rsblur": [
        (f"{split}/RSBlur/{scene}/{number:06d}", "")
        for split, scene, number in (("train", "0001", 1), ("train", "0001", 2), ("test", "0003", 7))
    ],
    "plain": [(f"{base}/frame{number}", base) for base in ("000", "night/001") for number in (1, 2, 10)],
}


def _assert_matched(pairs: list[Pair]) -> None:
    """The sharp side of every pair is the blurred one's own: its shade is 100 higher (JPEG may miss it by a little)."""
    for pair in pairs:
        blurred, sharp = (int(side[0, 0, 0]) for side in read_pair(pair))
        assert sharp - blurred == pytest.approx(100, abs=2), pair


def test_every_layout_is_tried() -> None:
    assert BUILDERS.keys() == EXPECTED.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("layout", BUILDERS)
def test_pairs_and_sequences_are_found_in_order(layout: str, tmp_path: Path) -> None:
    BUILDERS[layout](tmp_path)
    pairs = find_pairs(tmp_path, layout)
    assert [(pair.name, pair.sequence) for pair in pairs] == EXPECTED[layout]
    assert find_pairs(tmp_path) == pairs  # recognised
    _assert_matched(pairs)


@pytest.mark.parametrize(("layout", "split"), [("gopro", "test"), ("reds", "val"), ("hide", "test"), ("bsd", "valid")])
def test_one_split_is_kept(layout: str, split: str, tmp_path: Path) -> None:
    BUILDERS[layout](tmp_path)
    names = [pair.name for pair in find_pairs(tmp_path, split=split)]
    assert names == [name for name, _ in EXPECTED[layout] if f"{split}/" in name]
    with pytest.raises(DataError, match="no pairs of the split 'sunday'; its first pair is"):
        find_pairs(tmp_path, split="sunday")


def test_the_splits_of_realblur_are_those_of_its_lists(tmp_path: Path) -> None:
    _realblur_j(tmp_path)
    assert {pair.blurred.parts[-3] for pair in find_pairs(tmp_path, split="test")} == {"scene244_reflect"}
    (tmp_path / "RealBlur_J_test_list.txt").unlink()
    assert [pair.name for pair in find_pairs(tmp_path)] == ["train/scene001/1", "train/scene001/2"]
    (tmp_path / "RealBlur_J_train_list.txt").unlink()
    with pytest.raises(DataError, match=r"neither RealBlur_J_train_list\.txt nor RealBlur_J_test_list\.txt; copy"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("layout", "folder", "count", "sequences"),
    [
        ("gopro", "test", 6, {"GOPR0384_11_00", "GOPR0385_11_01"}),
        ("gopro", "test/GOPR0384_11_00", 3, {"GOPR0384_11_00"}),
        ("gopro-gamma", "train", 3, {"GOPR0372_07_00"}),
        ("reds", "val", 4, {"val/000", "val/001"}),
        ("bsd", "BSD_3ms24ms", 6, {"train/000", "valid/000", "test/000"}),
        ("bsd", "BSD_3ms24ms/valid", 2, {"000"}),
        ("bsd", "BSD_3ms24ms/valid/000", 2, {"000"}),
        ("hide", "HIDE_dataset", 3, {""}),
    ],
)
def test_part_of_a_data_set_can_be_given_alone(
    layout: str, folder: str, count: int, sequences: set[str], tmp_path: Path
) -> None:
    BUILDERS[layout](tmp_path)
    alone = find_pairs(tmp_path / folder)
    assert len(alone) == count
    assert {pair.sequence for pair in alone} == sequences
    _assert_matched(alone)


def test_plain_pictures_in_the_root_have_no_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _picture(tmp_path / "blur" / f"{name}.png", 1)
        _picture(tmp_path / "sharp" / f"{name}.png", 101)
    assert [(pair.name, pair.sequence) for pair in find_pairs(tmp_path)] == [("a", ""), ("b", "")]


def test_gopro_is_read_with_either_blur(tmp_path: Path) -> None:
    _gopro(tmp_path)
    _gopro_gamma(tmp_path)
    assert {pair.blurred.parent.name for pair in find_pairs(tmp_path)} == {"blur"}
    assert {pair.blurred.parent.name for pair in find_pairs(tmp_path, "gopro-gamma")} == {"blur_gamma"}


def test_what_archives_made_on_a_mac_add_is_left_out(tmp_path: Path) -> None:
    _plain(tmp_path)
    before = find_pairs(tmp_path)
    for folder in (tmp_path / "__MACOSX" / "000" / "blur", tmp_path / "000" / "blur"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "._frame1.png").write_bytes(b"\0\5\x16\7")
    assert find_pairs(tmp_path) == before


@pytest.mark.parametrize(
    ("layout", "gone", "message"),
    [
        ("gopro", "test/GOPR0384_11_00/sharp/000010.png", r"blur.000010 has no partner .*\(1 such"),
        ("gopro-gamma", "test/GOPR0384_11_00/blur_gamma/000010.png", r"sharp.000010 has no partner"),
        ("reds", "val/val_sharp/001/00000001.png", r"val_blur.001.00000001 has no partner"),
        ("hide", "HIDE_dataset/GT/2fromGOPR0950.png", r"long-shot.2fromGOPR0950\.png has no partner"),
        ("realblur-j", f"{REALBLUR_J}/scene001/gt/gt_2.png", r"gt_2\.png is missing; line 2 of .*J_train_list"),
        ("realblur-r", f"{REALBLUR_R}/scene001/blur/blur_1.png", r"blur_1\.png is missing; line 1 of .*R_train_list"),
        ("bsd", "BSD_3ms24ms/test/000/Blur/RGB/00000000.png", r"Sharp.RGB.00000000 has no partner"),
        ("plain", "night/001/sharp/frame10.jpg", r"blur.frame10 has no partner"),
    ],
)
def test_a_picture_without_partner_is_named(layout: str, gone: str, message: str, tmp_path: Path) -> None:
    BUILDERS[layout](tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(DataError, match=message):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("layout", "gone", "message"),
    [
        ("gopro", "train/GOPR0372_07_00/sharp", r"GOPR0372_07_00.blur has no folder 'sharp' beside it"),
        ("gopro", "train/GOPR0372_07_00/blur", r"GOPR0372_07_00.sharp has no folder 'blur' beside it"),
        ("reds", "train/train_sharp", r"train_blur has no folder 'train_sharp' beside it"),
        ("bsd", "BSD_3ms24ms/test/000/Sharp/RGB", r"Blur.RGB has no folder 'Sharp/RGB' beside it"),
    ],
)
def test_a_folder_without_its_other_side_is_named(layout: str, gone: str, message: str, tmp_path: Path) -> None:
    BUILDERS[layout](tmp_path)
    (tmp_path / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=message):
        find_pairs(tmp_path)


@pytest.mark.parametrize("line", ["one/gt/gt_1.png", "one/blur/blur_1.png one/gt/gt_1.png", "a b c"])
def test_a_damaged_list_is_named(line: str, tmp_path: Path) -> None:
    _realblur_j(tmp_path)
    with (tmp_path / "RealBlur_J_test_list.txt").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(DataError, match=r"RealBlur_J_test_list\.txt, line 4: expected"):
        find_pairs(tmp_path)


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    _plain(tmp_path)
    _picture(tmp_path / "000" / "blur" / "frame1.webp", 1)
    with pytest.raises(DataError, match=r"frame1\.(png|webp) and .*frame1\.(png|webp) have the same name"):
        find_pairs(tmp_path)


def test_an_empty_side_is_refused(tmp_path: Path) -> None:
    (tmp_path / "blur").mkdir()
    (tmp_path / "sharp").mkdir()
    with pytest.raises(DataError, match="no pictures in"):
        find_pairs(tmp_path)


def test_a_folder_that_fits_nothing_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no folder 'blur' beside a folder 'sharp', nor any of gopro: .*bsd: "
    ) as caught:
        find_pairs(tmp_path)
    assert all(layout.expects in str(caught.value) for name, layout in LAYOUTS.items() if name != "plain")
    with pytest.raises(DataError, match=re.escape(LAYOUTS["hide"].expects)):
        find_pairs(tmp_path, "hide")
    with pytest.raises(DataError, match="there is no layout 'kitti'; choose one of auto, gopro"):
        find_pairs(tmp_path, "kitti")
    with pytest.raises(DataError, match="is no folder"):
        find_pairs(tmp_path / "missing")


def test_a_folder_of_several_data_sets_is_not_guessed_at(tmp_path: Path) -> None:
    _realblur_j(tmp_path)
    _realblur_r(tmp_path)
    with pytest.raises(DataError, match="holds realblur-j and realblur-r; choose"):
        find_pairs(tmp_path)
    assert {pair.blurred.parts[-4] for pair in find_pairs(tmp_path, "realblur-r")} == {REALBLUR_R}


def test_rsblur_without_its_lists_is_read_whole(tmp_path: Path) -> None:
    _rsblur(tmp_path)
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    names = [pair.name for pair in find_pairs(tmp_path / "RSBlur")]
    assert names == ["0001/000001", "0001/000002", "0003/000007", "0004/000009"]
