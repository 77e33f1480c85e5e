"""The losses against values worked out by hand, and their gradients against differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from pytorch_msssim import ssim
from skimage.metrics import structural_similarity
from torch.nn import functional as F

from network.models.plane_channels import as_channels
from network.training.losses import LOSSES, deviation_loss, gradient_loss, mixed_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def test_gradient_term_by_hand() -> None:
    result = torch.zeros(1, 1, 2, 3)
    sharp = torch.tensor([[[[0.0, 0.5, 0.5], [0.0, 0.5, 1.0]]]])
    # Across: |0.5|, 0, |0.5|, |0.5| over 4 differences; down: 0, 0, |0.5| over 3.
    assert gradient_loss(result, sharp).item() == pytest.approx(1.5 / 4 + 0.5 / 3)


def test_mixed_loss_by_hand() -> None:
    # Two constant pictures: their squared difference; similarity by its formula, (2ab + c) / (a² + b² + c) where the
    # windows' variances are zero; no gradient.
    result, sharp = torch.full((1, 3, 16, 16), 0.6), torch.full((1, 3, 16, 16), 0.2)
    c = 0.01**2
    similarity = (2 * 0.6 * 0.2 + c) / (0.6**2 + 0.2**2 + c)
    assert mixed_loss(result, sharp).item() == pytest.approx(0.4**2 + 0.1 * (1 - similarity), abs=1e-6)


def test_mixed_loss_is_the_sum_of_its_three_terms() -> None:
    torch.manual_seed(0)
    result, sharp = torch.rand(1, 3, 24, 30), torch.rand(1, 3, 24, 30)
    squares = (result - sharp).square().mean().item()
    # scikit-image's own structural similarity without the border its windows cross.
    _, map_of_similarity = structural_similarity(
        result[0].numpy(), sharp[0].numpy(), channel_axis=0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=1.0, full=True,
    )  # fmt: skip
    similarity = map_of_similarity[:, 5:-5, 5:-5].mean()
    expected = squares + 0.1 * (1 - similarity) + 0.1 * gradient_loss(result, sharp).item()
    assert mixed_loss(result, sharp).item() == pytest.approx(expected, abs=1e-4)


def test_deviation_loss_by_hand() -> None:
    # One patch off by 0.3 in all luma, one by 0.4 in all chroma, of which a squared difference counts half.
    result, sharp = torch.zeros(2, 24, 4, 4), torch.zeros(2, 24, 4, 4)
    sharp[0, :16] = 0.3
    sharp[1, 16:] = 0.4
    squares = 0.3**2 * 16 / 24, 0.5 * 0.4**2 * 8 / 24
    expected = sum(math.sqrt(square + 0.005**2) - 0.005 for square in squares) / 2
    assert deviation_loss(result, sharp).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_result_costs_nothing(name: str) -> None:
    image = torch.rand(2, 24 if LOSSES[name].of_windows else 3, 16, 16)
    assert LOSSES[name]([image], image).item() == pytest.approx(0, abs=1e-6)


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mixed": mixed_loss,
    "deviation": deviation_loss,
    "squares": F.mse_loss,
    "similarity": lambda result, sharp: 1 - ssim(result, sharp, data_range=1.0),
    "gradient": gradient_loss,
}


@pytest.mark.parametrize("name", TERMS)
def test_gradient_agrees_with_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(5)
    shape = (1, 24 if name == "deviation" else 1, 12, 12)
    sharp = torch.rand(shape, dtype=torch.float64, generator=generator)
    result = torch.rand(shape, dtype=torch.float64, generator=generator)
    value = result.clone().requires_grad_()
    TERMS[name](value, sharp).backward()  # type: ignore[no-untyped-call]
    assert value.grad is not None
    for _ in range(3):
        direction = torch.randn(result.shape, dtype=torch.float64, generator=generator)
        step = 1e-4
        ahead, behind = (TERMS[name](result + sign * step * direction, sharp) for sign in (1, -1))
        expected = ((ahead - behind) / (2 * step)).item()
        # An absolute value has a kink at zero, where a difference is no slope.
        tolerance = 1e-5 if name in {"squares", "similarity", "deviation"} else 2e-2
        assert (value.grad * direction).sum().item() == pytest.approx(expected, rel=tolerance, abs=1e-6)


def test_scales_of_pictures_add_up_against_the_ground_truth_halved() -> None:
    sharp = torch.rand(1, 3, 32, 32)
    half = torch.nn.functional.avg_pool2d(sharp, 2)
    results = [sharp + 0.1, half + 0.2]
    expected = mixed_loss(results[0], sharp) + mixed_loss(results[1], half)
    assert LOSSES["mixed"](results, sharp).item() == pytest.approx(expected.item())


def test_coarser_scales_of_windows_count_half() -> None:
    planes = torch.rand(2, 1, 64, 64), torch.rand(2, 2, 32, 32)
    sharp = [as_channels(*(F.avg_pool2d(plane, 2**scale) for plane in planes)) for scale in range(3)]
    results = [truth + 0.1 * (scale + 1) for scale, truth in enumerate(sharp)]
    terms = [deviation_loss(*pair).item() for pair in zip(results, sharp, strict=True)]
    assert LOSSES["deviation"](results, sharp[0]).item() == pytest.approx(terms[0] + 0.5 * (terms[1] + terms[2]))
