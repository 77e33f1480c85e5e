"""Networks by name, a user's own among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from network import catalogue, models, weights
from network.errors import NetworkError
from network.models import registry

if TYPE_CHECKING:
    from pathlib import Path


class Brighter(nn.Module):
    """A user's network: every colour times a weight."""

    def __init__(self, factor: float = 1.25) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, rgb: Tensor) -> Tensor:
        return rgb * self.factor


@pytest.fixture(autouse=True)
def _none_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def test_a_network_of_the_users_own_is_made_by_its_name_with_its_options() -> None:
    models.register("brighter", Brighter)
    assert models.names() == (*catalogue.NAMES, "brighter")
    made: Any = models.create("brighter", factor=2.0)
    assert made.factor.item() == 2.0


def test_its_weights_are_written_and_read_like_any_others(tmp_path: Path) -> None:
    models.register("brighter", Brighter)
    path = tmp_path / "brighter.safetensors"
    weights.save(path, Brighter(1.5), name="brighter", options={}, card={})
    module, header = weights.load(path)
    assert header.network == "brighter"
    assert torch.equal(module(torch.ones(1)), torch.tensor([1.5]))


def test_a_name_can_be_given_anew_but_not_that_of_a_network_of_the_package() -> None:
    models.register("mine", Brighter)
    models.register("mine", nn.Identity)
    assert isinstance(models.create("mine"), nn.Identity)
    for name in catalogue.NAMES:
        with pytest.raises(NetworkError, match="comes with the package"):
            models.register(name, Brighter)


@pytest.mark.parametrize("name", ["", "a b", "../identity", "-x", "a/b"])
def test_names_that_could_be_taken_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(NetworkError, match="can't name a network"):
        models.register(name, Brighter)


def test_what_can_not_be_made_is_said_in_one_line() -> None:
    models.register("mine", Brighter)
    with pytest.raises(NetworkError, match=f"there is no network 'other'; choose one of {', '.join(models.names())}"):
        models.create("other")
    with pytest.raises(NetworkError, match="'mine' can't be made with"):
        models.create("mine", colour="blue")
    models.register("number", lambda: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(NetworkError, match="'number' gave int, not a module"):
        models.create("number")
