"""Pools of pairs: what their digest covers, what batches are made of, and which are refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from network.errors import DataError
from network.training.pool import Pool, add_noise, images
from network.window.windows import Window

if TYPE_CHECKING:
    from pathlib import Path


def _pool(folder: Path, seed: int = 0) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in ("pairs_0000000.npy", "pairs_0000003.npy"):
        np.save(folder / name, rng.integers(0, 256, (3, 2, 8, 8, 3), dtype=np.uint8))
    return folder


def test_the_digest_covers_every_pixel_and_not_the_place(tmp_path: Path) -> None:
    one, same, other = (_pool(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    digest = Pool([one]).digest
    assert Pool([same]).digest == digest
    assert Pool([other]).digest != digest
    last = same / "pairs_0000003.npy"
    content = bytearray(last.read_bytes())
    content[-1] ^= 1
    last.write_bytes(content)
    assert Pool([same]).digest != digest
    parts = [hashlib.sha256((one / name).read_bytes()).digest() for name in ("pairs_0000000.npy", "pairs_0000003.npy")]
    assert digest == hashlib.sha256(b"".join(parts)).hexdigest()


def test_pairs_are_found_across_shards(tmp_path: Path) -> None:
    folder = _pool(tmp_path / "a")
    shards = [np.load(path) for path in sorted(folder.glob("*.npy"))]
    pool = Pool([folder])
    for index, expected in enumerate(np.concatenate(shards)):
        assert np.array_equal(pool.pair(index), expected)
    with pytest.raises(IndexError, match="no pair 6"):
        pool.pair(6)


def test_the_digest_is_computed_once_and_only_when_asked_for(tmp_path: Path) -> None:
    pool = Pool([_pool(tmp_path / "pool")])
    assert "digest" not in vars(pool)
    assert pool.digest is pool.digest


def test_pools_are_read_as_one(tmp_path: Path) -> None:
    one, other = _pool(tmp_path / "a"), _pool(tmp_path / "b", 1)
    both = Pool([one, other])
    assert len(both) == 12
    assert both.digest != Pool([other, one]).digest != Pool([one]).digest


@pytest.mark.parametrize("record", ["{", "[]"])
def test_a_damaged_record_is_named(record: str, tmp_path: Path) -> None:
    folder = _pool(tmp_path / "pool")
    (folder / "pool.json").write_text(record, encoding="utf-8")
    with pytest.raises(DataError, match=r"pool\.json is damaged"):
        Pool([folder])


def test_a_shard_of_something_else_is_named(tmp_path: Path) -> None:
    folder = _pool(tmp_path / "pool")
    np.save(folder / "pairs_0000006.npy", np.zeros((3, 2, 8, 8, 3), np.float32))
    with pytest.raises(DataError, match=r"pairs_0000006\.npy holds float32\(3, 2, 8, 8, 3\), not pairs"):
        Pool([folder])
    (folder / "pairs_0000006.npy").write_bytes((folder / "pairs_0000000.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"pairs_0000006\.npy is damaged"):
        Pool([folder])


def test_only_a_damaged_shard_is_to_be_deleted(tmp_path: Path) -> None:
    folder = _pool(tmp_path / "pool")
    (folder / "pairs_0000006.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"pairs_0000006\.npy is damaged .* delete it"):
        Pool([folder])
    (folder / "pairs_0000006.npy").unlink()
    (folder / "pairs_0000006.npy").mkdir()
    with pytest.raises(DataError, match=r"pairs_0000006\.npy can't be opened"):
        Pool([folder])


def test_patches_are_all_eight_turned_and_mirrored_forms_of_a_pair(tmp_path: Path) -> None:
    pair = np.random.default_rng(3).integers(0, 256, (1, 2, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "pairs_0.npy", pair)
    forms = [np.rot90(pair[0], turns, axes=(1, 2)) for turns in range(4)]
    forms += [form[:, :, ::-1] for form in forms]
    drawn = {batch.tobytes() for batch in Pool([tmp_path]).batch(np.random.default_rng(0).spawn(100), 8).numpy()}
    assert drawn == {form.tobytes() for form in forms}


def test_images_are_the_pairs_in_the_order_that_networks_take(tmp_path: Path) -> None:
    pairs = Pool([_pool(tmp_path / "pool")]).batch(np.random.default_rng(0).spawn(3), 8)
    blurred, sharp = images(pairs, torch.device("cpu"))
    for side, result in enumerate((blurred, sharp)):
        expected = pairs[:, side].numpy().transpose(0, 3, 1, 2) / np.float32(255)
        assert np.array_equal(result.numpy(), expected)
        assert result.is_contiguous(memory_format=torch.channels_last)


def test_both_sides_of_a_pair_are_cropped_and_turned_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sharp = rng.integers(0, 255, (4, 20, 24, 3), dtype=np.uint8)
    np.save(tmp_path / "pairs_0000000.npy", np.stack([sharp + 1, sharp], axis=1))
    pool = Pool([tmp_path])
    examples = pool.examples(pool.batch(rng.spawn(16), 16), Window(), torch.device("cpu"))
    (blurred,) = examples.inputs
    torch.testing.assert_close(blurred - examples.target, torch.full_like(blurred, 1 / 255))
    assert examples.start is blurred
    assert examples.to_rgb(blurred) is blurred


def test_an_empty_pool_and_patches_that_are_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="deblur pack --pairs"):
        Pool([tmp_path])
    pool = Pool([_pool(tmp_path / "pool")])
    with pytest.raises(DataError, match="too small for patches of 64"):
        pool.batch([np.random.default_rng(0)], 64)


def test_noise_has_a_strength_of_its_own_on_every_image_and_can_be_repeated() -> None:
    blurred = torch.full((400, 3, 16, 16), 0.5)
    add_noise(blurred, np.random.default_rng(1).spawn(400), 2 / 255)
    again = torch.full((10, 3, 16, 16), 0.5)
    add_noise(again, np.random.default_rng(1).spawn(400)[20:30], 2 / 255)
    assert torch.equal(again, blurred[20:30])
    strengths = blurred.std((1, 2, 3)).square().mean().sqrt()
    assert float(strengths) == pytest.approx(2 / 255, rel=0.1)
    assert float(blurred.std((1, 2, 3)).min()) < 0.2 / 255
