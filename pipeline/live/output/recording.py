"""A recording: one file with true time stamps, whatever happens to the source meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av.error

from network.names import as_url
from pipeline.errors import OutputError, UsageError
from pipeline.live.output.encoder import EncoderOptions, LiveEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.live.subscription import LiveResult

_CODECS = {".webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "24", "b": "0"})}
_H264 = ("libx264", {"preset": "veryfast", "crf": "18"})

_SUFFIXES = (".mkv", ".mp4", ".mov", ".ts", ".webm")

_CRASH_SAFE = {"flush_packets": "1"}
"""Every packet goes to the system at once, so that a crash costs no more than what the encoder holds back."""

# In pieces, a file can be played up to where a crash or a power cut ended it. An MP4 file becomes one that every
# player seeks in at its regular end.
_IN_PIECES = {
    ".mkv": {"cluster_time_limit": "1000"},
    ".webm": {"cluster_time_limit": "1000"},
    ".mp4": {"movflags": "hybrid_fragmented", "frag_duration": "1000000"},
    ".mov": {"movflags": "hybrid_fragmented", "frag_duration": "1000000"},
}


class Recording:
    """Writes results into a file, which begins with the first one.

    A gap of the source is a gap in the file; a change of its size is scaled away.
    """

    queue = 60
    """Number of waiting results: two seconds' worth, because disks pause and a file should lose no frame."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Checks that the file can be written; it is not made yet.

        Args:
            path: Path of the file; its suffix decides the container.
            overwrite: Whether a file that is there may be replaced.

        Raises:
            UsageError: If the file exists and must not be replaced, its folder is missing, or its kind is not
                supported.
        """
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            raise UsageError(f"a recording can't be {path.name!r}; give it one of {', '.join(_SUFFIXES)}")
        if path.exists() and not overwrite:
            raise UsageError(
                f"{path} exists; give `overwrite` to replace it, or another name to `record`", field="overwrite"
            )
        if not path.absolute().parent.is_dir():
            raise UsageError(f"the folder of the recording, {path.absolute().parent}, is not there; create it first")
        codec, options = _CODECS.get(suffix, _H264)
        self._options = EncoderOptions(
            codec=codec,
            options=options,
            container_options=_CRASH_SAFE | _IN_PIECES.get(suffix, {}),
            keeps_depth=codec == "libx264",
        )
        self._encoder: LiveEncoder | None = None
        self._has_failed = False
        self.path = path
        self.name = f"recording {path}"

    def show(self, result: LiveResult) -> bool:
        """Writes a result.

        Raises:
            OutputError: If the file can't be written; what is written so far stays.
        """
        try:
            if self._encoder is None:
                self._encoder = LiveEncoder(as_url(self.path), result, self._options)
            self._encoder.encode(result)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._has_failed = True
            raise self._failure(error) from error
        return True

    def close(self) -> None:
        """Completes the file.

        Raises:
            OutputError: If the end of the file can't be written.
        """
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        if self._has_failed:  # which was told
            encoder.abandon()
            return
        try:
            encoder.close()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError(f"can't write {self.path}: {reason}; what was recorded before is in it")
