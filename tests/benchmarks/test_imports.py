"""The script that surveys imports finds what is wrong, and nothing in these packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grimp", reason="it comes with import-linter")

from imports import PACKAGES, survey

if TYPE_CHECKING:
    from pathlib import Path


def test_no_circle_and_no_arrow_goes_up() -> None:
    house = survey(PACKAGES)
    assert house.circles == []
    assert house.upward == []
    assert house.floors["pipeline.cli"] == max(house.floors.values())
    assert house.floors["network.errors"] == 0


@pytest.fixture
def crooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of three rooms, the lowest of which imports the highest for a type."""
    files = {
        "__init__.py": "",
        "top/__init__.py": "",
        "top/one.py": "import crooked_house.middle\nimport crooked_house.low.two",
        "middle.py": "import crooked_house.low.one",
        "low/__init__.py": "",
        "low/one.py": "",
        "low/two.py": "import typing\nif typing.TYPE_CHECKING:\n    import crooked_house.top.one",
    }
    for name, text in files.items():
        path = tmp_path / "crooked_house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "crooked_house"


def test_a_circle_is_found_and_the_arrow_that_goes_up(crooked: str) -> None:
    house = survey([crooked])
    assert house.circles == [["crooked_house.low.two", "crooked_house.top.one"]]
    assert house.upward == [("crooked_house.low", "crooked_house.top")]
    assert [house.floors[f"crooked_house.{room}"] for room in ("low", "middle", "top")] == [0, 1, 2]
