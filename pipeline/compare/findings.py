"""What a comparison finds while frames pass by: curves, means, and the frames worth a look. Bounded in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.compare.curve import Curve
from pipeline.compare.measure import EDGE_MEASURES, change, gradient
from pipeline.compare.stops import Even, Extremes
from pipeline.pages.picture import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.compare.measure import Measure
    from pipeline.pages.picture import Encoded

EVEN, EXTREMES = 12, 3
"""Greatest number of frames in a page that are spread evenly, and of each kind of extreme."""

PICTURE_BYTES = 16_000_000
"""Size of all pictures of a page together, at most; as text in the page they take a third more."""

APART = 1.0
"""Seconds between two extremes of a kind, at least: the neighbours of an extreme frame look the same."""

MOST_CHANGED, LEAST_CHANGED = "changed most", "changed least"
MOST_GAINED, MOST_LOST = "gained most", "gained least or lost"

_ALONE = tuple(measure.name for measure in EDGE_MEASURES)
"""Measures that need no truth, so that the truth has them too."""


class Findings:
    """Curves of every measure, and frames worth a look.

    Attributes:
        names: Name of each video.
        measures: Measures that were taken, with a truth.
        curves: Curve of each measure, by its name, with a value for each of :meth:`videos`.
        even: Frames at equal distances.
        extremes: Frames of extreme change and, with a truth, of extreme gain of PSNR; by kind.
    """

    def __init__(self, names: Sequence[str], measures: Sequence[Measure], *, keeps_pictures: bool) -> None:
        """Begins empty.

        Args:
            names: Name of each video: two, or three with the truth last.
            measures: Measures of likeness to the truth; none without a truth.
            keeps_pictures: Whether frames are kept for a page.
        """
        self.names, self.measures = tuple(names), tuple(measures)
        self.curves = {name: Curve(len(names)) for name in _ALONE}
        self.curves |= {measure.name: Curve(2) for measure in measures}
        kinds = [MOST_CHANGED, LEAST_CHANGED] + [MOST_GAINED, MOST_LOST] * bool(measures)
        self._limit = PICTURE_BYTES // (len(names) * (EVEN + EXTREMES * len(kinds)))
        self._keeps = keeps_pictures
        self.even: Even[list[Encoded]] = Even(EVEN)
        self.extremes: dict[str, Extremes[list[Encoded]]] = {kind: Extremes(EXTREMES, APART) for kind in kinds}

    def see(self, time: float, pictures: Sequence[NDArray[np.uint8] | None]) -> None:
        """Takes the frames of one moment.

        Args:
            time: Time in seconds, later than all before.
            pictures: Picture of each video, RGB, uint8 (H, W, 3), of one size; only the truth's may be None.
        """
        before, after = pictures[:2]
        assert before is not None, "only the truth may be missing"
        assert after is not None, "only the truth may be missing"
        steepness = [None if picture is None else gradient(picture) for picture in pictures]
        for edges in EDGE_MEASURES:
            self.curves[edges.name].add(time, tuple(None if one is None else edges.of(one) for one in steepness))
        truth = pictures[2] if len(pictures) > 2 else None
        gain = None
        if truth is not None:
            for number, measure in enumerate(self.measures):
                values = measure.of(before, truth), measure.of(after, truth)
                self.curves[measure.name].add(time, values)
                gain = values[1] - values[0] if number == 0 else gain
        if not self._keeps:
            return

        # With a truth, only moments that it has are shown: a slider has the same pictures everywhere.
        shown = [picture for picture in pictures if picture is not None]
        if len(shown) < len(self.names):
            return
        kept: list[list[Encoded]] = []

        def make() -> list[Encoded]:
            if not kept:
                kept.append(encode(shown, self._limit))
            return kept[0]

        self.even.see(time, make)
        changed = change(before, after)
        self.extremes[MOST_CHANGED].see(time, changed, make)
        self.extremes[LEAST_CHANGED].see(time, -changed, make)
        if gain is not None:
            self.extremes[MOST_GAINED].see(time, gain, make)
            self.extremes[MOST_LOST].see(time, -gain, make)

    def videos(self, measure: str) -> tuple[str, ...]:
        """Names of the videos that a measure has values of: the truth is not compared with itself."""
        return self.names if measure in _ALONE else self.names[:2]

    def digits(self, measure: str) -> int:
        """Digits behind the point that a measure is shown with."""
        alone = {known.name: known.digits for known in EDGE_MEASURES}
        return (alone | {known.name: known.digits for known in self.measures})[measure]

    def rows(self) -> list[tuple[str, tuple[str, ...]]]:
        """The mean of each measure for each video, as text; empty text where there is none."""
        rows = []
        for name, curve in self.curves.items():
            means = [curve.mean(video) for video in range(len(self.videos(name)))]
            texts = ["" if mean is None else f"{mean:.{self.digits(name)}f}" for mean in means]
            rows.append((name, (*texts, *[""] * (len(self.names) - len(texts)))))
        return rows
