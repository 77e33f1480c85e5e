"""The Muon optimiser."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from network.training.muon import NEWTON_SCHULZ, UPDATE_SIZE, Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32)])
def test_orthogonal_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)

    inner = left.mT @ orthogonal(matrix) @ right.mT

    kept = values > values.max() / 20
    assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-6)
    assert inner.diagonal()[kept].min() > 0.6
    assert inner.diagonal().max() < 1.3


def test_orthogonal_equals_the_iteration_on_the_whole_matrix() -> None:
    matrix = torch.randn(24, 216, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a, b, c = NEWTON_SCHULZ
    expected = matrix / (matrix.norm() + 1e-7)
    for _ in range(5):
        square = expected @ expected.mT
        expected = a * expected + (b * square + c * square @ square) @ expected

    assert torch.allclose(orthogonal(matrix), expected, atol=1e-8)


def test_a_step_has_the_stated_size_whatever_the_gradient() -> None:
    for scale in (1e-6, 1e3):
        weight = torch.zeros(32, 8, 3, 3, requires_grad=True)
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)) * scale

        Muon([weight], 0.1).step()

        size = weight.detach().square().mean().sqrt().item()
        assert size == pytest.approx(0.1 * UPDATE_SIZE, rel=0.25)


def test_muon_finds_a_known_filter() -> None:
    generator = torch.Generator().manual_seed(3)
    wanted = torch.randn(8, 4, 3, 3, generator=generator)
    weight = torch.zeros_like(wanted).requires_grad_()
    optimiser = Muon([weight], 0.1)
    images = torch.randn(4, 4, 12, 12, generator=generator)

    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.2 * (1 - step / 300)
        optimiser.zero_grad()
        F.mse_loss(F.conv2d(images, weight), F.conv2d(images, wanted)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    assert (weight - wanted).abs().max() < 0.02


def test_weight_decay_shrinks_the_weights() -> None:
    weight = torch.ones(4, 2, 1, 1, requires_grad=True)
    weight.grad = torch.zeros_like(weight)

    Muon([weight], 0.5, weight_decay=0.2).step()

    assert torch.allclose(weight, torch.full_like(weight, 0.9))
