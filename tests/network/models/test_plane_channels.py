"""Planes as channels, and their cosine coefficients."""

from __future__ import annotations

import torch
from torch import nn

from network.models.plane_channels import CHANNELS, PlaneSpectrum, as_channels, as_planes, halved_channels


def test_planes_become_channels_and_come_back() -> None:
    luma, chroma = torch.rand(2, 3, 32, 48), torch.rand(2, 6, 16, 24)
    channels = as_channels(luma, chroma)
    assert channels.shape == (2, 3 * CHANNELS, 8, 12)
    for frame in range(3):
        one, both = as_planes(channels[:, frame * CHANNELS :][:, :CHANNELS])
        torch.testing.assert_close(one[:, 0], luma[:, frame])
        torch.testing.assert_close(both, chroma[:, 2 * frame : 2 * frame + 2])
    half = as_planes(halved_channels(channels[:, :CHANNELS]))
    torch.testing.assert_close(half[0], nn.functional.avg_pool2d(luma[:, :1], 2))
    torch.testing.assert_close(half[1], nn.functional.avg_pool2d(chroma[:, :2], 2))


def test_the_cosine_coefficients_are_as_exact_in_mixed_precision() -> None:
    spectrum = PlaneSpectrum()
    pixels = torch.rand(1, 72, 8, 8, generator=torch.Generator().manual_seed(0))
    exact = spectrum(pixels)
    assert spectrum(pixels.bfloat16().float()).sub(exact).abs().max() > 0.1, "or rounding did no harm"
    with torch.autocast("cpu", torch.bfloat16):
        assert spectrum(pixels).equal(exact)
