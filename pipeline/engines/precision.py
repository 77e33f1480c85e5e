"""The arithmetic in which a network runs: the one asked for, or the fastest here that is still accurate."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engines.verdicts import read_verdict
from pipeline.errors import EngineError, UsageError
from pipeline.system.machine import cpu_features

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.engines.openvino_network import Network
    from pipeline.engines.verdicts import Verdict

_log = logging.getLogger("deblur.engines")

PRECISIONS = ("auto", "fp32", "int8", "bf16", "fp16")
"""Precisions that may be asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The precision that ``auto`` chooses on a processor.

    Attributes:
        precision: One of :data:`PRECISIONS`, but ``auto``.
        reason: Reason in a few words.
        is_measured: Whether it was measured on this machine.
    """

    precision: str
    reason: str
    is_measured: bool = False


INT8_FEATURES = ("AMX", "VNNI", "AVX2")
"""Instruction sets with which INT8 is taken to be faster than FP32 where nothing was measured, the fastest first.

With AMX or VNNI, products of 8 bits are added in 32 bits. With AVX2 they are added by twos in 16 bits, which could stop
at their end; `tests/pipeline/engines/test_overflow.py` looks whether they do.
"""


def choose(original: Path | None = None, features: Mapping[str, bool | None] | None = None) -> Choice:
    """The precision of a network that has an INT8 form: the fastest by `deblur bench`, else by what the processor has.

    Args:
        original: File of the network in FP32; None if nothing measured is to count.
        features: Instruction sets, as :func:`pipeline.system.machine.cpu_features` gives them; None for this machine's.
    """
    verdict = None if original is None else _verdict(original)
    if verdict is not None:
        return Choice(verdict.precision, f"measured on {verdict.date}: {verdict} a frame", is_measured=True)
    known = cpu_features() if features is None else features
    for name in INT8_FEATURES:
        if known.get(name):
            return Choice("int8", f"the processor has {name}")
    if known.get("AVX2") is None:
        return Choice("fp32", "the system does not tell what the processor has for 8-bit sums")
    return Choice("fp32", f"the processor has none of {', '.join(INT8_FEATURES)}")


def _verdict(original: Path) -> Verdict | None:
    """What was measured of a network, if OpenVINO computes here in what is the fastest by that."""
    from pipeline.engines.openvino_core import computes_in, openvino_version
    from pipeline.engines.openvino_network import read_digest

    with suppress(EngineError):
        verdict = read_verdict(original.stem, openvino_version(), read_digest(original))
        if verdict is not None and computes_in(verdict.precision):
            return verdict
    return None


def int8_form(original: Path, quantised: Path | None, *, required: bool) -> Network | None:
    """Reads the INT8 form of a network.

    Args:
        original: File of the network in FP32.
        quantised: INT8 form of the network; None if there is none.
        required: Whether a form that is damaged, or of other weights than ``original``, is an error. Else a line says
            so, and the result is None.

    Raises:
        UsageError: If there is none.
        EngineError: If it is required and can't be had.
    """
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
        if required:
            raise
        _log.warning(f"{error}; running in fp32")
        return None
    return network
