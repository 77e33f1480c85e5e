"""What the processor is called and can do, as the system itself says it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from archspec import cpu

from network.processor import processor_flags, processor_name

if TYPE_CHECKING:
    from collections.abc import Iterator

CPUINFO = Path("/proc/cpuinfo")


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    processor_name.cache_clear()
    processor_flags.cache_clear()
    yield
    processor_name.cache_clear()
    processor_flags.cache_clear()


def of_linux(key: str) -> str:
    if not CPUINFO.is_file():
        pytest.skip("only Linux describes its processor in /proc")
    lines = (line.partition(":") for line in CPUINFO.read_text().splitlines())
    value = next((value.strip() for name, _, value in lines if name.strip() == key), "")
    if not value:
        pytest.skip(f"this Linux says no {key}")
    return value


def test_the_name_is_that_which_linux_gives() -> None:
    assert processor_name() == of_linux("model name")


def test_the_flags_are_those_which_linux_gives() -> None:
    flags = set(of_linux("flags").split())
    assert processor_flags() >= flags
    added = processor_flags() - flags  # other names of what is there, such as sse3 for pni
    assert not any(name.startswith(("avx", "amx")) for name in added)


def test_a_system_that_refuses_the_question_leaves_the_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise PermissionError(1, "no memory that can be run")

    monkeypatch.setattr(cpu, "brand_string", refuse)
    assert processor_name() == (platform.processor() or platform.machine())


def test_a_processor_without_a_name_is_called_by_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "brand_string", lambda: None)
    assert processor_name() == (platform.processor() or platform.machine()) != ""
