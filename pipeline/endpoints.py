"""What the runner asks of both ends of a run: something that has frames, and something that takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.stream import Stream

    from network.planes import PlaneSpec


class Source(Protocol):
    """What is read: :class:`pipeline.decode.source.VideoSource`, or whatever else has frames."""

    @property
    def spec(self) -> PlaneSpec:
        """What every frame is."""

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """The frames, and the packets to copy, in order."""


class Sink(Protocol):
    """What is written: :class:`pipeline.encode.sink.VideoSink`, or whatever else takes frames."""

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes one frame."""

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies one packet."""

    def finish(self) -> None:
        """Completes the output; called once, after the last event, and never after an error."""
