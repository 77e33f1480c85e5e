"""The arithmetic in which a network runs: the one asked for, or the fastest here that is still accurate."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import EngineError, UsageError
from pipeline.system.machine import cpu_features

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.engines.openvino_network import Network

_log = logging.getLogger("deblur.engines")

PRECISIONS = ("auto", "fp32", "int8", "bf16")
"""Precisions that may be asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The precision that ``auto`` chooses on a processor.

    Attributes:
        precision: ``int8`` or ``fp32``.
        reason: Reason in a few words.
    """

    precision: str
    reason: str


INT8_FEATURES = ("AMX", "VNNI", "AVX2")
"""Instruction sets with which INT8 is faster than FP32, the fastest first; AMX was not measured.

With AMX or VNNI, products of 8 bits are added in 32 bits. With AVX2 they are added by twos in 16 bits, which could stop
at their end; `tests/pipeline/engines/test_overflow.py` looks whether they do.
"""


def choose(features: Mapping[str, bool | None] | None = None) -> Choice:
    """The precision of a network that has an INT8 form: INT8 where that is faster.

    Args:
        features: Instruction sets, as :func:`pipeline.system.machine.cpu_features` gives them; None for this machine's.
    """
    known = cpu_features() if features is None else features
    for name in INT8_FEATURES:
        if known.get(name):
            return Choice("int8", f"the processor has {name}")
    if known.get("AVX2") is None:
        return Choice("fp32", "the system does not tell what the processor has for 8-bit sums")
    return Choice("fp32", f"the processor has none of {', '.join(INT8_FEATURES)}")


def int8_form(
    original: Path,
    quantised: Path | None,
    precision: str,
    features: Mapping[str, bool | None] | None = None,
) -> Network | None:
    """Reads the INT8 form of a network if that is to be run, else None.

    Args:
        original: File of the network in FP32.
        quantised: INT8 form of the network; None if there is none.
        precision: One of :data:`PRECISIONS`.
        features: Instruction sets, as :func:`choose` takes them.

    Raises:
        UsageError: If INT8 was asked for and there is none.
        EngineError: If INT8 was asked for and its file is damaged, or was made from other weights than ``original``.
    """
    if precision not in {"auto", "int8"}:
        return None
    if precision == "auto" and (quantised is None or choose(features).precision != "int8"):
        return None
    if quantised is None:
        raise UsageError(f"{original.stem} comes without INT8; choose `precision` fp32", field="precision")
    from pipeline.engines.openvino_network import read_digest, read_network

    try:
        network = read_network(quantised)
        if network.digest != read_digest(original):
            raise EngineError(
                f"{quantised.name} was made from other weights than {original.name}; make it again with "
                "`deblur export --shipped --int8`"
            )
    except EngineError as error:
        if precision == "int8":
            raise
        _log.warning(f"{error}; running in fp32")
        return None
    return network
