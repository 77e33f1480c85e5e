"""Facts of an input that are known only once its first frame is decoded, in a form that can be sent as JSON."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from av.sidedata.sidedata import Type

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.media.frame_info import FrameInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Beginning:
    """Facts that reading an input up to its first frame has shown.

    Attributes:
        spec: Layout of the planes of each frame.
        first_frame: Properties of the first frame.
        interlaced: Whether the first frame was interlaced.
        is_on_device: Whether frames stay on the GPU that decodes them.
        earliest: Time of the first frame, or of a packet before it, in seconds; negative where sound needs a run-up.
        begins: The same for each stream that has a packet before the first frame, by the index of the stream.
        zero: Time in the input that becomes time zero, in seconds.
        seek_time: Time of the seek before the input was read, in seconds; None if there was no seek.
        covers: The pictures attached to the container (cover art), by the index of their stream.
    """

    spec: PlaneSpec
    first_frame: FrameInfo
    interlaced: bool
    is_on_device: bool
    earliest: Fraction
    begins: Mapping[int, Fraction]
    zero: Fraction
    seek_time: Fraction | None
    covers: Mapping[int, bytes]

    def as_json(self) -> dict[str, Any]:
        """Returns all attributes as values that JSON knows."""
        frame = {field.name: getattr(self.first_frame, field.name) for field in fields(FrameInfo)}
        frame["side_data"] = {kind.name: _text(data) for kind, data in self.first_frame.side_data.items()}
        return {
            "spec": asdict(self.spec),
            "first_frame": frame,
            "interlaced": self.interlaced,
            "is_on_device": self.is_on_device,
            "earliest": str(self.earliest),
            "begins": {str(index): str(time) for index, time in self.begins.items()},
            "zero": str(self.zero),
            "seek_time": None if self.seek_time is None else str(self.seek_time),
            "covers": {str(index): _text(data) for index, data in self.covers.items()},
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuilds the object from the values that :meth:`as_json` returned."""
        spec, frame = values["spec"], values["first_frame"]
        side_data = {Type[name]: base64.b64decode(text) for name, text in frame["side_data"].items()}
        return cls(
            spec=PlaneSpec(**{**spec, "layout": Layout(spec["layout"]), "matrix": Matrix(spec["matrix"])}),
            first_frame=FrameInfo(**{**frame, "side_data": side_data}),
            interlaced=values["interlaced"],
            is_on_device=values["is_on_device"],
            earliest=Fraction(values["earliest"]),
            begins={int(index): Fraction(text) for index, text in values["begins"].items()},
            zero=Fraction(values["zero"]),
            seek_time=None if values["seek_time"] is None else Fraction(values["seek_time"]),
            covers={int(index): base64.b64decode(text) for index, text in values["covers"].items()},
        )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
