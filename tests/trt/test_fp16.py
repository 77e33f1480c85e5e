"""FP16 is safe for both networks: nothing comes near its limit, and the picture is that of FP32.

PyTorch's own FP16 convolutions take minutes on a processor. So every operation is computed in FP32 from weights and
inputs rounded to FP16, and its result is rounded to FP16: what is stored is FP16, what is summed up is FP32, as on
tensor cores. That this is the half-precision network is tested on one that is small enough to run in FP16 itself.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from network import weights
from network.catalogue import weights_file
from network.models import registry
from network.models.layers import fold_for_inference
from network.planes import PlaneSpec
from trt.compiled import PlanarGraph
from trt.settings import EngineSettings, Precision

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT.parent / "shared" / "data" / "clips"
LIMIT = torch.finfo(torch.float16).max
SIZE = 64
HEADROOM_REAL = 1000
"""On real frames nothing may come nearer to the limit than this factor."""
HEADROOM_EXTREME = 4
"""Likewise on extremes, such as noise of saturated colours, which no camera gives."""


class HalfStorage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds the result of every operation to FP16, and notes the largest of each kind.

    Attributes:
        largest: By the operation's number and name; one operation of each layer at least.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest: dict[str, float] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not isinstance(result, torch.Tensor) or result.dtype != torch.float32:
            return result
        self.largest[f"{len(self.largest)} {func}"] = result.abs().max().item()
        return result.to(torch.float16).to(torch.float32)


def rounded(network: nn.Module) -> nn.Module:
    """The network as it is compiled for FP16, its weights rounded to FP16 and kept in FP32."""
    return PlanarGraph(network, PlaneSpec(SIZE, SIZE), EngineSettings(Precision.FP16)).network.float()


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    error = (a.double() - b.double()).square().mean().item()
    return math.inf if error == 0 else -10 * math.log10(error)


def extremes() -> dict[str, torch.Tensor]:
    """Pictures (1, 3, SIZE, SIZE), what limited-range codes beyond black and white become included."""
    random = torch.Generator().manual_seed(3)
    noise = torch.rand(1, 3, SIZE, SIZE, generator=random)
    pattern = torch.arange(SIZE)
    return {
        "black": torch.zeros(1, 3, SIZE, SIZE),
        "white": torch.ones(1, 3, SIZE, SIZE),
        "below black": torch.full((1, 3, SIZE, SIZE), -0.6),
        "above white": torch.full((1, 3, SIZE, SIZE), 1.6),
        "saturated noise": (noise > 0.5).float() * 3 - 1,  # what the extreme codes of 4:4:4 planes make
        "noise": noise,
        "checkerboard": ((pattern[:, None] + pattern) % 2).float().expand(1, 3, SIZE, SIZE) * 2.2 - 0.6,
        "edge": (pattern >= SIZE // 2).float().expand(1, 3, SIZE, SIZE),
    }


def real_frames() -> dict[str, torch.Tensor]:
    """Middles of frames of real clips, (1, 3, SIZE, SIZE)."""
    result = {}
    paths = [ROOT / "examples" / "clip.mp4", *(CLIPS / name for name in ("dashcam_day_640.mp4", "dog_720p.mp4"))]
    for path in paths:
        if path.is_file():
            result[path.name] = _middle(path)
    assert result, "the example clip is in the repository"
    return result


def _middle(path: Path) -> torch.Tensor:
    with av.open(path) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    top, left = (frame.shape[0] - SIZE) // 2, (frame.shape[1] - SIZE) // 2
    crop = np.ascontiguousarray(frame[top : top + SIZE, left : left + SIZE])
    return torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255


def network_named(name: str) -> nn.Module:
    path = weights_file(name)
    if path is not None:
        return weights.load(path)[0]
    torch.manual_seed(0)
    return registry.create(name).eval()  # it comes without trained weights


@pytest.mark.parametrize("name", ["idc-rt", pytest.param("idc", marks=pytest.mark.slow)])
def test_fp16_has_room_and_gives_the_same_picture(name: str) -> None:
    network = network_named(name)
    reference, half = fold_for_inference(copy.deepcopy(network)), rounded(network)
    real = real_frames()
    for kind, picture in {**real, **extremes()}.items():
        with torch.no_grad(), HalfStorage() as stored:
            result = half(picture.half().float())
        with torch.no_grad():
            expected = reference(picture.half().float())
        assert len(stored.largest) > 40, "too few operations were seen"
        worst = max(stored.largest, key=lambda each: stored.largest[each])
        figure = psnr(result, expected)
        print(f"{name}, {kind}: largest {stored.largest[worst]:.2f} ({worst}), {figure:.1f} dB")
        assert stored.largest[worst] < LIMIT / (HEADROOM_REAL if kind in real else HEADROOM_EXTREME), kind
        assert torch.isfinite(result).all()
        assert figure >= 60, kind


def test_saturated_colours_overflow_at_no_size() -> None:
    """Activations of ``idc-rt`` grow with the picture up to what a layer at 1/16 sees; here they reach 193,000 / 16."""
    network = network_named("idc-rt")
    generator = torch.Generator().manual_seed(3)
    picture = torch.rand(1, 3, 256, 256, generator=generator).round() * 3 - 1
    half = rounded(network)
    with torch.no_grad(), HalfStorage() as stored:
        result = half(picture)
    with torch.no_grad():
        expected = fold_for_inference(copy.deepcopy(network))(picture)
    assert max(stored.largest.values()) < LIMIT / HEADROOM_EXTREME
    # Half a step of FP16 at the largest value of the picture itself is 0.002.
    assert psnr(result, expected) >= 50


def test_the_emulation_is_the_half_precision_network() -> None:
    torch.manual_seed(0)
    network = registry.create("idc-rt", widths=[8, 8, 8], depth=1)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(torch.randn_like(tensor) / max(1, tensor[0].numel()) ** 0.5)
    picture = next(iter(real_frames().values())).half()
    with torch.no_grad():
        expected = PlanarGraph(network, PlaneSpec(SIZE, SIZE), EngineSettings()).network(picture)
    half = rounded(network)
    with torch.no_grad(), HalfStorage():
        result = half(picture.float())
    with torch.no_grad():
        single = fold_for_inference(copy.deepcopy(network))(picture.float())
    assert psnr(result, expected.float()) > psnr(single, expected.float()) - 3
    assert psnr(result, expected.float()) > 60


def test_a_network_that_overflows_is_seen() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.fill_(1e3)
    half = rounded(network)
    with torch.no_grad(), HalfStorage() as stored:
        result = half(torch.ones(1, 3, 8, 8))
    assert max(stored.largest.values()) > LIMIT
    assert not torch.isfinite(result).all()
