"""What is changed in an output once FFmpeg has written it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from pipeline.encode.matroska_edit import rename_codecs
from pipeline.encode.movie_edit import MovieEdit
from pipeline.encode.stand_in import handler_name, stand_in_codec
from pipeline.media.movie_boxes import TrackBoxes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from av.stream import Stream

    from pipeline.encode.matroska_edit import TrackCodec


@dataclass(frozen=True, slots=True)
class OutputEdits:
    """Changes of a complete file.

    Attributes:
        movie: What is put into an MP4 or MOV file.
        codecs: Tracks of a Matroska file, each with the ``CodecID`` that it should have.
    """

    movie: MovieEdit
    codecs: tuple[tuple[TrackCodec, bytes], ...] = ()

    @classmethod
    def of(
        cls, streams: Iterable[tuple[Stream, TrackBoxes | TrackCodec | None]], movie: MovieEdit | None = None
    ) -> OutputEdits:
        """The changes that copied streams need, each given with its description, besides those of ``movie``."""
        tracks: dict[str, TrackBoxes] = {}
        codecs: list[tuple[TrackCodec, bytes]] = []
        for stream, track in streams:
            if isinstance(track, TrackBoxes):
                tracks[handler_name(stream)] = track
            elif track is not None:
                codecs.append(stand_in_codec(stream, track))
        return cls(replace(movie or MovieEdit(), tracks=tracks), tuple(codecs))

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.movie or self.codecs)

    def apply(self, file: BinaryIO, ids: Mapping[int, int] | None = None) -> None:
        """Changes a file.

        Args:
            file: File that can be read, written and sought.
            ids: Numbers of the tracks in an MP4 or MOV output, by those in the input.

        Raises:
            ValueError: If the file is not as the muxer should have written it.
            OSError: If it can't be read or written.
        """
        if self.movie:
            self.movie.apply(file, ids)
        if self.codecs:
            rename_codecs(file, self.codecs)
