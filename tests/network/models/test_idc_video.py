"""The network over time: its layers, its budget, its plainness, and what training sees of it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from network.cost import multiply_adds, parameters
from network.models import registry
from network.models.idc_video import FEATURE_SCALE, IDCVideo, moments
from network.models.layers import fold_for_inference
from network.models.plane_channels import PlaneSpectrum, as_channels, as_planes
from network.window.windows import Window

LAYERS = [
    # at, in, out, kernel, stride
    ("entry", 72, 64, 3, 1),
    ("down_middle.0", 64, 96, 3, 2),
    ("down_middle.1.first", 96, 96, 3, 1),
    ("down_middle.1.second", 96, 96, 3, 1),
    ("down_low", 96, 160, 3, 2),
    *((f"low.{unit}.{part}", 160, 160, 3, 1) for unit in range(6) for part in ("first", "second")),
    ("up_middle.expand", 160, 384, 1, 1),
    ("middle.first", 96, 96, 3, 1),
    ("middle.second", 96, 96, 3, 1),
    ("up_high.expand", 96, 256, 1, 1),
    ("high.first", 64, 64, 3, 1),
    ("high.second", 64, 64, 3, 1),
    ("texture.0", 24, 64, 3, 1),
    ("texture.1", 64, 64, 3, 1),
    ("fusion", 128, 64, 1, 1),
    ("exit", 64, 24, 3, 1),
    ("coarse_exits.0", 96, 24, 3, 1),
    ("coarse_exits.1", 160, 24, 3, 1),
    ("motion.entry.0", 9, 16, 3, 1),
    ("motion.entry.1", 16, 16, 3, 1),
    ("motion.down", 16, 16, 3, 2),
    ("motion.middle.layer", 16, 192, 1, 1),
    ("motion.low.layer", 16, 320, 1, 1),
    ("motion.raised.layer", 16, 192, 1, 1),
]


def trained_alike(**options: object) -> IDCVideo:
    """A network whose normalisation statistics and zero-initialised layers are not at their start values."""
    torch.manual_seed(1)
    network = IDCVideo(**options)  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
        elif isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight, 0, 0.1)
    return network


def inputs(network: IDCVideo, height: int = 32, width: int = 48, batch: int = 1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [tensor.shape for tensor in network.sample_inputs(height, width, batch)]
    luma, chroma, *motion = (torch.rand(shape, generator=generator) for shape in shapes)
    return [luma, chroma - 0.5, *(8 * (part - 0.5) for part in motion)]


def test_the_layers_are_those_of_the_table() -> None:
    network = IDCVideo()
    found = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            place = name.removesuffix(".convolution")
            found[place] = (module.in_channels, module.out_channels, module.kernel_size[0], module.stride[0])
    assert found == {name: tuple(layer) for name, *layer in LAYERS}


@pytest.mark.parametrize(
    ("name", "adds_a_pixel", "weights"),
    [
        ("idc-video-small", 12_225, 1.232e6),
        ("idc-video", 30_045, 3.645e6),
        ("idc-video-large", 70_797, 9.230e6),
    ],
)
def test_each_size_costs_what_its_table_says(name: str, adds_a_pixel: int, weights: float) -> None:
    network = registry.create(name)
    assert isinstance(network, IDCVideo)
    assert network.window == Window(1, 1)
    assert parameters(network) == pytest.approx(weights, rel=1e-3)
    assert multiply_adds(fold_for_inference(network), 720, 1280) / (720 * 1280) == pytest.approx(adds_a_pixel, rel=1e-3)


def test_it_sees_a_frame_on_either_side_or_the_present_one_alone() -> None:
    assert IDCVideo().window == Window(1, 1)
    alone = trained_alike(frames=1).eval()
    assert alone.window == Window()
    assert len(alone.sample_inputs(32, 32)) == 2
    with torch.no_grad():
        luma, chroma = alone(*inputs(alone))
    assert (luma.shape, chroma.shape) == ((1, 1, 32, 48), (1, 2, 16, 24))
    with pytest.raises(ValueError, match="1 or 3 frames"):
        IDCVideo(frames=2)


def test_no_layer_runs_above_a_quarter_of_the_resolution() -> None:
    network = IDCVideo().eval()
    heights: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | PlaneSpectrum):
            module.register_forward_hook(lambda _module, given, _output: heights.append(given[0].shape[-2]))
    with torch.no_grad():
        network(*inputs(network, 64, 64))
    assert heights
    assert max(heights) == 16


def test_inference_is_plain_convolutions_and_relu() -> None:
    network = fold_for_inference(IDCVideo())
    kinds = {type(module) for module in network.modules() if not list(module.children())}
    assert kinds <= {nn.Conv2d, nn.ReLU, nn.Identity, PlaneSpectrum}
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert {module.kernel_size for module in convolutions} == {(3, 3), (1, 1)}
    assert all(module.groups == 1 for module in convolutions)


@pytest.mark.parametrize("options", [{}, {"frames": 1}, {"texture": False}], ids=str)
def test_folding_keeps_the_function_and_makes_features_smaller(options: dict[str, object]) -> None:
    network = trained_alike(**options).eval()
    given = inputs(network, batch=2)
    folded = fold_for_inference(copy.deepcopy(network))
    seen: list[Tensor] = []
    for module in (network, folded):
        module.exit.register_forward_pre_hook(lambda _module, args: seen.append(args[0]))  # type: ignore[union-attr]
    with torch.no_grad():
        expected, found = network(*given), folded(*given)
    for one, other in zip(found, expected, strict=True):
        assert other.abs().max() > 0.01
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen[1], seen[0] * FEATURE_SCALE, atol=1e-6, rtol=1e-4)
    again = fold_for_inference(folded)
    with torch.no_grad():
        torch.testing.assert_close(again(*given), found)


def test_an_untrained_network_corrects_nothing() -> None:
    network = IDCVideo().eval()
    with torch.no_grad():
        assert not any(correction.any() for correction in network(*inputs(network)))


def test_the_moments_of_motion_are_the_same_forwards_and_backwards() -> None:
    motion = torch.randn(1, 6, 4, 4)
    backwards = torch.cat((motion[:, 2:4], motion[:, :2], motion[:, 4:]), 1)
    torch.testing.assert_close(moments(motion)[:, 4:7], moments(backwards)[:, 4:7])
    assert not torch.allclose(moments(motion)[:, :4], moments(backwards)[:, :4])


def test_every_input_matters() -> None:
    network = trained_alike().eval()
    given = inputs(network)
    with torch.no_grad():
        expected = network(*given)[0]
        for index, tensor in enumerate(given):
            for channel in range(tensor.shape[1]):
                changed = [part.clone() for part in given]
                changed[index][:, channel] += 0.5
                assert not torch.allclose(network(*changed)[0], expected, atol=1e-6), (index, channel)


def test_training_supervises_three_scales_and_inference_is_the_finest() -> None:
    network = trained_alike().eval()
    given = inputs(network, 32, 64)
    channels = as_channels(*given[:2])
    with torch.no_grad():
        results = network.corrections(channels, given[2], coarse=True)
        assert [tuple(result.shape[-2:]) for result in results] == [(8, 16), (4, 8), (2, 4)]
        torch.testing.assert_close(network(*given), as_planes(results[0]))


@pytest.mark.parametrize("options", [{}, {"texture": False}, {"frames": 1}], ids=str)
def test_gradients_reach_every_parameter(options: dict[str, object]) -> None:
    network = trained_alike(**options)
    given = inputs(network, batch=2)
    motion = given[2] if len(given) == 3 else None
    results = network.corrections(as_channels(*given[:2]), motion, coarse=True)
    torch.stack([result.square().sum() for result in results]).sum().backward()
    dead = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert not dead
