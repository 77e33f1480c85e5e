"""How far from FP32 an engine may be: what is found when both run the same samples, and the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

MIN_PSNR = 55.0
"""Lowest PSNR of a sample in dB, against the highest code of the depth. FP16 gives 64 and more; other weights, 30."""

MAX_WORST = 2 / 255
"""Greatest error of a single sample, as a share of the codes that the depth has."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between an engine and its reference on one sample.

    Attributes:
        name: Name of the sample.
        worst: Greatest difference of a value, in codes.
        psnr: PSNR in dB against the highest code of the depth; infinite where nothing differs.
    """

    name: str
    worst: int
    psnr: float

    @classmethod
    def of(cls, name: str, worst: float, mean_square: float, highest: int) -> Difference:
        """The difference of a greatest error and a mean of squared errors, both in codes."""
        psnr = 10 * math.log10(highest**2 / mean_square) if mean_square else math.inf
        return cls(name, math.ceil(worst), psnr)


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences between an engine and its reference on all samples.

    Attributes:
        differences: Differences, one for each sample.
        highest: The highest code.
        not_finite: Names of the samples for which the engine computed NaN or infinity, before any rounding.
        reference: What the engine was compared with, in words.
    """

    differences: tuple[Difference, ...]
    highest: int
    not_finite: tuple[str, ...] = ()
    reference: str = "PyTorch's FP32"

    @property
    def worst(self) -> Difference:
        """The sample with the greatest difference of a value."""
        return max(self.differences, key=lambda difference: difference.worst)

    @property
    def lowest(self) -> Difference:
        """The sample with the lowest PSNR."""
        return min(self.differences, key=lambda difference: difference.psnr)

    @property
    def problem(self) -> str:
        """Reason why the engine must not be used, in one line; empty if it may be used."""
        highest = self.highest
        if self.not_finite:
            return f"the engine computes NaN or infinity ({', '.join(self.not_finite)})"
        if not self.lowest.psnr >= MIN_PSNR:  # NaN is no pass
            low = self.lowest
            return f"the engine is {low.psnr:.1f} dB from {self.reference} ({low.name}); at least {MIN_PSNR:.0f} is due"
        if self.worst.worst > MAX_WORST * highest:
            off = f"{self.worst.worst} of {highest} codes"
            return (
                f"the engine is {off} off {self.reference} ({self.worst.name}); {MAX_WORST * highest:.0f} are the most"
            )
        return ""

    def __str__(self) -> str:
        """The figures in one line."""
        worst, low = self.worst, self.lowest
        psnr = "identical" if math.isinf(low.psnr) else f"{low.psnr:.1f} dB at least ({low.name})"
        return f"worst value {worst.worst} codes off ({worst.name}), {psnr}"
