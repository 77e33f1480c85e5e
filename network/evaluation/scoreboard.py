"""Gathers scores, and puts them into tables and files.

The first image's time is left out as warm-up, unless it is the only one.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from torch import nn

from network.cost import multiply_adds, parameters
from network.evaluation.evaluate import CONVENTION, Score, score
from network.evaluation.temporal import SteadinessMeter
from network.files import replace_atomically, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from network.evaluation.evaluate import Candidate, Deblurred
    from network.evaluation.runners import PlaneEngine
    from network.evaluation.temporal import Steadiness

BLURRED, SHARP = "blurred input", "ground truth"

WORSE = 0.1
"""Loss of PSNR in dB beyond which an image was made worse."""

SEEN = (
    "frames: mean number of frames that the network saw to make one; the first and the last of a sequence have a "
    "neighbour less"
)

TIMING = (
    "s/image: median, the first image left out as warm-up unless it is the only one; of the network alone, or with "
    "optical flow and alignment for one over time"
)

WARPING = (
    "Warping error: mean squared difference, colours in [0, 1], between a frame and the next one warped back along the "
    "ground truth's DIS flow, where forward and backward flow agree (Lai et al. 2018); excess: less the ground "
    "truth's; flicker: mean absolute change of mean luma from frame to frame, in codes"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. None where a figure makes no sense.

    Attributes:
        method: ``blurred input``, a candidate's name, or ``ground truth``.
        frames: Mean number of frames that the network saw to make one.
        psnr: Mean PSNR, in dB.
        gain: Mean PSNR gained over the blurred input, in dB.
        least_gain: Least PSNR gained on an image, in dB.
        made_worse: Number of images whose PSNR fell by more than :data:`WORSE`.
        detail: Mean detail PSNR, in dB.
        detail_gain: Mean detail PSNR gained, in dB.
        ssim: Mean SSIM.
        brightness: Mean of the picture less the ground truth, in codes of 255.
        seconds_median: Median time of the network on an image, in seconds.
        seconds_mean: Mean time of the network on an image, in seconds.
        parameters: Number of the network's parameters, those that only training uses included.
        gmac: Multiply-adds for a whole image at once, in thousand millions.
        warping_error: Mean warping error over the sequences, for colours in [0, 1].
        warping_excess: Warping error less that of the ground truth.
        flicker: Mean absolute change of mean luma from frame to frame, in codes of 255.
    """

    method: str
    frames: float | None = None
    psnr: float | None = None
    gain: float | None = None
    least_gain: float | None = None
    made_worse: int | None = None
    detail: float | None = None
    detail_gain: float | None = None
    ssim: float | None = None
    brightness: float | None = None
    seconds_median: float | None = None
    seconds_mean: float | None = None
    parameters: int | None = None
    gmac: float | None = None
    warping_error: float | None = None
    warping_excess: float | None = None
    flicker: float | None = None


_COLUMNS = (
    ("frames", "frames", "{:.2f}"),
    ("PSNR", "psnr", "{:.2f}"),
    ("gain", "gain", "{:+.2f}"),
    ("least gain", "least_gain", "{:+.2f}"),
    (f"worse by {WORSE:g} dB", "made_worse", "{}"),
    ("detail", "detail", "{:.2f}"),
    ("detail gain", "detail_gain", "{:+.2f}"),
    ("SSIM", "ssim", "{:.4f}"),
    ("brightness", "brightness", "{:+.2f}"),
    ("s/image", "seconds_median", "{:.3f}"),
    ("parameters", "parameters", "{:,}"),
    ("GMAC/image", "gmac", "{:.1f}"),
)
_VIDEO_COLUMNS = (
    ("warping error", "warping_error", "{:.2e}"),
    ("excess", "warping_excess", "{:+.2e}"),
    ("flicker", "flicker", "{:.2f}"),
)


