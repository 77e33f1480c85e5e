"""What `deblur bench` found on this machine: how long a network takes in each precision. ``auto`` goes by it.

One JSON file holds an entry for each machine and network, so that machines with one home folder do not meet. An entry
counts for the version of OpenVINO and the weights that it was measured with. A file that is damaged counts as none.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from network.files import write_json
from network.processor import processor_name
from pipeline.system.machine import cores, cpu_features

FILE_VARIABLE = "DEBLUR_VERDICTS"
"""Environment variable that names another file; empty for none."""

BY_EXACTNESS = ("fp32", "fp16", "bf16", "int8")
"""The precisions that are measured, the most exact first."""

WORTH = 0.95
"""Share of the time of a more exact precision that a less exact one must stay below to be taken."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How long a network takes for a frame on a machine.

    Attributes:
        openvino: Version of OpenVINO.
        digest: Digest of the network's weights.
        milliseconds: Time for a frame in each precision that was measured, FP32 among them.
        date: Date of the measurement, as ISO 8601 writes it.
    """

    openvino: str
    digest: str
    milliseconds: dict[str, float]
    date: str

    @property
    def precision(self) -> str:
        """The fastest precision; of those that are about as fast, the most exact."""
        best = BY_EXACTNESS[0]
        for name in BY_EXACTNESS[1:]:
            if self.milliseconds.get(name, math.inf) < WORTH * self.milliseconds[best]:
                best = name
        return best

    def __str__(self) -> str:
        """The times in a few words, the shortest first."""
        times = sorted(self.milliseconds.items(), key=lambda item: item[1])
        return ", ".join(f"{name} {value:.1f} ms" for name, value in times)


def verdicts_file() -> Path | None:
    """The file of all verdicts, which need not be there; None if the environment wants none."""
    named = os.environ.get(FILE_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    from platformdirs import user_cache_path

    return user_cache_path("deblur-stream", appauthor=False) / "verdicts.json"


def read_verdict(network: str, openvino: str, digest: str) -> Verdict | None:
    """The verdict on a network on this machine; None where there is none that counts.

    Args:
        network: Name of the network.
        openvino: Version of OpenVINO that is to run it.
        digest: Digest of the network's weights.
    """
    try:
        verdict = Verdict(**_entries()[_key(network)])
        times = verdict.milliseconds
        is_sound = "fp32" in times and all(math.isfinite(value) and value > 0 for value in times.values())
    except (KeyError, TypeError, AttributeError):
        return None
    return verdict if is_sound and (verdict.openvino, verdict.digest) == (openvino, digest) else None


def keep_verdict(network: str, verdict: Verdict) -> Path | None:
    """Keeps a verdict in place of an earlier one; returns the file, or None if the environment wants none.

    Raises:
        OSError: If the file can't be written.
    """
    path = verdicts_file()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, _entries() | {_key(network): asdict(verdict)})
    return path


def _key(network: str) -> str:
    features = " ".join(name for name, has in cpu_features().items() if has)
    return f"{network} on {processor_name()}, {cores()} cores, {features}"


def _entries() -> dict[str, Any]:
    path = verdicts_file()
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
