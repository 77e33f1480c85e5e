"""`deblur pack` and `deblur evaluate` on a data set as it was published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from network import weights
from network.data.datasets import find_pairs
from network.data.pairs import read_pair
from pipeline.cli.evaluate import evaluate_command
from pipeline.cli.pack import pack_command
from pipeline.cli.train import train_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine


@pytest.fixture
def gopro(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    root = tmp_path / "GOPRO_Large"
    for split, sequence in (("train", "GOPR0372_07_00"), ("test", "GOPR0384_11_00")):
        for number in (1, 2):
            sharp = cv2.resize(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8), (80, 64))
            for side, picture in (("sharp", sharp), ("blur", cv2.GaussianBlur(sharp, (0, 0), 2))):
                folder = root / split / sequence / side
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{number:06d}.png"), picture)
    return root


def test_a_data_set_is_packed_as_windows_and_trained_on(gopro: Path, tmp_path: Path) -> None:
    runner, pool, run = CliRunner(), tmp_path / "pool", tmp_path / "run"
    for _ in range(2):  # the second has nothing left to do
        command = [str(gopro), str(pool), "--split", "train", "--size", "64"]
        packed = runner.invoke(pack_command, command, catch_exceptions=False)
        assert packed.stdout == f"pool: {pool}, 2 pairs\n"
    flows = np.load(pool / "flows_00000000.npy")
    assert flows.shape == (4, 4, 16, 16)  # two tiles of each frame
    # The first frame has no previous one, the last one no next one.
    assert [[bool(np.isnan(flow[side]).all()) for side in (0, 2)] for flow in flows] == [[True, False]] * 2 + [
        [False, True]
    ] * 2
    changes = [text for change in ("patch=32", "batch=2", "widths=[8, 8, 8]", "depth=1") for text in ("--set", change)]
    runner.invoke(train_command, [str(pool), str(run), *changes, "--until", "4"], catch_exceptions=False)
    assert weights.load(run / "weights.safetensors")[1].card["patches"] == 4


def test_pairs_are_packed_for_a_network_that_sees_one_picture(gopro: Path, tmp_path: Path) -> None:
    runner, pool, run = CliRunner(), tmp_path / "pool", tmp_path / "run"
    runner.invoke(pack_command, [str(gopro), str(pool), "--split", "train", "--pairs"], catch_exceptions=False)
    expected = [np.stack(read_pair(pair)) for pair in find_pairs(gopro / "train")]
    assert np.array_equal(np.load(pool / "pairs_80x64_00000.npy"), expected)
    changes = [text for change in ("patch=48", "batch=1", "scales=1", "texture=False") for text in ("--set", change)]
    arguments = [str(pool), str(run), "--preset", "idc-gopro", *changes, "--until", "2", "--no-tensorboard"]
    runner.invoke(train_command, arguments, catch_exceptions=False)
    header = weights.load(run / "weights.safetensors")[1]
    assert (header.network, header.card["patches"]) == ("idc", 2)


def test_a_data_set_is_cut_into_tiles(gopro: Path, tmp_path: Path) -> None:
    arguments = [str(gopro), str(tmp_path / "pool"), "--layout", "gopro", "--size", "32", "--pairs"]
    CliRunner().invoke(pack_command, arguments, catch_exceptions=False)
    assert np.load(tmp_path / "pool" / "pairs_32x32_00000.npy").shape == (4 * 6, 2, 32, 32, 3)


def test_a_published_data_set_is_scored(gopro: Path) -> None:
    scored = CliRunner().invoke(evaluate_command, [str(gopro)], catch_exceptions=False)
    assert scored.exit_code == 0
    for name in ("test/GOPR0384_11_00/000001", "train/GOPR0372_07_00/000002"):
        assert name in scored.output


def test_mistakes_end_with_one_line(deblur: CommandLine, gopro: Path, tmp_path: Path) -> None:
    (gopro / "test" / "GOPR0384_11_00" / "sharp" / "000002.png").unlink()
    ended = deblur.run("pack", gopro, tmp_path / "pool")
    assert ended.code == 3
    assert "000002 has no partner" in ended.error
    (tmp_path / "file").write_bytes(b"")
    ended = deblur.run("pack", gopro / "train", tmp_path / "file" / "pool")
    assert ended.code == 4
    assert "can't be written" in ended.error
