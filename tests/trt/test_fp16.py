"""FP16 is safe for both networks: nothing comes near its limit, and the picture is that of FP32.

PyTorch's own FP16 convolutions take minutes on a processor. So every operation is computed in FP32 from weights and
inputs rounded to FP16, and its result is rounded to FP16: what is stored is FP16, what is summed up is FP32, as on
tensor cores. The cosine transform and the moments of motion, which stay in FP32, are left as they are. That this is the
half-precision network is tested on one that is small enough to run in FP16 itself.
"""

from __future__ import annotations

import contextlib
import copy
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from network import weights
from network.catalogue import DEFAULT, weights_file
from network.models import idc_video, registry
from network.models.layers import fold_for_inference
from network.planes import PlaneSpec
from tests.support.networks import video_network
from trt.graphs import make_graph
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trt.graphs import PlanarGraph, WindowGraph

LIMIT = torch.finfo(torch.float16).max
SPEC = PlaneSpec(192, 128)
HEADROOM_REAL = 1000
"""On samples like real frames nothing may come nearer to the limit than this factor."""
HEADROOM_EXTREME = 4
"""Likewise on extremes, such as noise of saturated colours, which no camera gives."""
REAL = {"texture", "motion", "texture without neighbours"}


class HalfStorage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds the result of every operation to FP16, and notes the largest of each kind.

    Attributes:
        largest: By the operation's number and name; one operation of each layer at least.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest: dict[str, float] = {}
        self._is_paused = False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves results as they are."""
        self._is_paused = True
        yield
        self._is_paused = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self._is_paused or not isinstance(result, torch.Tensor) or result.dtype != torch.float32:
            return result
        self.largest[f"{len(self.largest)} {func}"] = result.abs().max().item()
        return result.to(torch.float16).to(torch.float32)


class Exact(nn.Module):
    """A module that stays in FP32, inside a :class:`HalfStorage` that is told so."""

    def __init__(self, module: nn.Module, stored: list[HalfStorage]) -> None:
        super().__init__()
        self.module, self.stored = module, stored

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        with self.stored[-1].paused() if self.stored else contextlib.nullcontext():
            result: torch.Tensor = self.module(frames)
        return result * 1  # what reads it is in FP16


def graph(network: nn.Module, precision: Precision, spec: PlaneSpec = SPEC) -> PlanarGraph | WindowGraph:
    return make_graph(network, Signature(spec, 1, window_of(network)), EngineSettings(precision))


def run_stored(
    network: nn.Module, inputs: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[torch.Tensor, ...], HalfStorage]:
    """What the network, as it is compiled for FP16, gives in emulated FP16."""
    inner = graph(network, Precision.FP16).network.float()
    stored: list[HalfStorage] = []
    if window_of(network) is not None:
        inner.spectrum = Exact(inner.spectrum, stored)
        moments = idc_video.moments

        def exact_moments(motion: torch.Tensor) -> torch.Tensor:
            with stored[-1].paused():
                result = moments(motion)
            return result * 1

        monkeypatch.setattr(idc_video, "moments", exact_moments)
    with torch.no_grad(), HalfStorage() as storage:
        stored.append(storage)
        results = inner(*inputs)
    monkeypatch.undo()
    return (results,) if isinstance(results, torch.Tensor) else results, storage


def shares(network: nn.Module) -> dict[str, tuple[torch.Tensor, ...]]:
    """Inputs of the network itself: RGB, or planes as shares of their range, and motion."""
    signature = Signature(SPEC, 1, window_of(network))
    if signature.window is None:
        generator = torch.Generator().manual_seed(3)
        noise = torch.rand(1, 3, 64, 64, generator=generator)
        ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
        return {
            "texture": (ramp * 0.8 + noise * 0.1,),
            "black": (0 * noise,),
            "white": (0 * noise + 1,),
            "below black": (0 * noise - 0.6,),
            "saturated noise": ((noise > 0.5).float() * 3 - 1,),
        }
    working, found = signature.working, {}
    for sample in samples_for(signature):
        luma, chroma, motion = sample.inputs
        found[sample.name] = (
            (luma - working.luma_zero) / working.luma_range,
            (chroma - working.chroma_zero) / working.chroma_range,
            motion,
        )
    generator = torch.Generator().manual_seed(4)
    luma, chroma, motion = found["texture"]
    saturated = [torch.rand(each.shape, generator=generator).round() for each in (luma, chroma)]
    found["saturated noise, each frame another"] = (saturated[0] * 1.2 - 0.1, saturated[1] * 1.2 - 0.6, motion)
    for length in (500.0, -500.0):
        wild = torch.full_like(motion, length)
        wild[:, 4:] = 1
        found[f"saturated noise, flow of {length:g}"] = (saturated[0], saturated[1] - 0.5, wild)
    return found


def psnr(ones: tuple[torch.Tensor, ...], others: tuple[torch.Tensor, ...]) -> float:
    """PSNR against white or, where corrections are larger, as impossible motion makes them, against the largest."""
    error = max((a.double() - b.double()).square().mean().item() for a, b in zip(ones, others, strict=True))
    peak = max(1.0, *(other.abs().max().item() for other in others))
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def network_named(name: str) -> nn.Module:
    path = weights_file(name)
    if path is not None:
        return weights.load(path)[0]
    torch.manual_seed(0)
    return registry.create(name).eval()  # it comes without trained weights


@pytest.mark.parametrize("name", [DEFAULT, pytest.param("idc", marks=pytest.mark.slow)])
def test_fp16_has_room_and_gives_the_same_picture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_named(name)
    reference = fold_for_inference(copy.deepcopy(network))
    for kind, inputs in shares(network).items():
        results, stored = run_stored(network, inputs, monkeypatch)
        with torch.no_grad():
            expected = reference(*inputs)
        assert len(stored.largest) > 40, "too few operations were seen"
        worst = max(stored.largest, key=lambda each: stored.largest[each])
        figure = psnr(results, (expected,) if isinstance(expected, torch.Tensor) else expected)
        print(f"{name}, {kind}: largest {stored.largest[worst]:.2f} ({worst}), {figure:.1f} dB")
        assert stored.largest[worst] < LIMIT / (HEADROOM_REAL if kind in REAL else HEADROOM_EXTREME), kind
        assert all(bool(result.isfinite().all()) for result in results)
        assert figure >= 60, kind


def test_the_emulation_is_the_half_precision_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = video_network()
    inputs = shares(network)["texture"]
    with torch.no_grad():
        expected = graph(network, Precision.FP16).network(*inputs)
        single = fold_for_inference(copy.deepcopy(network))(*inputs)
    results, _ = run_stored(network, inputs, monkeypatch)
    assert psnr(results, expected) > psnr(single, expected) - 3
    assert psnr(results, expected) > 60


def test_a_network_that_overflows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.fill_(1e3)
    results, stored = run_stored(network, (torch.ones(1, 3, 8, 8),), monkeypatch)
    assert max(stored.largest.values()) > LIMIT
    assert not torch.isfinite(results[0]).all()
