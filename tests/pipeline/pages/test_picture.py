"""Pictures of a page fit into their bytes, all that are compared with the same loss."""

from __future__ import annotations

import base64
import io

import av
import numpy as np
import pytest

from pipeline.pages.picture import LARGEST, encode, fitted, is_padded
from tests.support.scenes import natural_picture


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_picture_comes_back_nearly_as_it_was() -> None:
    picture = natural_picture(0)
    (encoded,) = encode([picture], 1_000_000)
    assert (encoded.width, encoded.height) == (320, 320)
    assert np.abs(decoded(encoded.data).astype(int) - picture).mean() < 6
    prefix, _, text = encoded.address.partition(",")
    assert prefix == "data:image/jpeg;base64"
    assert base64.b64decode(text) == encoded.data


@pytest.mark.parametrize("limit", [100_000, 20_000, 3000])
def test_every_picture_keeps_to_its_bytes_and_all_have_one_size(limit: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    encoded = encode([np.zeros_like(noise), noise], limit)
    assert max(len(one.data) for one in encoded) <= limit
    assert len({(one.width, one.height) for one in encoded}) == 1
    for one in encoded:
        assert decoded(one.data).shape == (one.height, one.width, 3)


def test_a_large_picture_is_made_smaller() -> None:
    (encoded,) = encode([np.zeros((40, 4000, 3), np.uint8)], 10**6)
    assert (encoded.width, encoded.height) == (LARGEST, round(40 * LARGEST / 4000))


def test_padding_is_cut_and_other_sizes_are_scaled() -> None:
    picture = natural_picture(0)
    assert np.array_equal(fitted(picture, (320, 320)), picture)
    assert np.array_equal(fitted(picture, (319, 320)), picture[:, :319])
    assert fitted(picture, (640, 480)).shape == (480, 640, 3)
    assert is_padded((96, 64), (95, 63))
    assert not is_padded((96, 64), (94, 64))
    assert not is_padded((96, 64), (96, 64))
