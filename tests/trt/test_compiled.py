"""The compiled graph that PyTorch runs: what it takes, what it gives, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from network import weights
from network.models import registry
from network.models.identity import Identity
from network.planes import Layout, PlaneSpec
from trt.compiled import PlanarGraph, TorchCompiled, check_planes, plane_dtype
from trt.settings import EngineSettings, Precision


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
    compiled = TorchCompiled(spec, 2, Identity(), EngineSettings(precision))
    assert (compiled.spec, compiled.batch) == (spec, 2)
    planes = codes(spec, 2)
    results = compiled(planes)
    assert [result.dtype for result in results] == [plane_dtype(spec)] * len(planes)
    assert all(torch.equal(result, plane) for result, plane in zip(results, planes, strict=True))


def test_results_belong_to_the_caller() -> None:
    spec = PlaneSpec(16, 16)
    compiled = TorchCompiled(spec, 1, registry.create("idc-rt", widths=[8, 8, 8], depth=1))
    first = compiled(codes(spec, 1))
    kept = [plane.clone() for plane in first]
    compiled(tuple(255 - plane for plane in codes(spec, 1)))
    assert all(torch.equal(plane, before) for plane, before in zip(first, kept, strict=True))
    first[0].zero_()


@pytest.mark.parametrize("harm", ["batch", "type", "shape", "number"])
def test_planes_of_another_kind_are_refused(harm: str) -> None:
    spec = PlaneSpec(16, 16)
    compiled, planes = TorchCompiled(spec, 2, Identity()), codes(spec, 2)
    wrong = {
        "batch": tuple(plane[:1] for plane in planes),
        "type": tuple(plane.int() for plane in planes),
        "shape": (planes[0][:, :-1], *planes[1:]),
        "number": planes[:2],
    }[harm]
    with pytest.raises(ValueError, match="the engine takes"):
        compiled(wrong)
    check_planes(compiled, planes)


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        TorchCompiled(PlaneSpec(16, 16), 0, Identity())


def test_the_network_is_left_as_it_is() -> None:
    network = registry.create("idc-rt", widths=[8, 8, 8], depth=1)
    before = weights.digest_of(network.state_dict())
    PlanarGraph(network, PlaneSpec(16, 16), EngineSettings())
    assert network.training
    assert weights.digest_of(network.state_dict()) == before


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
