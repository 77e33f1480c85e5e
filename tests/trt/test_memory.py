"""What a network needs of a device's memory, and what is tried where there is less."""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from network.models.identity import Identity
from network.planes import Layout, PlaneSpec
from network.window.windows import Window
from tests.support.networks import rgb_network, video_network
from trt.memory import MARGIN, Plan, estimate_bytes, free_memory, plans, start_with
from trt.settings import EngineSettings, Precision
from trt.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

FULL_HD = PlaneSpec(1920, 1080)
FP32 = EngineSettings(Precision.FP32)


class Wide(nn.Module):
    """Grows to many channels and back: its features dwarf all else, and their bytes can be told by hand."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(3, channels, 1)
        self.narrow = nn.Conv2d(channels, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        wide = self.widen(image)
        narrow: Tensor = self.narrow(wide)
        del wide
        return narrow


def test_the_peak_of_the_features_is_counted() -> None:
    spec = PlaneSpec(64, 64, Layout.GRAY)
    few, many = (estimate_bytes(Wide(channels), Signature(spec, 2), FP32) for channels in (100, 200))
    features = 100 * 2 * 64 * 64 * 4
    weights = 100 * (3 + 1 + 3) * 4
    assert many - few == features + weights
    assert few < 1.5 * features


def test_the_estimate_grows_with_batch_and_size_and_halves_in_half_precision() -> None:
    network = Wide(64)
    one = estimate_bytes(network, Signature(FULL_HD), FP32)
    assert 1.9 < estimate_bytes(network, Signature(FULL_HD, 2), FP32) / one < 2.1
    assert 3.9 < estimate_bytes(network, Signature(PlaneSpec(3840, 2160)), FP32) / one < 4.1
    assert 0.5 < estimate_bytes(network, Signature(FULL_HD), EngineSettings()) / one < 0.7


def test_the_estimate_leaves_the_network_as_it_is() -> None:
    network = rgb_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert estimate_bytes(network, Signature(FULL_HD), EngineSettings()) > 50e6
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_first_the_batch_is_halved_and_then_the_frame_is_cut() -> None:
    steps = list(plans(Signature(FULL_HD, 6), rgb_network()))
    assert [(step.batch, step.cut) for step in steps[:3]] == [(6, None), (3, None), (1, None)]
    sizes = [1920 * 1080]
    for step in steps[3:]:
        assert step.batch == 1
        assert step.cut is not None
        sizes.append(prod(step.cut.shape))
    assert len(sizes) >= 5
    assert all(smaller <= 0.8 * larger for larger, smaller in itertools.pairwise(sizes))
    assert str(steps[0]) == "6 frames at a time"
    assert str(steps[2]) == "1 frame at a time"
    assert "1 frame at a time in 2 tiles of" in str(steps[3])


class WholePicture(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image + image.mean(dim=(2, 3), keepdim=True)


def test_a_network_that_sees_everything_is_never_cut() -> None:
    assert list(plans(Signature(PlaneSpec(64, 48), 2), WholePicture())) == [Plan(2), Plan(1)]


def needing(per_frame: int) -> Callable[[Plan], int]:
    return lambda plan: plan.batch * per_frame


@pytest.mark.parametrize(("free", "first", "lines"), [(4000, 4, 1), (2300, 2, 2), (100, 1, 3), (None, 8, 0)])
def test_plans_that_can_not_fit_are_left_out_and_told(
    free: int | None, first: int, lines: int, told: list[str]
) -> None:
    candidates = iter([Plan(8), Plan(4), Plan(2), Plan(1)])
    rest = list(start_with(candidates, needing(900), free))
    assert rest[0] == Plan(first)
    assert [plan.batch for plan in rest] == [batch for batch in (8, 4, 2, 1) if batch <= first]
    assert len(told) == lines
    assert free is None or first == 1 or 900 * first <= free * MARGIN
    if told:
        assert told[0].startswith("8 frames at a time would need about 0.0 GB")
        assert told[0].endswith("now 4 frames at a time")


def test_the_processor_has_no_limit_of_its_own() -> None:
    assert free_memory(torch.device("cpu")) is None


def test_identity_needs_little_but_planes() -> None:
    samples = 1920 * 1080 * 3 // 2
    assert 8 * samples < estimate_bytes(Identity(), Signature(FULL_HD), FP32) < 100 * samples


def test_windows_are_counted_with_what_goes_around_them() -> None:
    """Tiles make the network smaller, but not the frames that are aligned as a whole."""
    network, signature = video_network(), Signature(FULL_HD, 2, Window(1, 1))
    whole = estimate_bytes(network, signature, FP32)
    one = replace(signature, batch=1)
    steps = [plan for plan in plans(signature, network) if plan.cut is not None]
    assert all(step.cut is not None and step.cut.shape[0] % 16 == step.cut.shape[1] % 16 == 0 for step in steps)
    tiled = [estimate_bytes(network, one, FP32, step.cut) for step in steps[:2]]
    assert whole > estimate_bytes(network, one, FP32) > tiled[0] > tiled[-1]
    frames = 4 * 1920 * 1088 * 3 // 2  # of one frame's working planes
    assert tiled[-1] > 3 * frames
