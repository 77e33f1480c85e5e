"""The paper's network against Table 1, written out here."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from network.models.idc import IDC

# Table 1: name, kind, kernel, stride, channels in, channels out. A residual block is two convolutions.
TABLE_1 = [
    ("deblur.E1.convolution", nn.Conv2d, 5, 1, 6, 32),
    *[(f"deblur.E1.blocks.{i}.{part}", nn.Conv2d, 5, 1, 32, 32) for i in (0, 1) for part in ("first", "second")],
    ("deblur.E2.convolution", nn.Conv2d, 5, 2, 32, 64),
    *[(f"deblur.E2.blocks.{i}.{part}", nn.Conv2d, 5, 1, 64, 64) for i in (0, 1) for part in ("first", "second")],
    ("deblur.E3.convolution", nn.Conv2d, 5, 2, 64, 128),
    *[(f"deblur.E3.blocks.{i}.{part}", nn.Conv2d, 5, 1, 128, 128) for i in (0, 1) for part in ("first", "second")],
    *[(f"deblur.D1.blocks.{i}.{part}", nn.Conv2d, 5, 1, 128, 128) for i in (0, 1) for part in ("first", "second")],
    ("deblur.D1.deconvolution", nn.ConvTranspose2d, 4, 2, 128, 64),
    *[(f"deblur.D2.blocks.{i}.{part}", nn.Conv2d, 5, 1, 64, 64) for i in (0, 1) for part in ("first", "second")],
    ("deblur.D2.deconvolution", nn.ConvTranspose2d, 4, 2, 64, 32),
    *[(f"deblur.D3.blocks.{i}.{part}", nn.Conv2d, 5, 1, 32, 32) for i in (0, 1) for part in ("first", "second")],
    ("deblur.D3.deconvolution", nn.ConvTranspose2d, 4, 1, 32, 32),
    ("texture.0.convolution", nn.Conv2d, 5, 1, 6, 64),
    *[(f"texture.0.blocks.{i}.{part}", nn.Conv2d, 5, 1, 64, 64) for i in (0, 1) for part in ("first", "second")],
    ("texture.1.convolution", nn.Conv2d, 5, 1, 64, 64),
    *[(f"texture.1.blocks.{i}.{part}", nn.Conv2d, 5, 1, 64, 64) for i in (0, 1) for part in ("first", "second")],
    ("fusion.first", nn.Conv2d, 5, 1, 96, 32),
    ("fusion.second", nn.Conv2d, 5, 1, 32, 3),
]


def _layers(network: nn.Module) -> list[tuple[str, type, int, int, int, int]]:
    return [
        (name, type(layer), layer.kernel_size[0], layer.stride[0], layer.in_channels, layer.out_channels)
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]


def test_layers_are_those_of_table_1() -> None:
    assert _layers(IDC()) == TABLE_1


def test_without_texture_only_the_branch_is_missing() -> None:
    expected = [row for row in TABLE_1 if not row[0].startswith("texture")]
    expected[-2] = ("fusion.first", nn.Conv2d, 5, 1, 32, 32)
    assert _layers(IDC(texture=False)) == expected


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_scales_share_their_weights(scales: int) -> None:
    # Counted from the table: kernel^2 * in * out weights and one bias an output channel.
    expected = sum(kernel**2 * inputs * outputs + outputs for _, _, kernel, _, inputs, outputs in TABLE_1)
    assert expected == 5_755_043
    assert sum(parameter.numel() for parameter in IDC(scales=scales).parameters()) == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (16, 16), (17, 31), (97, 131)])
@pytest.mark.parametrize("scales", [1, 3])
def test_output_has_the_shape_of_the_input(size: tuple[int, int], scales: int) -> None:
    image = torch.rand(1, 3, *size)
    with torch.no_grad():
        assert IDC(scales=scales).eval()(image).shape == image.shape


def test_finer_scales_are_fed_with_the_coarser_result() -> None:
    torch.manual_seed(0)
    network = IDC()
    results = network.forward_scales(torch.rand(1, 3, 32, 48))
    assert [tuple(result.shape[-2:]) for result in results] == [(32, 48), (16, 24), (8, 12)]
    (gradient,) = torch.autograd.grad(results[0].sum(), results[1])
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("options", [{}, {"scales": 1}, {"texture": False}])
def test_gradients_reach_every_parameter(options: dict[str, int | bool]) -> None:
    torch.manual_seed(0)
    network = IDC(**options)
    network(torch.rand(1, 3, 20, 24)).square().sum().backward()
    dead = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert not dead


def test_a_720p_frame_costs_4_tflop() -> None:
    with torch.device("meta"):
        network = IDC()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 720, 1280, device="meta"))
    assert counter.get_total_flops() == 4_083_532_185_600


def test_an_unknown_number_of_scales_is_refused() -> None:
    with pytest.raises(ValueError, match="1, 2 or 3 scales, not 4"):
        IDC(scales=4)
