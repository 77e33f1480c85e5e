"""In which arithmetic a network runs: what was asked for, or what is fast here without becoming wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.machine import cpu_features

if TYPE_CHECKING:
    from collections.abc import Mapping

PRECISIONS = ("auto", "fp32", "int8", "bf16")
"""What may be asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``auto`` means on a processor.

    Attributes:
        precision: ``int8`` or ``fp32``.
        reason: In a few words.
    """

    precision: str
    reason: str


def choose(features: Mapping[str, bool | None] | None = None) -> Choice:
    """What a network that there is in INT8 too runs in.

    INT8 where the processor adds products of 8 bits in 32 bits (VNNI, AMX). Others add two products in 16 bits, where
    large sums stop at the end of the range, and the result is wrong in places.

    Args:
        features: As :func:`pipeline.machine.cpu_features` gives them; None asks for this machine's.
    """
    known = cpu_features() if features is None else features
    for name in ("AMX", "VNNI"):
        if known.get(name):
            return Choice("int8", f"the processor has {name}")
    if known.get("VNNI") is None:
        return Choice("fp32", "the system does not tell whether the processor has VNNI")
    return Choice("fp32", "without VNNI or AMX, 8-bit sums would overflow")


def overflows(features: Mapping[str, bool | None] | None = None) -> bool:
    """Whether INT8 is known to be inexact on a processor; arguments as for :func:`choose`."""
    known = cpu_features() if features is None else features
    return known.get("VNNI") is False and not known.get("AMX")
