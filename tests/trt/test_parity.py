"""A right engine passes, and engines that are really wrong are refused."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network import catalogue, weights
from network.models import registry
from network.planes import Layout, Matrix, PlaneSpec
from trt.compiled import TorchCompiled
from trt.errors import ParityError
from trt.parity import compare, pictures_for, verify
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from trt.compiled import Compiled

SPEC = PlaneSpec(96, 64)
FP32 = EngineSettings(Precision.FP32)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    made = registry.create("idc-rt", widths=[8, 8, 8], depth=1)
    with torch.no_grad():
        for tensor in made.parameters():
            tensor.copy_(torch.randn_like(tensor) / max(1, tensor[0].numel()) ** 0.5)
    return made.eval()


def compiled(of: nn.Module, spec: PlaneSpec = SPEC, batch: int = 2, settings: EngineSettings = FP32) -> Compiled:
    return TorchCompiled(spec, batch, of, settings)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        PlaneSpec(75, 51, depth=10, full_range=True),
        PlaneSpec(75, 51, Layout.NV12, 10, Matrix.BT2020),
        PlaneSpec(75, 51, Layout.YUV422P),
        PlaneSpec(75, 51, Layout.YUV444P, 8, Matrix.RGB),
        PlaneSpec(75, 51, Layout.GRAY, 12),
    ],
    ids=lambda spec: f"{spec.layout}-{spec.depth}",
)
@pytest.mark.parametrize("batch", [1, 4])
def test_the_same_network_is_identical_or_off_by_rounding(spec: PlaneSpec, batch: int) -> None:
    parity = compare(compiled(network(), spec, batch), network(), FP32, "cpu")
    assert parity.problem == ""
    assert parity.worst.worst <= 1
    assert [difference.name for difference in parity.differences] == [p.name for p in pictures_for(spec)]


def test_the_shipped_network_in_half_precision_passes() -> None:
    path = catalogue.weights_file("idc-rt")
    assert path is not None
    shipped, _header = weights.load(path)
    parity = compare(compiled(shipped, PlaneSpec(64, 48), 1, EngineSettings()), shipped, EngineSettings(), "cpu")
    assert parity.problem == ""
    assert parity.worst.worst <= 1
    assert parity.lowest.psnr >= 60


def test_other_weights_are_refused_with_figures() -> None:
    with pytest.raises(ParityError, match=r"the engine is \d+\.\d dB from PyTorch's FP32 \(.+\); at least 55 is due"):
        verify(compiled(network(1)), network(0), FP32, "cpu")


def test_another_strength_is_refused() -> None:
    settings = EngineSettings(Precision.FP32, strength=0.5)
    with pytest.raises(ParityError, match="dB"):
        verify(compiled(network(), settings=settings), network(), FP32, "cpu")
    assert verify(compiled(network(), settings=settings), network(), settings, "cpu")


def test_half_precision_that_overflows_is_refused() -> None:
    class Overflowing(nn.Module):
        """The identity, by way of numbers beyond 65504, FP16's highest."""

        def forward(self, image: Tensor) -> Tensor:
            return image * 1e6 * 1e-6

    with pytest.raises(ParityError, match="NaN or infinity"):
        verify(compiled(Overflowing(), settings=EngineSettings()), Overflowing(), EngineSettings(), "cpu")
    verify(compiled(Overflowing()), Overflowing(), FP32, "cpu")


def test_nan_where_the_right_code_is_zero_is_still_seen() -> None:
    class NanInTheDark(nn.Module):
        """Divides zero by zero where a picture is black; as an integer, NaN is zero, and black is right."""

        def forward(self, image: Tensor) -> Tensor:
            return image * (image + 1) / (image + 1) if image.amax() > 0 else image / image * 0

    spec = PlaneSpec(16, 16, Layout.YUV444P, 8, Matrix.RGB, full_range=True)
    parity = compare(compiled(NanInTheDark(), spec, 1), nn.Identity(), FP32, "cpu")
    assert parity.not_finite == ("black",)
    assert "black" in parity.problem


def test_one_wrong_sample_is_refused() -> None:
    class OneOff:
        """An engine that writes one sample wrongly, far too little for PSNR to tell."""

        def __init__(self, right: Compiled) -> None:
            self.spec, self.batch = right.spec, right.batch
            self._right = right

        def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            made = self._right(planes)
            made[0][0, 5, 7] = 255 - made[0][0, 5, 7] // 2
            return made

    spec = PlaneSpec(512, 384)
    right = compiled(nn.Identity(), spec, 1)
    assert compare(right, nn.Identity(), FP32, "cpu").worst.worst == 0
    with pytest.raises(ParityError, match=r"of 255 codes off .* 2 are the most|dB"):
        verify(OneOff(right), nn.Identity(), FP32, "cpu")


def test_an_engine_is_not_changed_by_what_it_is_compared_with() -> None:
    net = network()
    before = copy.deepcopy(net.state_dict())
    compare(compiled(net), net, FP32, "cpu")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_pictures_are_what_they_are_called() -> None:
    for spec in (PlaneSpec(160, 120), PlaneSpec(160, 120, depth=10, full_range=True)):
        pictures = {picture.name: picture.planes for picture in pictures_for(spec)}
        low, high = (0, 1023) if spec.full_range else (16, 235)
        assert (pictures["black"][0] == low).all()
        assert (pictures["white"][0] == high).all()
        saturated = pictures["black and white noise"][0]
        assert (int(saturated.int().min()), int(saturated.int().max())) == (low, high)
        every = pictures["noise of all codes"][0].int()
        assert int(every.min()) <= 2
        assert int(every.max()) >= (1 << spec.depth) - 3


def test_textures_have_the_spectrum_of_photographs() -> None:
    """Power falls with about the square of the frequency, as in photographs, and chroma is not empty."""
    planes = pictures_for(PlaneSpec(256, 256, Layout.YUV444P, full_range=True))[0].planes
    luma = planes[0][0].numpy().astype(float)
    spectrum = np.abs(np.fft.fft2(luma - luma.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256))) * 256
    low, high = (spectrum[(radius >= a) & (radius < 2 * a)].mean() for a in (4, 32))
    slope = math.log2(low / high) / 3
    assert 1.5 < slope < 3.5
    assert float(planes[1].double().std()) > 3
