"""The compiled graph that PyTorch runs: what it takes, what it gives, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from network import weights
from network.models.identity import Identity
from network.planes import Layout, PlaneSpec
from network.window.windows import Window
from tests.support.networks import rgb_network, video_network
from trt.compiled import TorchCompiled, plane_dtype
from trt.graphs import make_graph
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of


def codes(spec: PlaneSpec, batch: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        (torch.randint(0, 1 << spec.depth, (batch, *shape), generator=generator) << spec.code_shift).to(
            plane_dtype(spec)
        )
        for shape in spec.plane_shapes
    )


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize("layout", list(Layout))
def test_a_network_that_changes_nothing_gives_every_code_back(layout: Layout, depth: int, precision: Precision) -> None:
    spec = PlaneSpec(23, 17, layout, depth)
    compiled = TorchCompiled(Signature(spec, 2), Identity(), EngineSettings(precision))
    assert compiled.signature == Signature(spec, 2)
    planes = codes(spec, 2)
    results = compiled(planes)
    assert [result.dtype for result in results] == [plane_dtype(spec)] * len(planes)
    assert all(torch.equal(result, plane) for result, plane in zip(results, planes, strict=True))


def test_results_belong_to_the_caller() -> None:
    spec = PlaneSpec(16, 16)
    compiled = TorchCompiled(Signature(spec), rgb_network())
    first = compiled(codes(spec, 1))
    kept = [plane.clone() for plane in first]
    compiled(tuple(255 - plane for plane in codes(spec, 1)))
    assert all(torch.equal(plane, before) for plane, before in zip(first, kept, strict=True))
    first[0].zero_()


@pytest.mark.parametrize("harm", ["batch", "type", "shape", "number"])
def test_planes_of_another_kind_are_refused(harm: str) -> None:
    spec = PlaneSpec(16, 16)
    compiled, planes = TorchCompiled(Signature(spec, 2), Identity()), codes(spec, 2)
    wrong = {
        "batch": tuple(plane[:1] for plane in planes),
        "type": tuple(plane.int() for plane in planes),
        "shape": (planes[0][:, :-1], *planes[1:]),
        "number": planes[:2],
    }[harm]
    with pytest.raises(ValueError, match="the engine takes"):
        compiled(wrong)
    compiled(planes)


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Signature(PlaneSpec(16, 16), 0)


def test_the_network_is_left_as_it_is() -> None:
    for network in (rgb_network().train(), video_network().train()):
        before = weights.digest_of(network.state_dict())
        make_graph(network, Signature(PlaneSpec(16, 16), 1, window_of(network)), EngineSettings())
        assert network.training
        assert weights.digest_of(network.state_dict()) == before


def test_a_signature_for_another_window_is_refused() -> None:
    with pytest.raises(ValueError, match="the network looks at"):
        TorchCompiled(Signature(PlaneSpec(16, 16), 1, Window(1, 1)), rgb_network())
    with pytest.raises(ValueError, match="the network looks at"):
        TorchCompiled(Signature(PlaneSpec(16, 16)), video_network())


@pytest.mark.parametrize("spec", [PlaneSpec(61, 35), PlaneSpec(61, 35, Layout.YUV444P, 10)], ids=str)
def test_a_network_over_time_in_half_precision_is_that_in_full_within_one_code(spec: PlaneSpec) -> None:
    network = video_network()
    signature = Signature(spec, 1, Window(1, 1))
    (half, full) = (TorchCompiled(signature, network, EngineSettings(precision)) for precision in Precision)
    assert [port.name for port in half.inputs] == ["luma", "chroma", "motion"]
    assert [port.shape for port in half.inputs] == [(1, 3, 48, 64), (1, 6, 24, 32), (1, 6, 6, 8)]
    for sample in samples_for(signature):
        results = zip(half(sample.inputs), full(sample.inputs), signature.outputs, strict=True)
        assert all(((one - other).abs() * port.scale).max() <= signature.highest / 255 for one, other, port in results)


def test_the_spectrum_stays_in_full_precision() -> None:
    network = video_network()
    graph = make_graph(network, Signature(PlaneSpec(16, 16), 1, Window(1, 1)), EngineSettings())
    spectrum = graph.network.spectrum
    assert torch.equal(spectrum.matrix, network.spectrum.matrix)
    assert {tensor.dtype for tensor in graph.parameters()} == {torch.float16}


def test_the_strength_scales_what_a_network_over_time_changes() -> None:
    spec = PlaneSpec(32, 32, Layout.YUV444P)
    signature = Signature(spec, 1, Window(1, 1))
    inputs = samples_for(signature)[0].inputs
    whole, half = (
        TorchCompiled(signature, video_network(), EngineSettings(Precision.FP32, strength))(inputs)[0]
        for strength in (1.0, 0.5)
    )
    assert whole.abs().max() > 0.01
    assert torch.allclose(2 * half, whole)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"strength": 1.6}, "strength"),
        ({"strength": -0.1}, "strength"),
        ({"optimization_level": 6}, "optimization level"),
        ({"workspace_bytes": -1}, "workspace"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EngineSettings(**values)  # type: ignore[arg-type]
