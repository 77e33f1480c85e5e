"""The table of tested versions: it agrees with what is installed and with what `pip` may install."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipeline.system import libraries
from pipeline.system.libraries import DISTRIBUTION, TESTED, Library, installed, installed_libraries

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

PROJECT = tomllib.loads(Path(__file__).resolve().parents[3].joinpath("pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
DEVELOPMENT = {
    *("import-linter", "mypy", "packaging", "pre-commit", "pytest", "pytest-timeout", "pytest-xdist", "ruff"),
    *("furo", "myst-parser", "sphinx", "sphinx-click"),
}
"""What a user's run never loads."""


def requirements() -> dict[str, list[SpecifierSet]]:
    """What the project asks for, by name: of every extra, and for every version of Python."""
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    found: dict[str, list[SpecifierSet]] = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        if name != DISTRIBUTION and name not in DEVELOPMENT:
            found.setdefault(name, []).append(requirement.specifier)
    return found


def lowest(specifiers: list[SpecifierSet]) -> Version:
    return min(Version(part.version) for each in specifiers for part in each if part.operator == ">=")


def test_the_table_names_every_library_that_may_be_installed_and_no_other() -> None:
    assert set(TESTED) == {"Python", *requirements()}


def test_the_lowest_tested_version_is_the_lowest_that_may_be_installed() -> None:
    for name, specifiers in requirements().items():
        assert Version(TESTED[name][0]) == lowest(specifiers), name


def test_nothing_may_be_installed_that_is_known_to_break_and_yet_counts_as_tested() -> None:
    """An upper bound in the project lies above what the table calls tested."""
    for name, specifiers in requirements().items():
        newest = Version(TESTED[name][1])
        bounds = [[Version(part.version) for part in each if part.operator in {"<", "<="}] for each in specifiers]
        assert any(all(bound > newest for bound in each) for each in bounds), name


def test_versions_of_python_are_those_of_the_project() -> None:
    assert PROJECT["requires-python"] == f">={TESTED['Python'][0]}"
    prefix = "Programming Language :: Python :: 3."
    minor = [int(line.removeprefix(prefix)) for line in PROJECT["classifiers"] if line.startswith(prefix)]
    assert (f"3.{min(minor)}", f"3.{max(minor)}") == TESTED["Python"]


@pytest.mark.parametrize("name", sorted(set(TESTED) - {"Python"}))
def test_what_is_installed_here_was_tested(name: str) -> None:
    """Fails when a new line of releases is out: then run everything with it, and raise the entry of the table."""
    library = installed(name)
    if library is None:
        pytest.skip(f"{name} is not installed")
    assert library.version == metadata.version(name)
    assert not library.is_outside, library.warning
    assert library in installed_libraries()


@pytest.mark.parametrize(
    ("version", "is_outside"),
    [
        ("18.0.9", True),
        ("18.1", False),
        ("18.1.0", False),
        ("19", False),
        ("19.99.1", False),
        ("19.0.2+local", False),
        ("20.0.0", True),
        ("20.0.0rc1", True),
        ("100.1", True),
        ("17", True),
    ],
)
def test_a_version_lies_in_the_range_or_outside(
    version: str, is_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TESTED, "av", ("18.1", "19"))
    library = Library("av", version)
    assert library.is_outside is is_outside
    assert library.tested == "18.1 to 19.x"
    expected = f"av {version} is outside the tested versions, 18.1 to 19.x; to install a tested one: "
    assert library.warning == (expected + 'pip install "av>=18.1,<20"' if is_outside else "")


def test_a_line_of_releases_below_1_ends_at_its_next_minor_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TESTED, "safetensors", ("0.8", "0.8"))
    assert not Library("safetensors", "0.8.7").is_outside
    assert Library("safetensors", "0.9.0").warning.endswith(
        '0.8.x; to install a tested one: pip install "safetensors>=0.8,<0.9"'
    )


def test_another_library_is_neither_tested_nor_outside() -> None:
    other = Library("requests", "2.0")
    assert (other.tested, other.is_outside, other.warning) == ("", False, "")


def test_python_itself_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries.platform, "python_version", lambda: "4.0.1")
    python = installed("Python")
    assert python is not None
    assert python.warning.startswith("Python 4.0.1 is outside the tested versions, 3.")
