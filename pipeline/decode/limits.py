"""Limits against hostile and broken inputs: a file that asks for more is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import LimitError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

    from pipeline.job import Limits


class LimitGuard:
    """Checks one input against the limits while it is opened and decoded."""

    def __init__(self, name: str, limits: Limits) -> None:
        """Prepares for the first frame.

        Args:
            name: Name of the input, for messages.
            limits: Limits of the input.
        """
        self.limits = limits
        self._name = name
        self._frames = 0
        self._bytes = 0
        self._first_time: Fraction | None = None

    def check_container(self, container: InputContainer) -> None:
        """Checks the number of streams and attachments, and the size of the attachments.

        Raises:
            LimitError: If there are too many of them, or if the attachments have too many bytes.
        """
        self._check("streams", len(container.streams), self.limits.streams)
        attached = container.streams.attachments
        self._check("attachments", len(attached), self.limits.attachments)
        self._check_bytes(sum(len(stream.data) for stream in attached))

    def check_covers(self, covers: int, size: int) -> None:
        """Checks the cover pictures, which most containers keep as streams.

        Args:
            covers: Number of cover pictures.
            size: Size of all cover pictures together, in bytes.

        Raises:
            LimitError: If there are too many cover pictures, or if they have too many bytes.
        """
        self._check("attachments", covers, self.limits.attachments)
        self._check_bytes(size)

    def check_picture(self, width: int, height: int) -> None:
        """Checks the width and height of the picture, in pixels.

        Raises:
            LimitError: If the picture is too large.
        """
        if excess := self.limits.picture_excess(width, height):
            raise LimitError(f"{self._name} has pictures {excess}; raise it to process them", field=excess.field)

    def check_promise(self, frames: int | None, duration: Fraction | None) -> None:
        """Checks the length that the header announces, so that an input too long is refused before work is spent on it.

        Args:
            frames: Number of frames in the header; None if the header has none.
            duration: Expected length, in seconds; None if unknown.

        Raises:
            LimitError: If there are too many frames, or if they last too long.
        """
        self._check("frames by its header", frames or 0, self.limits.frames, field="frames")
        if duration is not None:
            self._check_duration(duration)

    def count(self, frame: av.VideoFrame) -> None:
        """Counts a decoded frame whose time stamp is set.

        Raises:
            LimitError: If there are too many frames, if they last too long, or if they have too many bytes.
        """
        self._frames += 1
        self._check("frames or more", self._frames, self.limits.frames, field="frames")
        self._bytes += frame.width * frame.height * frame.format.padded_bits_per_pixel // 8
        self._check("bytes of decoded frames", self._bytes, self.limits.decoded_bytes, field="decoded_bytes")
        if frame.pts is not None and frame.time_base:
            time = frame.pts * frame.time_base
            if self._first_time is None:
                self._first_time = time
            self._check_duration(time - self._first_time)

    def _check_duration(self, seconds: Fraction) -> None:
        limit = self.limits.duration
        if limit is not None and seconds > Fraction(limit):
            raise LimitError(
                f"{self._name} lasts {float(seconds):.3f} s, over the limit of {limit:g} s; "
                "raise `limits.duration` to process it",
                field="limits.duration",
            )

    def _check_bytes(self, size: int) -> None:
        self._check("bytes of attachments", size, self.limits.attachment_bytes, field="attachment_bytes")

    def _check(self, what: str, value: int, limit: int | None, *, field: str = "") -> None:
        if limit is not None and value > limit:
            field = f"limits.{field or what}"
            raise LimitError(
                f"{self._name} has {value} {what}, over the limit of {limit}; raise `{field}` to process it",
                field=field,
            )
