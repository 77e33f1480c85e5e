"""Optimisers and arithmetic of recipes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from network.models import registry
from network.training.muon import Muon
from network.training.optimisers import arithmetic, make_optimisers, make_scaler, set_rate

if TYPE_CHECKING:
    from network.training.recipes import Preset


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "muon"])
@pytest.mark.parametrize("name", ["idc", "idc-video"])
def test_every_weight_belongs_to_exactly_one_optimiser(name: str, optimiser: str, tiny: Preset) -> None:
    network = registry.create(name)
    optimisers = make_optimisers(network, replace(tiny, optimiser=optimiser))
    owned = [id(weight) for one in optimisers for group in one.param_groups for weight in group["params"]]
    assert sorted(owned) == sorted(id(weight) for weight in network.parameters())


@pytest.mark.parametrize(("name", "heads"), [("idc", 1), ("idc-video", 3)])
def test_muon_moves_the_hidden_convolutions_alone(name: str, heads: int, tiny: Preset) -> None:
    network = registry.create(name)
    muon, rest = make_optimisers(network, replace(tiny, optimiser="muon"))
    assert isinstance(muon, Muon)
    assert isinstance(rest, torch.optim.AdamW)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    hidden = {id(weight) for group in muon.param_groups for weight in group["params"]}
    left_out = [module for module in convolutions if id(module.weight) not in hidden]
    assert len(left_out) == heads
    assert [group["weight_decay"] for one in (muon, rest) for group in one.param_groups] == [0.02, 0.0]
    assert all(module.out_channels in {3, 24} for module in left_out)  # what makes pixels


def test_rates_keep_their_proportion(tiny: Preset) -> None:
    optimisers = make_optimisers(registry.create("idc-video"), replace(tiny, optimiser="muon", muon_factor=6.0))
    set_rate(optimisers, 0.25)
    assert [group["lr"] for one in optimisers for group in one.param_groups] == [1.5, 0.25]


def test_the_arithmetic_is_that_of_the_recipe_and_of_the_device() -> None:
    cpu = torch.device("cpu")
    assert [arithmetic(name, cpu) for name in ("fp32", "bf16", "fp16")] == [
        torch.float32,
        torch.bfloat16,
        torch.float16,
    ]
    assert [make_scaler(arithmetic(name, cpu), cpu).is_enabled() for name in ("fp32", "bf16", "fp16")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("instructions", "kind"),
    [("avx512_bf16", torch.bfloat16), ("amx_bf16", torch.bfloat16), ("avx512_vnni", torch.float32)],
)
def test_a_processor_computes_with_half_the_bits_if_it_has_instructions_for_it(
    instructions: str, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, instructions: True})
    assert arithmetic("auto", torch.device("cpu")) == kind


def test_other_devices_compute_with_all_bits() -> None:
    assert arithmetic("auto", torch.device("meta")) == torch.float32


@pytest.mark.gpu
def test_a_cuda_device_computes_with_half_the_bits() -> None:
    kind = arithmetic("auto", torch.device("cuda"))
    newest = torch.cuda.get_device_capability() >= (8, 0)
    assert kind == (torch.bfloat16 if newest else torch.float16)
