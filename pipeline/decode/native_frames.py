"""Frames of one video stream in the native format of the first, deinterlaced where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.counting import count_of
from pipeline.decode.deinterlace import Deinterlacer
from pipeline.errors import InputError
from pipeline.media.dolby_vision import DolbyVisionKeeper
from pipeline.media.frames import convert_frame, format_of, on_host, spec_of
from pipeline.media.native_formats import depth_of
from pipeline.media.reformatter import Reformatter
from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    import av

    from network.planes import PlaneSpec
    from pipeline.decode.faults import FaultLog

_EXPORTED = {"nv12", "p010le", "p016le"}
"""Pixel formats of frames on a GPU that PyAV can export."""

_COMPLETED = "frames without Dolby Vision metadata take that of the frame before"


class NativeFrames:
    """Converts frames to the size and format of the first.

    Attributes:
        interlaced: Whether the first frame was interlaced.
        first: The first frame, in its native format and in the processor's memory; None until it is there.
        is_on_device: Whether frames were decoded on a GPU and stay there.
        spec: Layout of the planes of every frame; None until the first frame is there.
    """

    def __init__(self, time_base: Fraction, faults: FaultLog, *, deinterlace: bool) -> None:
        """Prepares for the first frame.

        Args:
            time_base: Unit of the time stamps, in seconds.
            faults: Takes notes on what is converted.
            deinterlace: Whether to turn interlaced frames into progressive frames; if not, interlaced video is refused.
        """
        self._time_base, self._faults, self._deinterlace = time_base, faults, deinterlace
        self._reformatter = Reformatter()
        self._deinterlacer: Deinterlacer | None = None
        self._dolby_vision = DolbyVisionKeeper()
        self._pixel_format = ""
        self._first_format = ""
        self._first_size = (0, 0)
        self._interlaced_frames = 0
        self.interlaced = False
        self.first: av.VideoFrame | None = None
        self.is_on_device = False
        self.spec: PlaneSpec | None = None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Yields the frames that are complete with the next one.

        Raises:
            InputError: If the first frame is interlaced and was not to be deinterlaced.
        """
        if self.spec is None:
            self._start(frame)
        self._interlaced_frames += frame.interlaced_frame
        self._note_change(frame)
        native, was_completed = self._dolby_vision.complete(self._to_native(frame))
        if was_completed:
            self._faults.note_once(NoteCode.FRAMES_CHANGED, _COMPLETED, _COMPLETED)
        if self.first is None:
            self.first = on_host(native)
            self.is_on_device = native is not self.first
        if self._deinterlacer is None:
            yield native
            return
        for progressive in self._deinterlacer.push(native):
            yield self._to_native(progressive)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yields the frames that waited for further ones."""
        if self._deinterlacer:
            for frame in self._deinterlacer.flush():
                yield self._to_native(frame)

    def tell(self) -> None:
        """Adds a note on interlaced frames that were kept. Call it after the last frame."""
        if self._interlaced_frames and not self._deinterlacer:
            self._faults.note(
                NoteCode.INTERLACED_FRAMES,
                f"{count_of(self._interlaced_frames, 'interlaced frame')} in a progressive stream; kept as they are",
            )

    def _start(self, frame: av.VideoFrame) -> None:
        if frame.interlaced_frame and not self._deinterlace:
            raise InputError(
                "the video is interlaced: each frame holds two moments, which can't be deblurred as one picture; "
                "add `deinterlace` to turn it into progressive frames first",
                field="deinterlace",
            )
        self.interlaced = frame.interlaced_frame
        self.spec, self._pixel_format = spec_of(frame)
        name = format_of(frame)
        self._first_size = (frame.width, frame.height)
        self._first_format = name
        if name != self._pixel_format and not name.startswith("yuvj"):
            self._faults.note(NoteCode.PIXEL_FORMAT, f"pixel format {name} is processed as {self._pixel_format}")
        if depth_of(name) > 16:
            self._faults.note(NoteCode.DEPTH_REDUCED, f"{name} has more than 16 bits; reduced to 16")
        if self._deinterlace:
            self._deinterlacer = Deinterlacer(self._to_native(frame), self._time_base)

    def _to_native(self, frame: av.VideoFrame) -> av.VideoFrame:
        assert self.spec is not None, "the first frame has set it"
        if frame.sw_format is not None and not _is_handed_over(frame):
            what = f"frames of {frame.width}x{frame.height} in {format_of(frame)} can't stay on the GPU"
            self._faults.note_once(NoteCode.HARDWARE, what, f"{what}; they go through the memory of the processor")
            frame = on_host(frame)
        return convert_frame(frame, self.spec, self._pixel_format, self._reformatter)

    def _note_change(self, frame: av.VideoFrame) -> None:
        if (frame.width, frame.height) != self._first_size:
            what, done = f"frames of {frame.width}x{frame.height}", "scaled"
        elif format_of(frame) != self._first_format:
            what, done = f"frames in {format_of(frame)}", "converted"
        else:
            return
        text = f"{what} from {frame.time or 0:.3f} s on are {done} to those of the first frame"
        self._faults.note_once(NoteCode.FRAMES_CHANGED, what, text)


def _is_handed_over(frame: av.VideoFrame) -> bool:
    """Whether PyAV exports the planes of a frame on a GPU in full; it cuts the chroma planes of frames of odd size."""
    return format_of(frame) in _EXPORTED and frame.width % 2 == 0 and frame.height % 2 == 0
