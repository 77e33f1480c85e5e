"""The description of an engine comes back as it was, or says why not."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from trt.cache_entry import Entry
from trt.key import EngineKey

KEY = EngineKey.from_json({field.name: 1 if field.type == "int" else "some" for field in fields(EngineKey)})
ENTRY = Entry(KEY, 2048, "ab" * 32, 12.5, "within 1 code", "too far off")


def content(**changes: object) -> bytes:
    return json.dumps({**ENTRY.to_json(), **changes}).encode()


def test_an_entry_comes_back() -> None:
    assert Entry.parse(content()) == ENTRY
    fresh = Entry(KEY, 1, "", 3)
    assert Entry.parse(json.dumps(fresh.to_json()).encode()) == fresh


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff",
        b"[]",
        content()[:-1],
        content(extra=1),
        content(key=None),
        *(content(**{name: None}) for name in ("size", "sha256", "seconds", "parity", "refused")),
    ],
)
def test_a_damaged_entry_is_named_so(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"^its description is damaged$"):
        Entry.parse(damaged)


def test_an_entry_of_another_version_is_named_so() -> None:
    for stated in ("deblur-stream engine 0", None):
        with pytest.raises(ValueError, match="another version"):
            Entry.parse(content(format=stated))
