"""What was measured here: when it counts, and that no file can do harm."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from network.planes import PlaneSpec
from network.processor import processor_name
from pipeline.engines import precision
from pipeline.engines.load import load_engine
from pipeline.engines.openvino_core import computes_in, openvino_version
from pipeline.engines.precision import choose
from pipeline.engines.verdicts import BY_EXACTNESS, FILE_VARIABLE, Verdict, keep_verdict, read_verdict, verdicts_file
from pipeline.system.machine import cores

if TYPE_CHECKING:
    from pathlib import Path

FOUND = Verdict("2026.4", "ab", {"fp32": 100.0, "int8": 40.0}, "2026-12-01")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache" / "verdicts.json"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


@pytest.mark.parametrize(
    ("milliseconds", "precision"),
    [
        ({"fp32": 100.0}, "fp32"),
        ({"fp32": 100.0, "int8": 40.0}, "int8"),
        ({"fp32": 100.0, "int8": 97.0}, "fp32"),
        ({"fp32": 100.0, "int8": 140.0, "bf16": 120.0}, "fp32"),
        ({"fp32": 100.0, "bf16": 35.0, "int8": 34.0}, "bf16"),
        ({"fp32": 100.0, "fp16": 30.0, "bf16": 35.0, "int8": 25.0}, "int8"),
    ],
)
def test_the_fastest_is_taken_and_of_equals_the_most_exact(milliseconds: dict[str, float], precision: str) -> None:
    assert replace(FOUND, milliseconds=milliseconds).precision == precision


def _rename(file: Path, own: str, other: str) -> None:
    """Makes entries of this machine's network those of another machine."""
    entries = json.loads(file.read_text(encoding="utf-8"))
    changed = {key.replace(own, other) if key.startswith("idc-video") else key: value for key, value in entries.items()}
    assert changed.keys() != entries.keys()
    file.write_text(json.dumps(changed), encoding="utf-8")


def test_a_verdict_is_kept_for_this_machine_and_network_and_the_next_one_takes_its_place(file: Path) -> None:
    assert read_verdict("idc-video", "2026.4", "ab") is None
    assert keep_verdict("idc-video", FOUND) == file
    keep_verdict("mine", FOUND)
    again = replace(FOUND, milliseconds={"fp32": 90.0, "int8": 95.0})
    keep_verdict("idc-video", again)
    assert read_verdict("idc-video", "2026.4", "ab") == again
    assert read_verdict("mine", "2026.4", "ab") == FOUND
    assert read_verdict("idc-video", "2027.0", "ab") is None
    assert read_verdict("idc-video", "2026.4", "cd") is None
    _rename(file, f" on {processor_name()}", " on another processor")
    assert read_verdict("idc-video", "2026.4", "ab") is None
    keep_verdict("idc-video", FOUND)
    assert len(json.loads(file.read_text(encoding="utf-8"))) == 3
    _rename(file, f", {cores()} cores", ", 1024 cores")
    assert read_verdict("idc-video", "2026.4", "ab") is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"{",
        b"[" * 100_000,
        {"milliseconds": None},
        {"milliseconds": {}},
        {"milliseconds": {"int8": 1.0}},
        {"milliseconds": {"fp32": "fast"}},
        {"milliseconds": {"fp32": 0}},
        {"milliseconds": {"fp32": -5}},
        {"another key": 1},
    ],
    ids=lambda damage: str(damage)[:30],
)
def test_a_damaged_file_counts_as_none_and_is_replaced(file: Path, damage: bytes | dict[str, Any]) -> None:
    keep_verdict("idc-video", FOUND)
    if isinstance(damage, bytes):
        file.write_bytes(damage)
    else:
        whole = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({key: entry | damage for key, entry in whole.items()}), encoding="utf-8")
    assert read_verdict("idc-video", "2026.4", "ab") is None
    assert load_engine("openvino").info.precision == choose().precision
    keep_verdict("idc-video", FOUND)
    assert read_verdict("idc-video", "2026.4", "ab") == FOUND


def test_the_environment_may_want_no_file_and_else_it_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, "")
    assert verdicts_file() is None
    assert keep_verdict("idc-video", FOUND) is None
    assert read_verdict("idc-video", "2026.4", "ab") is None
    monkeypatch.delenv(FILE_VARIABLE)
    path = verdicts_file()
    assert path is not None
    assert path.parts[-2:] == ("deblur-stream", "verdicts.json")


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("fastest", BY_EXACTNESS)
def test_auto_takes_what_was_fastest_if_this_machine_computes_so(fastest: str) -> None:
    digest = load_engine("openvino", precision="fp32").info.digest
    times = {name: 10.0 if name == fastest else 100.0 for name in BY_EXACTNESS}
    keep_verdict("idc-video", Verdict(openvino_version(), digest, times, "2026-12-01"))
    expected = fastest if computes_in(fastest) else choose().precision
    assert load_engine("openvino").info.precision == expected
    assert load_engine("openvino", "identity").info.precision == "fp32"


@pytest.mark.parametrize("name", [name for name in BY_EXACTNESS if computes_in(name)])
def test_what_is_not_corrected_keeps_every_code_of_ten_bits_in_any_precision(name: str) -> None:
    """Bfloat16 has 8 bits: codes must go around the arithmetic of the network."""
    engine = load_engine("openvino", strength=0.0, precision=name)
    assert engine.info.precision == name
    spec = PlaneSpec(64, 48, depth=10)
    batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
    for plane in batch.planes:
        plane.reshape(-1)[:] = [number % 1024 for number in range(plane.size)]
    engine.run(batch, out)
    assert all((before == after).all() for before, after in zip(batch.planes, out.planes, strict=True))


def test_what_may_be_asked_for_holds_what_is_measured() -> None:
    assert set(precision.PRECISIONS) == {"auto", *BY_EXACTNESS}
