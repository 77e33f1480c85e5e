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
from network.planes import Layout, Matrix, PlaneSpec
from network.window.windows import Window
from tests.support.networks import rgb_network, video_network
from trt.compiled import TorchCompiled
from trt.errors import ParityError
from trt.parity import compare, verify
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from trt.compiled import Compiled

SPEC = PlaneSpec(96, 64)
FP32 = EngineSettings(Precision.FP32)


def compiled(of: nn.Module, spec: PlaneSpec = SPEC, batch: int = 2, settings: EngineSettings = FP32) -> Compiled:
    return TorchCompiled(Signature(spec, batch, window_of(of)), of, settings)


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
@pytest.mark.parametrize(("batch", "make"), [(1, rgb_network), (4, rgb_network), (2, video_network)])
def test_the_same_network_is_identical_or_off_by_rounding(
    spec: PlaneSpec, batch: int, make: Callable[[], nn.Module]
) -> None:
    made = compiled(make(), spec, batch)
    parity = compare(made, make(), FP32, "cpu")
    assert parity.problem == ""
    assert parity.worst.worst <= 1
    assert [difference.name for difference in parity.differences] == [s.name for s in samples_for(made.signature)]


def test_the_shipped_network_in_half_precision_passes() -> None:
    path = catalogue.weights_file(catalogue.DEFAULT)
    assert path is not None
    shipped, _header = weights.load(path)
    parity = compare(compiled(shipped, PlaneSpec(64, 48), 1, EngineSettings()), shipped, EngineSettings(), "cpu")
    assert parity.problem == ""
    assert parity.worst.worst <= 1
    assert parity.lowest.psnr >= 60


@pytest.mark.parametrize("make", [rgb_network, video_network])
def test_other_weights_are_refused_with_figures(make: Callable[[int], nn.Module]) -> None:
    with pytest.raises(ParityError, match=r"the engine is \d+\.\d dB from PyTorch's FP32 \(.+\); at least 55 is due"):
        verify(compiled(make(1)), make(0), FP32, "cpu")


def test_another_strength_is_refused() -> None:
    settings = EngineSettings(Precision.FP32, strength=0.5)
    with pytest.raises(ParityError, match="dB"):
        verify(compiled(rgb_network(), settings=settings), rgb_network(), FP32, "cpu")
    assert verify(compiled(rgb_network(), settings=settings), rgb_network(), settings, "cpu")


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
            self.signature, self.inputs = right.signature, right.inputs
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


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("place", ["high", "middle"])
def test_a_strided_addend_that_is_read_as_dense_is_refused(place: str, batch: int) -> None:
    """What NVIDIA/TensorRT#4854 does: the addend lies in the buffer of a concatenation, and read as if it did not."""

    class ReadAsDense(nn.Module):
        def __init__(self, unit: nn.Module) -> None:
            super().__init__()
            self.unit = unit

        def forward(self, features: Tensor) -> Tensor:
            buffer = torch.cat((features, features.flip(1)), dim=1).movedim(1, -1).contiguous()
            sound = self.unit.second(self.unit.first(features))  # type: ignore[operator]
            dense = buffer.flatten()[: features.numel()].reshape(features.movedim(1, -1).shape).movedim(-1, 1)
            return torch.relu(dense + sound)

    path = catalogue.weights_file(catalogue.DEFAULT)
    assert path is not None
    right, wrong = weights.load(path)[0], weights.load(path)[0]
    setattr(wrong, place, ReadAsDense(getattr(wrong, place)))
    with pytest.raises(ParityError, match=r"dB|codes off"):
        verify(compiled(wrong, PlaneSpec(64, 48), batch), right, FP32, "cpu")


def test_an_engine_is_not_changed_by_what_it_is_compared_with() -> None:
    net = rgb_network()
    before = copy.deepcopy(net.state_dict())
    compare(compiled(net), net, FP32, "cpu")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_pictures_are_what_they_are_called() -> None:
    for spec in (PlaneSpec(160, 120), PlaneSpec(160, 120, depth=10, full_range=True)):
        pictures = {sample.name: sample.inputs for sample in samples_for(Signature(spec))}
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
    planes = samples_for(Signature(PlaneSpec(256, 256, Layout.YUV444P, full_range=True)))[0].inputs
    luma = planes[0][0].numpy().astype(float)
    spectrum = np.abs(np.fft.fft2(luma - luma.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256))) * 256
    low, high = (spectrum[(radius >= a) & (radius < 2 * a)].mean() for a in (4, 32))
    slope = math.log2(low / high) / 3
    assert 1.5 < slope < 3.5
    assert float(planes[1].double().std()) > 3


def test_windows_hold_motion_and_its_absence() -> None:
    samples = {sample.name: sample.inputs for sample in samples_for(Signature(PlaneSpec(160, 120), 1, Window(1, 1)))}
    luma, _chroma, motion = samples["texture"]
    assert luma.shape == (1, 3, 128, 160)
    assert motion[0, :4].abs().mean() > 0.3
    aligned, unmoved = ((luma[0, 0] - luma[0, 1]).abs().mean() for luma in (luma, samples["motion"][0]))
    assert 0 < aligned < 10
    assert unmoved > 0
    assert (samples["texture without neighbours"][2][0, 4:] == 1).all()
    assert torch.equal(samples["texture without neighbours"][0][0, 0], luma[0, 1])
    assert samples["motion beyond measure"][2].abs().max() > 100