class Scoreboard:
    """The scores of several networks on one set of samples.

    Args:
        candidates: The networks.
        video: Whether to measure how steady sequences are: flow-warping error and flicker.

    Attributes:
        scores: Scores, one for each sample and candidate, in their order.
    """

    def __init__(self, candidates: Sequence[Candidate], *, video: bool = False) -> None:
        self.candidates = tuple(candidates)
        self.scores: list[Score] = []
        self._meter = SteadinessMeter(1 + len(candidates)) if video else None
        self._shapes: list[tuple[int, int]] = []

    def add(self, result: Deblurred) -> list[Score]:
        """Scores one result, and keeps its figures; frames of a sequence must come one after the other, in order.

        Raises:
            DataError: If frames of a sequence differ in size or are too small for optical flow.
        """
        found = score(result, self.candidates)
        self.scores += found
        height, width = result.sample.sharp.shape[:2]
        self._shapes.append((height, width))
        if self._meter is not None:
            self._meter.add(result.sample.sequence, result.sample.sharp, (result.sample.blurred, *result.outputs))
        return found

    @property
    def images(self) -> int:
        """Number of samples so far."""
        return len(self._shapes)

    @property
    def steadiness(self) -> dict[str, dict[str, Steadiness]]:
        """How steady each sequence is, by row of the table; empty without ``video``."""
        if self._meter is None:
            return {}
        names = (SHARP, BLURRED, *(candidate.name for candidate in self.candidates))
        return {sequence: dict(zip(names, found, strict=True)) for sequence, found in self._meter.by_sequence.items()}

    def rows(self) -> list[Row]:
        """The table: the blurred input, every candidate, and, where sequences were measured, the ground truth.

        Raises:
            ValueError: If there is no sample.
        """
        if not self.scores:
            raise ValueError("a table needs at least one sample")
        blurred = self.scores[:: len(self.candidates)]  # every candidate's scores tell the blurred side's
        before = Row(
            BLURRED,
            psnr=fmean(score.blurred_psnr for score in blurred),
            detail=fmean(score.blurred_detail for score in blurred),
            ssim=fmean(score.blurred_ssim for score in blurred),
            brightness=fmean(score.blurred_brightness for score in blurred),
            **self._steadiness(1),
        )
        rows = [before, *(self._row(index) for index in range(len(self.candidates)))]
        if steadiness := self._steadiness(0):
            rows.append(Row(SHARP, **steadiness))
        return rows

    def _row(self, index: int) -> Row:
        candidate = self.candidates[index]
        scores = self.scores[index :: len(self.candidates)]
        seconds = [score.seconds for score in scores[1:] or scores]
        return Row(
            candidate.name,
            frames=fmean(score.frames for score in scores),
            psnr=fmean(score.psnr for score in scores),
            gain=fmean(score.gain for score in scores),
            least_gain=min(score.gain for score in scores),
            made_worse=sum(score.gain < -WORSE for score in scores),
            detail=fmean(score.detail for score in scores),
            detail_gain=fmean(score.detail_gain for score in scores),
            ssim=fmean(score.ssim for score in scores),
            brightness=fmean(score.brightness for score in scores),
            seconds_median=median(seconds),
            seconds_mean=fmean(seconds),
            **self._cost(candidate.network),
            **self._steadiness(2 + index),
        )

    def _cost(self, network: nn.Module | PlaneEngine) -> dict[str, Any]:
        """Parameters and multiply-adds; of an engine's network, neither is known."""
        if not isinstance(network, nn.Module):
            return {}
        macs = {(height, width): multiply_adds(network, height, width) for height, width in set(self._shapes)}
        return {"parameters": parameters(network), "gmac": fmean(macs[shape] for shape in self._shapes) / 1e9}

    def _steadiness(self, version: int) -> dict[str, Any]:
        means = self._meter.mean if self._meter is not None else ()
        if not means:
            return {}
        sharp, found = means[0], means[version]
        excess = found.warping_error - sharp.warping_error if version else None
        return {"warping_error": found.warping_error, "warping_excess": excess, "flicker": found.flicker}


def markdown(rows: Sequence[Row], caption: str) -> str:
    """The rows as a markdown table with a line on what was measured above and the conventions below.

    Args:
        rows: Rows from :meth:`Scoreboard.rows`.
        caption: Caption with the set, the number of images and the device.
    """
    video = any(row.warping_error is not None for row in rows)
    columns = _COLUMNS + (_VIDEO_COLUMNS if video else ())
    lines = [
        f"| method | {' | '.join(heading for heading, _, _ in columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for row in rows:
        values = [(getattr(row, field), form) for _, field, form in columns]
        cells = ["" if value is None else form.format(value) for value, form in values]
        lines.append(f"| {row.method} | {' | '.join(cells)} |")
    notes = [CONVENTION, SEEN, TIMING, *([WARPING] if video else [])]
    return f"{caption}\n\n" + "\n".join(lines) + "\n\n" + ". ".join(notes) + ".\n"


def write_scores(board: Scoreboard, out: Path, facts: dict[str, Any]) -> None:
    """Writes ``scores.csv`` (a row an image and network), ``scores.json`` (all there is) and nothing else.

    Args:
        board: Scores of at least one sample.
        out: Folder of the files; made if missing.
        facts: Further facts for the JSON, such as the weights' digests.
    """
    out.mkdir(parents=True, exist_ok=True)
    images = [asdict(score) | {"gain": score.gain, "detail_gain": score.detail_gain} for score in board.scores]
    with (
        replace_atomically(out / "scores.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, images[0].keys())
        writer.writeheader()
        writer.writerows(images)
    summary = {
        "convention": CONVENTION,
        "timing": TIMING,
        **facts,
        "rows": [asdict(row) for row in board.rows()],
        "sequences": {
            name: {row: asdict(found) for row, found in rows.items()} for name, rows in board.steadiness.items()
        },
        "images": images,
    }
    write_json(out / "scores.json", summary)
