"""One of the videos to compare: its frames with their times, and their pictures as a player shows them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from pipeline.compare.match import Timed
from pipeline.decode.source import VideoSource
from pipeline.media.reformatter import Reformatter
from pipeline.media.rgb import rgb_of, upright
from pipeline.pages.picture import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av.stream import Stream
    from numpy.typing import NDArray

    from pipeline.job import SourceOptions


class Film:
    """A video that is open.

    Attributes:
        source: The video as the rest of the program reads it.
        shift: Seconds that are added to its times.
    """

    def __init__(self, path: Path, options: SourceOptions, shift: Fraction = Fraction(0)) -> None:
        """Opens the video.

        Raises:
            InputError: If it can't be read.
            LimitError: If it exceeds a limit.
        """
        self.source = VideoSource(path, options)
        self.shift = shift
        # A part begins at zero, wherever it was cut out, and that is at another frame of each video.
        self._shift = shift + (self.source.beginning.zero if self.source.info.is_shifted else 0)
        self._reformatter = Reformatter()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture as it is shown, in pixels."""
        spec = self.source.info.spec
        shape = upright(np.empty((spec.height, spec.width), np.bool_), self.source.info.display_matrix).shape
        return shape[1], shape[0]

    @property
    def first_time(self) -> Fraction:
        """Time of the first frame in seconds."""
        info = self.source.info
        # The first frame that is decoded lies before a start that is no keyframe.
        return self._shift if info.is_shifted else info.first_frame.pts * info.time_base + self._shift

    def frames(
        self, on_packet: Callable[[av.Packet[Stream]], None] = lambda _packet: None
    ) -> Iterator[Timed[av.VideoFrame]]:
        """Yields the frames in order, once.

        Args:
            on_packet: Function that is given the packets of all other streams, in between.
        """
        for event in self.source.events():
            if isinstance(event, av.Packet):
                on_packet(event)
                continue
            assert event.pts is not None, "the decoder sets it"
            assert event.time_base is not None, "the decoder sets it"
            yield Timed(Fraction(event.pts * event.time_base) + self._shift, event)

    def picture(self, frame: av.VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        """A frame as RGB, upright, uint8 (H, W, 3).

        Args:
            frame: Frame of this video.
            size: Width and height that the picture gets; see :func:`pipeline.pages.picture.fitted`.
        """
        rgb = rgb_of(frame, self.source.spec, 8, self._reformatter)
        return fitted(np.ascontiguousarray(upright(rgb, self.source.info.display_matrix)), size)
