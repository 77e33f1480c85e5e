"""What weights must reach on the evaluation sets, for `quality.py`."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from network.evaluation.scoreboard import BLURRED, SHARP, WORSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GAINS = {
    ("reds/000", "both"): 2.92,
    ("reds/001", "both"): 2.58,
    ("reds_small/000", "both"): 1.75,
    ("reds_small/001", "both"): 1.61,
    ("reds/000", "none"): 1.97,
    ("reds/001", "none"): 1.50,
    ("reds/000", "previous"): 2.78,
}
"""PSNR in dB that the weights gained when they came out of their training, by set and neighbours."""

TOLERANCE = 0.03
"""PSNR in dB that may be lost of :data:`GAINS`."""
SHARP_MEAN, SHARP_LEAST = 40.0, 34.0
"""PSNR in dB that sharp pictures must have against themselves: on average in each set, and each of them."""
BRIGHTNESS = 1.5
"""Codes by which a result may be too bright or too dark where the blurred input is not."""
INT8_LOSS, INT8_SHARP_LOSS = 0.05, 0.1
"""PSNR in dB that INT8 may lose against FP32: on blurred and on sharp pictures."""

Found = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One demand.

    Attributes:
        name: Description of the demand.
        holds: Whether it holds everywhere.
        worst: Place where it holds least, or fails most, with the figure.
        fails: Every place where it does not hold, with the figure.
    """

    name: str
    holds: bool
    worst: str
    fails: list[str]


def bars(found: Found) -> list[Bar]:
    """Which demands hold.

    Args:
        found: Figures as ``quality.py`` gathers them. The first candidate is the one that must hold; INT8 is compared
            with it.
    """
    sets, sharp, clips = found["sets"], found["sharp"], found["clips"]
    in_order = [each for each in sets if each["neighbours"] == "both"]
    checked = [
        _bar(f"gains at least what the weights had, less {TOLERANCE:g} dB", _gains(sets), "{:+.3f} dB"),
        _bar(
            f"no frame is made worse by more than {WORSE:g} dB",
            ((_place(each), row["least_gain"], row["least_gain"] + WORSE) for each, _, row in _rows(sets)),
            "{:+.2f} dB",
        ),
        _bar(
            f"sharp pictures keep {SHARP_MEAN:g} dB against themselves on average",
            ((_place(each), row["psnr"], row["psnr"] - SHARP_MEAN) for each, row in _first(sharp)),
            "{:.2f} dB",
        ),
        _bar(
            f"no sharp picture has less than {SHARP_LEAST:g} dB against itself",
            ((_place(each), row["least"], row["least"] - SHARP_LEAST) for each, row in _first(sharp)),
            "{:.2f} dB",
        ),
        _bar(
            f"brightness is no further off than the blurred input's, or than {BRIGHTNESS:g} codes",
            (
                (_place(each), row["brightness"], max(abs(before["brightness"]), BRIGHTNESS) - abs(row["brightness"]))
                for each, before, row in _rows(sets)
            ),
            "{:+.2f} codes",
        ),
        *_steady("flicker is not above the blurred input's, in order", "flicker", in_order, "{:.2f} codes"),
        *_steady("warping error is not above the blurred input's, in order", "warping_error", in_order, "{:.3e}"),
        *_steady("flicker of clips is not above the input's", "flicker", clips, "{:.2f} codes"),
        *_steady("warping error of clips is not above the input's", "warping_error", clips, "{:.3e}"),
    ]
    return checked + list(_quantised(sets, sharp))


def _gains(sets: list[Found]) -> Iterator[tuple[str, float, float]]:
    for each, _, row in _rows(sets):
        wanted = GAINS.get((each["set"], each["neighbours"]))
        if wanted is not None:
            yield _place(each), row["gain"], row["gain"] - wanted + TOLERANCE


def _steady(name: str, figure: str, sets: list[Found], form: str) -> Iterator[Bar]:
    found = [
        (_place(each), row[figure], before[figure] - row[figure])
        for each, before, row in _rows(sets)
        if row[figure] is not None
    ]
    if found:
        yield _bar(name, found, form)


def _quantised(sets: list[Found], sharp: list[Found]) -> Iterator[Bar]:
    """INT8 against the first candidate, over all sequences of a folder seen in the same way."""
    for name, cases, limit in (
        ("blurred pictures", [each for each in sets if each["set"].startswith("reds")], INT8_LOSS),
        ("sharp pictures", sharp, INT8_SHARP_LOSS),
    ):
        losses: dict[str, list[float]] = {}
        for each in cases:
            rows = {row["method"]: row["psnr"] for row in each["rows"] if row["method"] not in {BLURRED, SHARP}}
            first, *_ = rows.values()
            for method, value in rows.items():
                if method.endswith("int8"):
                    place = f"{each['set'].partition('/')[0]}, {WAYS[each['neighbours']]}"
                    losses.setdefault(place, []).append(first - value)
        if losses:
            means = [(place, fmean(values), limit - fmean(values)) for place, values in losses.items()]
            yield _bar(f"INT8 loses at most {limit:g} dB of {name} against FP32", means, "{:+.3f} dB")


WAYS = {"both": "in order", "previous": "no next frame", "none": "single pictures"}
"""How the neighbours that a network sees are named in tables."""


def _place(each: Found) -> str:
    return f"{each['set']}, {WAYS[each['neighbours']]}" if "neighbours" in each else str(each["set"])


def _rows(sets: list[Found]) -> Iterator[tuple[Found, Found, Found]]:
    """Each set with its row of the blurred input and that of the first candidate."""
    for each in sets:
        yield each, each["rows"][0], each["rows"][1]


def _first(sharp: list[Found]) -> Iterator[tuple[Found, Found]]:
    for each in sharp:
        yield each, each["rows"][0]


def _bar(name: str, figures: Iterable[tuple[str, float, float]], form: str) -> Bar:
    """A demand by what it finds in each place: the figure, and by how much it holds (negative where it fails)."""
    ordered = sorted(figures, key=lambda one: one[2])
    told = [f"{place}: {form.format(figure)}" for place, figure, _ in ordered]
    fails = [text for text, (_, _, room) in zip(told, ordered, strict=True) if room < 0]
    return Bar(name, not fails, told[0] if told else "not measured", fails)
