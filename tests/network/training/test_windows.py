"""Batches of windows: patches, augmentations that keep pictures and motion together, and pools that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from network.data.planes import split, to_frame
from network.data.windows import aligned, motion_told, write_shard
from network.errors import DataError
from network.training.windows import WindowPool, changed_motion
from network.window.windows import Window
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 128


def _pictures(speed: tuple[float, float] = (6, -3)) -> list[NDArray[np.float32]]:
    """Three pictures of a scene that moves, and the sharp one in the middle."""
    scene = Scene(2)
    places = (-1, 0, 1, 0)
    return [scene.picture(speed[0] * t, speed[1] * t, SIDE, SIDE).astype(np.float32) / 255 for t in places]


def _packed(pictures: list[NDArray[np.float32]]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    before, present, after, sharp = (to_frame(np.ascontiguousarray(picture)) for picture in pictures)
    frames, flows = aligned(before, present, after)
    return np.concatenate((frames, sharp[None])), flows


def _changed(turns: int, *, is_mirrored: bool, is_reversed: bool) -> Callable[[list[NDArray[np.float32]]], list]:
    def change(pictures: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        order = [pictures[place] for place in ((2, 1, 0, 3) if is_reversed else (0, 1, 2, 3))]
        return [np.rot90(picture[:, ::-1] if is_mirrored else picture, turns) for picture in order]

    return change


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_motion_changes_as_it_would_be_found_in_the_changed_pictures(
    turns: int,
    is_mirrored: bool,
    is_reversed: bool,
) -> None:
    change = {"is_mirrored": is_mirrored, "is_reversed": is_reversed}
    found = motion_told(_packed(_changed(turns, **change)(_pictures()))[1])
    expected = changed_motion(motion_told(_packed(_pictures())[1]), turns, **change)
    inner = np.s_[:4, 4:-4, 4:-4]
    assert np.abs(found[inner]).max() > 1
    # DIS does not find exactly the turned flow, but a wrong turn would be off by the whole motion.
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.2)
    assert np.abs(found[4:] - expected[4:]).mean() < 0.1


@pytest.fixture
def one_window(tmp_path: Path) -> WindowPool:
    folder = tmp_path / "one"
    folder.mkdir()
    windows, flows = _packed(_pictures())
    write_shard(folder, "00000000", windows[None], flows[None])
    return WindowPool([folder])


def test_whole_patches_are_all_sixteen_forms_of_a_window(one_window: WindowPool) -> None:
    """Mirrored, turned and reversed, each with the planes and the motion that belong together."""
    windows, flows = one_window.window(0)
    luma, chroma = split(np.asarray(windows))
    forms = {}
    for turns in range(4):
        for is_mirrored in (False, True):
            for is_reversed in (False, True):
                frames = [2, 1, 0, 3] if is_reversed else [0, 1, 2, 3]
                planes = [
                    np.rot90(plane[frames][..., ::-1] if is_mirrored else plane[frames], turns, (-2, -1))
                    for plane in (luma, chroma)
                ]
                motion = changed_motion(motion_told(flows), turns, is_mirrored=is_mirrored, is_reversed=is_reversed)
                forms[planes[0].tobytes()] = (planes[1].tobytes(), motion.tobytes())
    assert len(forms) == 16
    batch = one_window.batch(np.random.default_rng(0).spawn(150), SIDE)
    seen, lost = set(), 0
    for luma_of, chroma_of, motion in zip(*(tensor.numpy() for tensor in batch), strict=True):
        if motion[4].all() or motion[5].all():
            lost += 1
            continue
        assert forms[luma_of.tobytes()] == (chroma_of.tobytes(), motion.tobytes())
        seen.add(luma_of.tobytes())
    assert len(seen) == 16
    assert 0.05 < lost / 150 < 0.30


def test_a_neighbour_that_is_lost_is_the_present_frame_and_is_marked(one_window: WindowPool) -> None:
    batch = one_window.batch(np.random.default_rng(1).spawn(400), 32)
    kinds = {"both": 0, "previous": 0, "next": 0}
    for luma, motion in zip(batch.luma.numpy(), batch.motion.numpy(), strict=True):
        marks = bool((motion[4] == 1).all()), bool((motion[5] == 1).all())
        for mark, place in zip(marks, (0, 2), strict=True):
            assert np.array_equal(luma[place], luma[1]) == mark
        if all(marks):
            assert not motion[:4].any()
            kinds["both"] += 1
        elif any(marks):
            np.testing.assert_array_equal(motion[:2], -motion[2:4])
            kinds["previous" if marks[0] else "next"] += 1
    assert 20 <= kinds["both"] <= 60  # 10 %
    assert 10 <= kinds["previous"] + kinds["next"] <= 45  # 6 %
    assert min(kinds.values()) > 2


def test_patches_lie_where_their_motion_does(one_window: WindowPool) -> None:
    """Of a window whose luma is its row and whose flow is its row, too."""
    folder = one_window._folders[0]
    windows = np.zeros((1, 4, SIDE * 3 // 2, SIDE), np.uint8)
    windows[0, :, :SIDE] = np.arange(SIDE)[:, None]
    flows = np.zeros((1, 4, SIDE // 4, SIDE // 4), np.float16)
    flows[0] = np.arange(SIDE // 4)[:, None] - SIDE // 8 + 0.5  # so that mirrored and turned rows are told apart
    write_shard(folder, "00000000", windows, flows)
    pool = WindowPool([folder])
    batch = pool.batch(np.random.default_rng(3).spawn(60), 32)
    tops = set()
    for luma, motion in zip(batch.luma.numpy(), batch.motion.numpy(), strict=True):
        if motion[4].all() or motion[5].all() or not (luma[1] == luma[1][:, :1]).all() or luma[1, 0, 0] > luma[1, 1, 0]:
            continue  # lost a neighbour, turned on its side, or upside down
        top = int(luma[1, 0, 0])
        tops.add(top)
        rows = (np.arange(top, top + 32).reshape(4, 8).mean(1) + 0.5) / 4 - SIDE // 8
        np.testing.assert_allclose(motion[1, :, 0], rows, atol=1e-3)
    assert len(tops) > 3
    assert all(top % 8 == 0 for top in tops)


def test_examples_are_what_the_network_sees_and_what_it_should_add(pool: WindowPool) -> None:
    batch = pool.batch(np.random.default_rng(0).spawn(3), 32)
    examples = pool.examples(batch, Window(1, 1), torch.device("cpu"))
    frames, motion = examples.inputs
    assert (frames.shape, motion.shape, examples.target.shape) == ((3, 72, 8, 8), (3, 6, 4, 4), (3, 24, 8, 8))
    shown = torch.nn.functional.pixel_shuffle(examples.target[:, :16], 4)[:, 0]
    expected = (batch.luma[:, 3].float() - batch.luma[:, 1].float()) / 219
    torch.testing.assert_close(shown, expected)
    (alone,) = pool.examples(batch, Window(), torch.device("cpu")).inputs
    assert torch.equal(alone, frames[:, 24:48])
    pictures = examples.to_rgb(examples.target)
    assert pictures.shape == (3, 3, 32, 32)
    grey = (pictures * torch.tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(1)
    torch.testing.assert_close(grey, (batch.luma[:, 3].float() - 16) / 219, atol=1e-4, rtol=1e-4)


def test_what_can_not_be_trained_on_is_refused(pool: WindowPool, tmp_path: Path) -> None:
    for patch in (64, 40):
        with pytest.raises(DataError, match="can't be cut from windows of 48x48"):
            pool.batch([np.random.default_rng(0)], patch)
    with pytest.raises(DataError, match="holds no windows; make some with 'deblur synth'"):
        WindowPool([tmp_path])
    other = tmp_path / "other"
    other.mkdir()
    write_shard(other, "0", np.zeros((1, 4, 96, 64), np.uint8), np.zeros((1, 4, 16, 16), np.float16))
    with pytest.raises(DataError, match="windows of different sizes"):
        WindowPool([tmp_path / "pool", other])
    (other / "pool.json").write_text('{"complete": false}', encoding="utf-8")
    with pytest.raises(DataError, match="was not packed to the end"):
        WindowPool([other])
    (other / "pool.json").write_text("[", encoding="utf-8")
    with pytest.raises(DataError, match=r"pool\.json is damaged"):
        WindowPool([other])
    with pytest.raises(IndexError, match="no window 8 among 8"):
        pool.window(8)


def test_the_digest_covers_frames_and_flows(pool: WindowPool, tmp_path: Path) -> None:
    before = WindowPool([tmp_path / "pool"]).digest
    assert pool.digest == before
    flows = tmp_path / "pool" / "flows_00000005.npy"
    content = bytearray(flows.read_bytes())
    content[-1] ^= 1
    flows.write_bytes(content)
    assert pool.digest != before


def test_a_shard_that_goes_while_it_is_listed_does_no_harm(pool: WindowPool, tmp_path: Path) -> None:
    (tmp_path / "pool" / "flows_00000000.npy").unlink()
    pool.refresh()
    assert len(pool) == 3
