"""What a run begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from network import weights
from network.errors import TrainingError
from network.models import registry
from network.models.layers import ConvUnit
from network.training.start import begin, running_average

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.recipes import Preset


@pytest.fixture
def start(tiny: Preset, tmp_path: Path) -> Path:
    """Weights whose normalisations have seen pictures, and whose last layer does something."""
    torch.manual_seed(0)
    network = registry.create(tiny.network, **tiny.options)
    torch.nn.init.normal_(network.exit.weight)  # type: ignore[union-attr, arg-type]
    for _ in range(20):
        network(torch.rand(2, 3, 32, 32))
    path = tmp_path / "start.safetensors"
    weights.save(path, network, name=tiny.network, options=tiny.options, card={})
    return path


def test_shrunk_weights_are_the_same_function(tiny: Preset, start: Path, tmp_path: Path) -> None:
    loaded = weights.load(start)
    recipe = replace(tiny, shrink=3.0)
    state = begin(recipe, torch.device("cpu"), torch.float32, tmp_path / "none", start_weights=loaded)
    units = [unit for unit in state.network.modules() if isinstance(unit, ConvUnit)]
    before = [unit for unit in loaded[0].modules() if isinstance(unit, ConvUnit)]
    assert units
    for unit, old in zip(units, before, strict=True):
        torch.testing.assert_close(unit.convolution.weight, old.convolution.weight / 3)
    image = torch.rand(2, 3, 32, 32)
    for network in (state.network, state.average.module):
        with torch.no_grad():
            expected = loaded[0].eval()(image)
            result = network.eval()(image)
        assert (expected - image).abs().max() > 0.01
        torch.testing.assert_close(result, expected, atol=1e-3, rtol=1e-3)
    with torch.no_grad():  # with the statistics of the batch, as in training, too
        torch.testing.assert_close(state.network.train()(image), loaded[0].train()(image), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_a_factor_that_shrinks_nothing_is_refused(tiny: Preset, factor: float) -> None:
    with pytest.raises(TrainingError, match="shrink is over 0"):
        replace(tiny, shrink=factor)


def test_the_average_begins_with_the_network_and_forgets_slower_and_slower() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).train()
    average = running_average(network, 0.6)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step, decay in enumerate((1 / 10, 2 / 11, 3 / 12, 4 / 13)):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network(torch.randn(8, 3))
        average.update_parameters(network)
        for name, value in network.state_dict().items():
            moved = expected[name].lerp(value, 1 - decay) if value.is_floating_point() else value
            expected[name] = moved.clone()
            assert torch.equal(average.module.state_dict()[name], expected[name]), f"{name} after step {step}"
    average.n_averaged.fill_(1000)  # long after, the decay is the one that was asked for
    average.update_parameters(network)
    value = expected["0.weight"].lerp(network.state_dict()["0.weight"], 1 - 0.6)
    assert torch.equal(average.module.state_dict()["0.weight"], value)
    assert not average.module.training
