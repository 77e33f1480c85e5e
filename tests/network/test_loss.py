"""The losses against values worked out by hand, and their gradients against differences."""

from __future__ import annotations

import math

import pytest
import torch
from skimage.metrics import structural_similarity

from network.loss import LOSSES, frequency_loss, gradient_loss, mixed_loss, multi_scale_loss


def test_gradient_term_by_hand() -> None:
    result = torch.zeros(1, 1, 2, 3)
    sharp = torch.tensor([[[[0.0, 0.5, 0.5], [0.0, 0.5, 1.0]]]])
    # Across: |0.5|, 0, |0.5|, |0.5| over 4 differences; down: 0, 0, |0.5| over 3.
    assert gradient_loss(result, sharp).item() == pytest.approx(1.5 / 4 + 0.5 / 3)


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


def test_frequency_loss_by_hand() -> None:
    # A constant difference of 0.5 over 4x4: one coefficient of 0.5 * sqrt(16) among 4x3 complex ones.
    result, sharp = torch.full((1, 1, 4, 4), 0.75), torch.full((1, 1, 4, 4), 0.25)
    assert frequency_loss(result, sharp).item() == pytest.approx(0.5 + 0.5 * math.sqrt(16) / (4 * 3 * 2))


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_result_costs_nothing(name: str) -> None:
    image = torch.rand(2, 3, 16, 16)
    assert LOSSES[name](image, image).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_agrees_with_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(5)
    sharp = torch.rand(1, 1, 12, 12, dtype=torch.float64, generator=generator)
    result = torch.rand(1, 1, 12, 12, dtype=torch.float64, generator=generator)
    value = result.clone().requires_grad_()
    LOSSES[name](value, sharp).backward()
    assert value.grad is not None
    direction = torch.randn(result.shape, dtype=torch.float64, generator=generator)
    step = 1e-4
    ahead, behind = (
        LOSSES[name](result + step * direction, sharp),
        LOSSES[name](result - step * direction, sharp),
    )
    assert (value.grad * direction).sum().item() == pytest.approx(((ahead - behind) / (2 * step)).item(), rel=2e-2)


def test_scales_add_up_against_the_ground_truth_halved() -> None:
    sharp = torch.rand(1, 3, 32, 32)
    half = torch.nn.functional.avg_pool2d(sharp, 2)
    results = [sharp + 0.1, half + 0.2]
    expected = frequency_loss(results[0], sharp) + frequency_loss(results[1], half)
    assert multi_scale_loss(results, sharp, frequency_loss).item() == pytest.approx(expected.item())
