"""Descriptions of built engines: what the JSON file beside an engine in the cache says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from trt.key import EngineKey

FORMAT = "deblur-stream engine 1"
"""Number of the format. It changes with the meaning of the files; entries of another format are misses."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the JSON file beside an engine says.

    Attributes:
        key: Facts for which the engine is valid.
        size: Size of the engine in bytes.
        sha256: SHA-256 of the engine, hexadecimal.
        seconds: Seconds that the build took.
        parity: Result of the comparison with PyTorch; empty if there was none yet.
        refused: Reason why the engine must not be used; empty if it may.
    """

    key: EngineKey
    size: int
    sha256: str
    seconds: float
    parity: str = ""
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry as values of JSON."""
        return {"format": FORMAT, **asdict(self), "key": self.key.to_json()}

    @classmethod
    def parse(cls, content: bytes) -> Entry:
        """Reads an entry.

        Args:
            content: Content of the JSON file.

        Raises:
            ValueError: If it is damaged or of another format.
        """
        try:
            values = json.loads(content)
            if not isinstance(values, dict):
                raise TypeError("no object")
            if values.pop("format", None) != FORMAT:
                raise ValueError("it was written by another version of deblur")
            entry = cls(key=EngineKey.from_json(values.pop("key")), **values)
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError("its description is damaged") from error
        types = (int, str, float | int, str, str)
        named = (entry.size, entry.sha256, entry.seconds, entry.parity, entry.refused)
        if not all(isinstance(value, kind) for value, kind in zip(named, types, strict=True)):
            raise ValueError("its description is damaged")
        return entry
