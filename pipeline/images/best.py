"""The sharpest frames of a stretch of video, after the network, as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.counting import count_of, were
from network.files import write_bytes
from network.names import shortened
from pipeline.compare.stops import Extremes
from pipeline.decode.open import open_source
from pipeline.encode.output_file import check_output, writing_errors
from pipeline.errors import DamagedInputError, OutputError, UsageError
from pipeline.images.metadata import text_chunk, with_png_chunks
from pipeline.media.frames import copied, plane_rows
from pipeline.media.native_formats import depth_of
from pipeline.media.rgb import rgb_of, upright
from pipeline.runner.run import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import av
    from av.stream import Stream
    from numpy.typing import NDArray

    from pipeline.job import SourceOptions
    from pipeline.media.source_info import SourceInfo
    from pipeline.progress import Display
    from pipeline.runner.protocols import Engine

COUNT = 5
"""Default number of pictures."""

GAP = 0.5
"""Default least time between two of them, in seconds: neighbours look the same."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the upright picture, in pixels.

    Attributes:
        left: First column.
        top: First row.
        width: Number of columns, at least 1.
        height: Number of rows, at least 1.
    """

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BestFrame:
    """A picture that was written.

    Attributes:
        path: The file.
        time: Time at which the frame is shown, in seconds from the beginning of the input.
        sharpness: Mean square of the second derivative of its luma, in codes of 8 bits; to compare frames of one scene.
    """

    path: Path
    time: float
    sharpness: float


def write_best_frames(
    path: Path,
    folder: Path,
    load: Callable[[], Engine],
    options: SourceOptions,
    display: Display,
    *,
    count: int = COUNT,
    gap: float = GAP,
    region: Region | None = None,
    overwrite: bool = False,
) -> list[BestFrame]:
    """Deblurs a stretch of a video, and writes its sharpest frames as PNG, upright, each with its time in the name.

    Args:
        path: The video.
        folder: Folder of the pictures; it is made.
        load: Function that makes the engine; called once the input is known to be good.
        options: How the video is read: where the stretch begins and how long it is.
        display: Display of the progress.
        count: Number of pictures, at least 1. Fewer are written where the stretch is too short for so many.
        gap: Least time between two of them, in seconds.
        region: Part of the picture whose sharpness counts, such as a number plate; None for all of it.
        overwrite: Replace files that exist.

    Returns:
        What was written, the sharpest first.

    Raises:
        DamagedInputError: If the input is damaged; the pictures are written all the same.
        EngineError: If the engine can't be loaded or fails.
        InputError: If the video can't be read.
        OutputError: If a picture can't be written.
        UsageError: If the region is not in the picture.
    """
    with open_source(path, options) as source:
        info = source.info
        best = _BestFrames(info, options.start or 0.0, count, gap, region)
        engine = load()
        display.begin(info.name, info.frame_estimate, source.notes)
        try:
            run(source, engine, best, batch=engine.info.batch, interval=info.interval, on_progress=display.update)
        finally:
            display.end()
        display.tell(source.notes)
        found = best.write(path, folder, overwrite=overwrite)
        if source.corrupt_packets or source.corrupt_frames:
            pictures = f"{count_of(len(found), 'picture')} {were(len(found))}"
            raise DamagedInputError(f"{path} is damaged; {pictures} written to {folder}")
        return found


class _BestFrames:
    """A sink that keeps the sharpest frames of those that it gets."""

    def __init__(self, info: SourceInfo, start: float, count: int, gap: float, region: Region | None) -> None:
        self._spec, self._matrix, self._start, self._region = info.spec, info.display_matrix, start, region
        self._best: Extremes[av.VideoFrame] = Extremes(count, gap)
        height, width = upright(np.empty((info.spec.height, info.spec.width), np.bool_), self._matrix).shape
        if region and (region.left + region.width > width or region.top + region.height > height):
            raise UsageError(f"the region reaches out of the picture of {width}x{height} pixels", field="region")

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Keeps a frame that is sharper than one of those that are kept."""
        assert frame.time is not None
        self._best.see(frame.time, self._sharpness(frame), lambda: copied(frame))

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Drops a packet: pictures have no sound."""

    def finish(self) -> None:
        """Does nothing."""

    def write(self, source: Path, folder: Path, *, overwrite: bool) -> list[BestFrame]:
        """Writes the pictures."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder {folder} can't be made: {error.strerror}") from error
        found = []
        for kept in self._best.kept:
            time = self._start + kept.time
            minutes, seconds = divmod(round(time, 3), 60)
            path = folder / f"{shortened(source.stem)}_{int(minutes):02}m{seconds:06.3f}s.png"
            check_output(path, source, overwrite=overwrite)
            rgb = upright(rgb_of(kept.value, self._spec), self._matrix)
            picture = np.ascontiguousarray(rgb[..., ::-1])
            chunk = text_chunk("Comment", f"{source.name} at {time:.3f} s")
            content = with_png_chunks(cv2.imencode(".png", picture)[1].tobytes(), (chunk,))
            with writing_errors(str(path)):
                write_bytes(path, content)
            found.append(BestFrame(path, time, kept.rank))
        return found

    def _sharpness(self, frame: av.VideoFrame) -> float:
        luma: NDArray[Any] = upright(plane_rows(frame, 0), self._matrix)
        if self._region is not None:
            region = self._region
            luma = luma[region.top : region.top + region.height, region.left : region.left + region.width]
        codes = np.ascontiguousarray(luma, dtype=np.float32)
        # Codecs leave blocks of 8 pixels, whose edges are not the picture's; a blur of one pixel hides the faintest.
        edges = cv2.Laplacian(cv2.GaussianBlur(codes, (3, 3), 0), cv2.CV_32F)
        return float(np.mean(np.square(edges))) / 4.0 ** (depth_of(frame.format.name) - 8)
