"""What travels between the stages of a run: at most a batch of frames for the engine, and all around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av
    from av.stream import Stream

    from network.planes import PlaneBatch
    from pipeline.gate import Fate


@dataclass(slots=True)
class Chunk:
    """At most a batch of frames for the engine, with the frames that pass it by and the packets around them.

    Attributes:
        planes: Before the engine its input, after it its output; None while there is no frame for it.
        filled: Frames in ``planes``.
        events: Frames and packets in order. The frames carry all that planes do not.
        decoded: When each frame was decoded.
        fates: What becomes of each frame.
    """

    planes: PlaneBatch | None = None
    filled: int = 0
    events: list[av.VideoFrame | av.Packet[Stream]] = field(default_factory=list)
    decoded: list[float] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)


def pad(batch: PlaneBatch, frames: int) -> None:
    """Repeats the last of ``frames`` frames to the end of the batch, so that the engine reads no old memory."""
    if frames < batch.size:
        for plane in batch.planes:
            plane[frames:] = plane[frames - 1]
