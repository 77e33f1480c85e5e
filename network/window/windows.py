"""Windows: the frames that a network over time looks at to make one of them.

Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Windows = NDArray[np.intp]
    """(N, frames of a window): for each frame to make, the places in a batch of its frames, in the order of time. The
    present frame is at place ``Window.before`` of a row. A neighbour that is missing is :data:`MISSING`."""

MISSING = -1
"""Place of a neighbour that does not exist."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many neighbours of a frame a network looks at.

    Attributes:
        before: Number of frames before the present one, at least 0.
        after: Number of frames after it, at least 0.

    Raises:
        ValueError: If a number is below 0.

    Example:
        >>> Window(1, 1).frames
        3
    """

    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        if min(self.before, self.after) < 0:
            raise ValueError(f"a window has no fewer than 0 neighbours, not {self.before} and {self.after}")

    @property
    def frames(self) -> int:
        """Number of frames of a window, the present one included."""
        return self.before + 1 + self.after

    def alone(self, frames: int) -> Windows:
        """Windows of frames that have no neighbours, such as photographs.

        Args:
            frames: Number of frames of the batch, each of which is to be made.
        """
        windows = np.full((frames, self.frames), MISSING, np.intp)
        windows[:, self.before] = np.arange(frames)
        return windows

    def consecutive(self, frames: int, first: int = 0, count: int | None = None) -> Windows:
        """Windows of frames that follow each other in a batch; what lies outside of the batch is missing.

        Args:
            frames: Number of frames of the batch.
            first: Place of the first frame to make.
            count: Number of frames to make; None for all from ``first`` on.
        """
        present = np.arange(first, frames if count is None else first + count)
        windows = present[:, None] + np.arange(-self.before, self.after + 1)
        return np.where((windows >= 0) & (windows < frames), windows, MISSING).astype(np.intp)


SEEING = (Window(0, 0), Window(1, 1))
"""Windows that networks of this package, and in files, may have."""
