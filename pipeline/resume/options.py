"""How a video is cut into segments."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 30.0
"""Of video in a segment where nobody says otherwise: what a crash costs at most, against about a second a segment in
which the engine waits for the encoder to finish."""


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How a video is cut, and what becomes of work that an earlier run left.

    Attributes:
        seconds: Of video in a segment at least, above 0; the cut is at the next keyframe, or after twice the time.
        fresh: Throw away what an earlier run left.
        always: Cut even where the video is no longer than one segment.
        settings: What shapes the frames besides the input, the engine's facts and the options of source and sink, such
            as ``{"strength": "0.5"}``: an earlier run's work counts only if these were the same.
    """

    seconds: float = SECONDS
    fresh: bool = False
    always: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Checks the length."""
        if not self.seconds > 0:
            raise ValueError(f"a segment is longer than nothing, not {self.seconds} s")
