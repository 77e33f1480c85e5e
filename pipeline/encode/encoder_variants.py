"""Forms of a plan to try where an encoder does not take the first: another clock, an even size."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av

    from pipeline.encode.encoder_plan import EncoderPlan


def variants(plan: EncoderPlan, encoder: av.Codec, *, fixed_rate: bool) -> Iterator[EncoderPlan]:
    """Yields the plan, then variants to try where an encoder does not take the time base or an odd size."""
    rate = plan.rate.limit_denominator(10_000)
    while rate.numerator > 65_000:
        rate = rate.limit_denominator(max(rate.denominator // 2, 1))
        if rate.denominator == 1:
            break
    rates = [Fraction(known.numerator, known.denominator) for known in encoder.frame_rates or ()]
    if rates and not fixed_rate:
        rate = min(rates, key=lambda known: abs(known - plan.rate))
    elif rates:
        # A slower one has no room for all frames.
        rates = [known for known in rates if known >= plan.rate * Fraction(999, 1000)]
        if not rates:
            return
        rate = min(rates)
    counted = replace(plan, rate=rate, time_base=1 / rate, counts_frames=True)
    clocks = (counted,) if fixed_rate else (plan, counted)
    yield from clocks
    width, height = plan.width + plan.width % 2, plan.height + plan.height % 2
    if (width, height) != (plan.width, plan.height):
        text = f"{plan.encoder} needs even sizes; padded from {plan.width}x{plan.height} to {width}x{height}"
        note = Note(NoteCode.SIZE_PADDED, text)
        for clock in clocks:
            yield replace(clock, width=width, height=height, notes=(*plan.notes, note))


def nominal_rate(rate: Fraction | None) -> Fraction:
    """The frame rate that an encoder is told: a hint, which never has to be exact."""
    # Files whose tracks lie about it say hundreds of frames a second.
    return rate if rate and 1 <= rate <= 240 else Fraction(25 if not rate else 60)
