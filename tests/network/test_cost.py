"""Parameters and multiply-adds against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from network.cost import multiply_adds, parameters
from network.models.idc import IDC
from network.models.idc_video import IDCVideo
from network.models.layers import fold_for_inference


def test_a_convolution_and_a_deconvolution_are_counted() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1))
    assert parameters(network) == (3 * 8 * 25 + 8) + (8 * 3 * 16 + 3)
    # Each input pixel of a deconvolution meets each tap once.
    assert multiply_adds(network, 20, 30) == 10 * 15 * 8 * 3 * 25 + 10 * 15 * 8 * 3 * 16
    assert all(not parameter.is_meta for parameter in network.parameters())


def test_padding_is_counted() -> None:
    network = fold_for_inference(IDCVideo(widths=(8, 8, 8), depth=1))
    assert multiply_adds(network, 17, 33) == multiply_adds(network, 32, 48)


@pytest.mark.parametrize(
    ("network", "million_parameters", "thousand_per_pixel"), [(IDC(), 5.76, 2215), (IDCVideo(), 3.645, 30.05)]
)
def test_the_projects_networks_cost_what_is_said_of_them(
    network: nn.Module, million_parameters: float, thousand_per_pixel: float
) -> None:
    fold_for_inference(network)
    assert parameters(network) == pytest.approx(million_parameters * 1e6, rel=2e-3)
    assert multiply_adds(network, 720, 1280) == pytest.approx(thousand_per_pixel * 1e3 * 720 * 1280, rel=2e-3)


def test_a_network_stays_where_it_is() -> None:
    network = nn.Conv2d(3, 3, 3, padding=1)
    before = network(torch.ones(1, 3, 4, 4))
    multiply_adds(network, 4000, 4000)
    torch.testing.assert_close(network(torch.ones(1, 3, 4, 4)), before)
