"""Tiles against the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.errors import NetworkError
from network.evaluation.evaluate import deblur_picture
from network.evaluation.tiles import BLEND, Tiling, in_tiles, shares, spans
from network.models.layers import with_padding


class Pyramid(nn.Module):
    """A small network of RGB that halves, so that it has a grid, and sees far."""

    multiple = 16

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(48, 8, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(8, 8, 3, stride=2, padding=1) for _ in range(2))
        self.low = nn.Sequential(*(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(4)))
        self.exit = nn.Conv2d(8, 48, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return with_padding(image, self.multiple, self._padded)

    def _padded(self, image: Tensor) -> Tensor:
        high = F.relu(self.entry(F.pixel_unshuffle(image, 4)))
        low = high
        for layer in self.down:
            low = F.relu(layer(low))
        raised = F.interpolate(self.low(low), scale_factor=4.0, mode="bilinear", align_corners=False)
        return image + F.pixel_shuffle(self.exit(high + raised), 4)


def lively(network: nn.Module) -> nn.Module:
    """Weights large enough that far pixels count."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.2, generator)
    return network


def reach(network: nn.Module, multiple: int) -> int:
    """How far from an output pixel the farthest input pixel is that changes it: what one NaN spoils."""
    width, farthest = 512, 0
    for column in range(width // 2, width // 2 + multiple):
        image = torch.rand(1, 3, multiple, width)
        image[..., column] = float("nan")
        with torch.no_grad():
            spoilt = network(image).isnan().any(dim=(0, 1, 2)).nonzero()
        farthest = max(farthest, int((spoilt - column).abs().max()))
    assert farthest < width // 2 - multiple  # else the picture would be too narrow to tell
    return farthest


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return lively(Pyramid().eval())


@pytest.mark.parametrize("length", [1, 159, 160, 161, 500, 1024])
@pytest.mark.parametrize(("size", "margin", "multiple"), [(160, 32, 16), (160, 64, 16), (100, 0, 1), (97, 20, 4)])
def test_weights_add_up_to_one_and_spare_the_margins(length: int, size: int, margin: int, multiple: int) -> None:
    total = torch.zeros(length)
    pieces = spans(length, Tiling(size, margin), multiple)
    for piece, weights in zip(pieces, shares(pieces), strict=True):
        assert piece.start % multiple == 0
        assert len(weights) == piece.length <= size
        assert bool((weights >= 0).all())
        total[piece.start : piece.stop] += weights
        if piece.start > 0:
            assert bool((weights[:margin] == 0).all())
        if piece.stop < length:
            assert bool((weights[len(weights) - margin :] == 0).all())
    torch.testing.assert_close(total, torch.ones(length))
    assert pieces[-1].stop == length


def test_tiles_equal_the_whole_picture_where_the_margin_covers_the_reach(network: nn.Module) -> None:
    multiple = Pyramid.multiple
    farthest = reach(network, multiple)
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, 90, 700, generator=generator)
    covered = Tiling(2 * farthest + BLEND + 2 * multiple, farthest)
    short = Tiling(covered.size, farthest // 8)
    with torch.inference_mode():
        whole = network(image)
        scale = float(whole.abs().max())
        assert len(spans(700, covered, multiple)) > 3
        torch.testing.assert_close(in_tiles(network, image, covered, multiple), whole, atol=1e-5 * scale, rtol=0)
        # Were the far pixels of no account, the test above would show nothing.
        assert float((in_tiles(network, image, short, multiple) - whole).abs().max()) > 1e-3 * scale


def test_tiles_off_the_grid_would_differ(network: nn.Module) -> None:
    tiling = Tiling(320, 120)
    image = torch.rand(1, 3, 64, 700, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network(image)
        off_the_grid = in_tiles(network, image, tiling, multiple=3)
    assert float((off_the_grid - whole).abs().max()) > 1e-3 * float(whole.abs().max())


def test_no_seam_appears_where_tiles_disagree() -> None:
    """Each tile is given a level of its own: between tiles the result must climb, not jump."""
    levels = iter(range(100))

    def disagreeing(image: Tensor) -> Tensor:
        return torch.full_like(image, float(next(levels)))

    result = in_tiles(disagreeing, torch.zeros(1, 3, 20, 600), Tiling(160, 32))
    steps = result[0, 0, 0].diff()
    assert float(result.max()) >= 5
    assert float(steps.abs().max()) == pytest.approx(1 / BLEND)


def test_a_picture_in_tiles_is_that_of_the_whole(network: nn.Module) -> None:
    """The residual is scaled down here, as in trained weights, so that codes are in range."""
    picture = np.random.default_rng(3).integers(60, 200, (75, 610, 3), dtype=np.uint8)
    with torch.no_grad():
        network.get_parameter("exit.weight").mul_(1e-3)
    whole = deblur_picture(network, picture)
    assert np.abs(whole.astype(int) - picture).max() > 3
    tiled = deblur_picture(network, picture, tiling=Tiling(400, 150))
    assert np.abs(tiled.astype(int) - whole).max() <= 1  # float sums may round to either side of a half
    assert np.mean(tiled != whole) < 1e-3


def test_only_a_tile_is_given_to_the_network() -> None:
    seen: list[tuple[int, int]] = []

    def noting(image: Tensor) -> Tensor:
        seen.append((image.shape[-2], image.shape[-1]))
        return image

    image = torch.rand(1, 3, 300, 450)
    result = in_tiles(noting, image, Tiling(128, 16), multiple=16)
    torch.testing.assert_close(result, image)
    assert len(seen) > 6
    assert max(max(size) for size in seen) == 128


@pytest.mark.parametrize(("size", "margin"), [(100, 64), (16, 0), (200, -1)])
def test_tiles_without_a_middle_are_refused(size: int, margin: int) -> None:
    with pytest.raises(NetworkError, match=r"tiles of \d+ pixels leave nothing"):
        Tiling(size, margin)


def test_tiles_smaller_than_the_grid_are_refused() -> None:
    with pytest.raises(NetworkError, match=r"too small for this network .* set tiles of at least 48"):
        spans(300, Tiling(40, 0), 32)
    assert len(spans(300, Tiling(48, 0), 32)) > 1
