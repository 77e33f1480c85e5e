"""The figures of `quality.py` as a page in markdown."""

from __future__ import annotations

from textwrap import fill
from typing import Any

from quality_bars import WAYS

from network.evaluation.evaluate import CONVENTION
from network.evaluation.scoreboard import BLURRED, SEEN, SHARP, WARPING, WORSE

Found = dict[str, Any]

WIDTH = 120
"""Columns of a line of text."""

PAGE = """\
# Quality

{made}

{bars}

## Blurred input

**REDS is blur averaged from real high-rate video**, with interpolated frames between: close to a camera's own blur, but
not one. *In order*: each frame with the one before and the one after, the first and the last with one of them. *No next
frame*: as with `--look-ahead 0`. *Single pictures*: each frame by itself. The strokes are straight, of linear light,
without noise, on {photos} photographs.

{blurred}

{notes}

## Sharp input

PSNR of the result against the input, in dB. The sharp sides of sequences are seen in order.

{sharp}
{precisions}{clips}"""

_COLUMNS = (
    ("PSNR", "psnr", "{:.2f}"),
    ("gain", "gain", "{:+.2f}"),
    ("least", "least_gain", "{:+.2f}"),
    ("worse", "made_worse", "{}"),
    ("detail", "detail", "{:.2f}"),
    ("gain", "detail_gain", "{:+.2f}"),
    ("SSIM", "ssim", "{:.4f}"),
    ("brightness", "brightness", "{:+.2f}"),
    ("flicker", "flicker", "{:.2f}"),
    ("warping error", "warping_error", "{:.2e}"),
)


def page(found: Found) -> str:
    """The page.

    Args:
        found: Figures as ``quality.py`` gathers them, and ``bars``.
    """
    machine = found["machine"]
    features = ", ".join(name for name, has in machine["features"].items() if has)
    photos = next(each["images"] for each in found["sharp"] if each["set"] == "photos")
    processor = f"{machine['processor']} ({features})" if features else machine["processor"]
    made = (
        f"Made by `{found['command']}`: weights {found['weights'][:12]} of `{found['network']}`, {_method(found)}, on "
        f"{processor}. [JSON](data/quality.json)."
    )
    notes = f"{CONVENTION}. {SEEN[0].upper()}{SEEN[1:]}. {WARPING}. Worse: frames that lost more than {WORSE:g} dB."
    return PAGE.format(
        made=fill(made, WIDTH),
        notes=fill(notes, WIDTH),
        bars=_bars(found["bars"]),
        photos=photos,
        blurred=_blurred(found["sets"]),
        sharp=_table(
            ["set", "images", "mean", "least"],
            [
                [each["set"], str(each["images"]), f"{each['rows'][0]['psnr']:.2f}", f"{each['rows'][0]['least']:.2f}"]
                for each in found["sharp"]
            ],
        ),
        precisions=_precisions(found["sets"], found["sharp"]),
        clips=_clips(found["clips"]),
    )


def _method(found: Found) -> str:
    versions = found["machine"]["versions"]
    first = found["sets"][0]["rows"][1]
    name, parameters = first["method"], first["parameters"]
    library = "PyTorch" if parameters else "OpenVINO"
    version = versions.get("torch" if parameters else "openvino", "")
    return f"{name.rpartition(' ')[2].upper()} in {library} {version.partition('-')[0]}, Python {versions['python']}"


def _bars(bars: list[Found]) -> str:
    rows = [
        [bar["name"], "yes" if bar["holds"] else "**no**", bar["worst"] if bar["holds"] else "; ".join(bar["fails"])]
        for bar in bars
    ]
    return _table(["demand", "holds", "closest, or where it fails"], rows, left=3)


def _blurred(sets: list[Found]) -> str:
    """A row for the blurred input of each set, one for each way in which it was seen, and one for the ground truth."""
    rows: list[list[str]] = []
    for name in dict.fromkeys(each["set"] for each in sets):
        ways = [each for each in sets if each["set"] == name]
        blurred, *others = ways[0]["rows"]
        rows.append([f"**{name}**, {ways[0]['images']} images", BLURRED, "", *_cells(blurred)])
        rows += [
            ["", WAYS[way["neighbours"]], f"{way['rows'][1]['frames']:.2f}", *_cells(way["rows"][1])] for way in ways
        ]
        rows += [["", SHARP, "", *_cells(row)] for row in others if row["method"] == SHARP]
    return _table(["set", "", "frames", *(heading for heading, _, _ in _COLUMNS)], rows, left=2)


def _cells(row: Found) -> list[str]:
    return ["" if row[field] is None else form.format(row[field]) for _, field, form in _COLUMNS]


def _precisions(sets: list[Found], sharp: list[Found]) -> str:
    """What other precisions lose; nothing where there is only one."""
    methods = [row["method"] for row in sharp[0]["rows"]]
    if len(methods) < 2:
        return ""
    rows = []
    for title, group in (("", sets), (", sharp", sharp)):
        for each in group:
            values = [next(row["psnr"] for row in each["rows"] if row["method"] == method) for method in methods]
            losses = [f"{value - values[0]:+.3f}" for value in values[1:]]
            rows.append([f"{each['set']}{title}", WAYS[each["neighbours"]], f"{values[0]:.2f}", *losses])
    heading = "\n## Other precisions\n\nPSNR in dB, and the difference from the first column.\n\n"
    return heading + _table(["set", "", *methods], rows, left=2) + "\n"


def _clips(clips: list[Found]) -> str:
    """How steady clips are; nothing where none was measured."""
    if not clips:
        return ""
    rows = []
    for clip in clips:
        pairs = [[form.format(row[field]) for row in clip["rows"]] for _, field, form in _COLUMNS[-2:]]
        rows.append([f"`{clip['set']}`", str(clip["images"]), *pairs[0], *pairs[1]])
    heading = (
        "\n## Clips\n\nHow steady clips are before and after. There is no ground truth, so the motion is that of the "
        "input.\n\n"
    )
    headings = ["clip", "frames", "flicker before", "after", "warping error before", "after"]
    return heading + _table(headings, rows) + "\n"


def _table(headings: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A table in markdown, whose first columns are aligned to the left."""
    rule = ["--"] * left + ["-:"] * (len(headings) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
