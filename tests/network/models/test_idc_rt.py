"""The real-time network: its budget, its plainness, and what training sees of it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from network.models.idc_rt import FEATURE_SCALE, IDCRealTime
from network.models.layers import fold_for_inference


def _trained_alike(**options: object) -> IDCRealTime:
    """A network whose normalisation statistics and zero-initialised layers are not at their start values."""
    torch.manual_seed(1)
    network = IDCRealTime(**options)  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    for convolution in (network.exit, *network.coarse_exits):
        nn.init.normal_(convolution.weight, 0, 0.2)
    return network


def test_cost_is_within_the_budget() -> None:
    with torch.device("meta"):
        network = IDCRealTime().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 720, 1280, device="meta"))
    macs_a_pixel = counter.get_total_flops() / 2 / (720 * 1280)
    assert 20_000 <= macs_a_pixel <= 30_000


def test_the_cosine_coefficients_are_as_exact_in_mixed_precision() -> None:
    spectrum = IDCRealTime().spectrum
    pixels = torch.rand(1, 48, 8, 8, generator=torch.Generator().manual_seed(0))
    exact = spectrum(pixels)
    assert spectrum(pixels.bfloat16().float()).sub(exact).abs().max() > 0.1, "or rounding did no harm"
    with torch.autocast("cpu", torch.bfloat16):
        assert spectrum(pixels).equal(exact)


def test_no_convolution_runs_above_half_resolution() -> None:
    network = IDCRealTime().eval()
    heights: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _module, inputs, _output: heights.append(inputs[0].shape[-2]))
    with torch.no_grad():
        network(torch.rand(1, 3, 64, 64))
    assert heights
    assert max(heights) <= 32


def test_inference_is_plain_convolutions_and_relu() -> None:
    network = fold_for_inference(IDCRealTime())
    kinds = {type(module) for module in network.modules() if not list(module.children())}
    assert kinds <= {nn.Conv2d, nn.ReLU, nn.Identity}
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert {module.kernel_size for module in convolutions} == {(3, 3), (1, 1)}
    assert all(module.groups == 1 for module in convolutions)


def test_folding_keeps_the_function() -> None:
    network = _trained_alike().eval()
    image = torch.rand(2, 3, 37, 50)
    with torch.no_grad():
        expected = network(image)
        folded = fold_for_inference(copy.deepcopy(network))(image)
    assert (expected - image).abs().max() > 0.01
    torch.testing.assert_close(folded, expected, atol=1e-5, rtol=1e-5)


def test_folding_makes_features_smaller_to_give_them_room_in_fp16() -> None:
    network = _trained_alike().eval()
    folded = fold_for_inference(copy.deepcopy(network))
    seen: list[torch.Tensor] = []
    for module in (network, folded):
        module.exit.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
        with torch.no_grad():
            module(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(seen[1], seen[0] * FEATURE_SCALE, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (15, 17), (16, 32), (97, 131)])
def test_output_has_the_shape_of_the_input(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    with torch.no_grad():
        assert _trained_alike().eval()(image).shape == image.shape


def test_an_untrained_network_returns_its_input() -> None:
    image = torch.rand(1, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(IDCRealTime().eval()(image), image)


def test_training_supervises_three_scales_and_inference_is_the_finest() -> None:
    network = _trained_alike().eval()
    image = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        results = network.forward_scales(image)
        assert [tuple(result.shape[-2:]) for result in results] == [(32, 64), (16, 32), (8, 16)]
        torch.testing.assert_close(network(image), results[0])
    assert len(IDCRealTime(scales=1).forward_scales(image)) == 1


@pytest.mark.parametrize("texture", [True, False])
def test_gradients_reach_every_parameter(texture: bool) -> None:
    network = _trained_alike(texture=texture)
    sum(result.square().sum() for result in network.forward_scales(torch.rand(2, 3, 32, 32))).backward()  # type: ignore[union-attr]
    dead = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert not dead
