"""What a run begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from network import weights
from network.errors import DataError, TrainingError
from network.models import registry
from network.training.pool import Pool
from network.training.start import initial_state, open_pool, running_average
from network.training.windows import WindowPool

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.recipes import Preset


CPU = torch.device("cpu")


@pytest.fixture
def trained(tiny: Preset, tmp_path: Path) -> Path:
    """Weights that have seen many patches."""
    path = tmp_path / "trained.safetensors"
    torch.manual_seed(5)
    network = registry.create(tiny.network, **tiny.options)
    card = {"patches": 342_000, "hours": 3.5}
    weights.save(path, network, name=tiny.network, options=tiny.options, card=card)
    return path


def test_a_run_goes_on_counting_where_its_weights_left_off(tiny: Preset, trained: Path, tmp_path: Path) -> None:
    longer = replace(tiny, until=400_000)
    state = initial_state(longer, CPU, torch.float32, tmp_path / "none", start_weights=weights.load(trained))
    assert (state.step, state.patches, state.seconds) == (0, 342_000, 3.5 * 3600)
    # They are an average already, which the first steps do not wipe out.
    assert int(state.average.n_averaged) == 1 + 342_000 // tiny.batch
    with pytest.raises(TrainingError, match="have seen 342000 patches, and until is 16; give more"):
        initial_state(tiny, CPU, torch.float32, tmp_path / "none", start_weights=weights.load(trained))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "mixed"}, "the loss 'mixed' is not for idc-video; choose deviation"),
        ({"network": "idc", "options": {}}, "the loss 'deviation' is not for idc; choose mixed"),
        ({"noise": 2.0}, "noise is for pictures"),
        ({"loss": "guess"}, "loss is one of mixed, deviation, not 'guess'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    changes: dict[str, Any], message: str, tiny: Preset, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        initial_state(replace(tiny, **changes), CPU, torch.float32, tmp_path / "none")


def test_each_network_is_trained_on_its_own_kind_of_pool(
    tiny: Preset, tiny_pairs: Preset, pool: WindowPool, pair_pool: Pool, tmp_path: Path
) -> None:
    assert isinstance(open_pool(tiny, [tmp_path / "pool"]), WindowPool)
    assert isinstance(open_pool(tiny_pairs, [tmp_path / "pairs"]), Pool)
    assert len(pool) == len(pair_pool) == 8
    with pytest.raises(DataError, match="pairs holds no windows"):
        open_pool(tiny, [tmp_path / "pairs"])
    with pytest.raises(DataError, match="pool holds no pool of pairs"):
        open_pool(tiny_pairs, [tmp_path / "pool"])


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
