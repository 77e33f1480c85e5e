"""Files that pages uploaded: received, deblurred one after the other, and deleted."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from pipeline.live.web.upload_worker import UploadOutcome, UploadProgress, UploadTask, work
from pipeline.system.file_names import windows_name
from pipeline.system.unexpected import explain

if TYPE_CHECKING:
    import sys
    from collections.abc import AsyncIterator, Callable

    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

    from pipeline.live.web.options import WebLimits
    from pipeline.runner.protocols import Engine

SWEEP: Final = 5.0
"""Seconds between two checks for files that nobody asks for any more; shorter where the limit is."""

POLL: Final = 0.1
"""Seconds between two checks of the process that works."""

STALLED: Final = 30.0
"""Seconds after which an upload that does not go on is given up."""


@dataclass(slots=True)
class Upload:
    """One uploaded file.

    Attributes:
        name: Safe form of the file's name on the user's side, without the extension.
        strength: How much of the correction is applied.
        folder: Folder of this upload alone; holds the file and then the result.
        state: ``receiving``, ``waiting``, ``working``, ``done`` or ``failed``.
        progress: Progress of the work.
        outcome: End of the work.
        asked: Time at which a page last asked for the file, in seconds of ``time.monotonic``.
        task: Task that works on the file.
    """

    name: str
    strength: float
    folder: Path
    state: str = "receiving"
    progress: UploadProgress = field(default_factory=lambda: UploadProgress(0, None))
    outcome: UploadOutcome = field(default_factory=UploadOutcome)
    asked: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None

    @property
    def input(self) -> Path:
        """Path of the file as it was uploaded."""
        return self.folder / "input"

    @property
    def result(self) -> Path:
        """Path of the deblurred file."""
        return self.folder / "result.mp4"

    @property
    def original(self) -> Path:
        """The file as browsers can play it; is there only if they can't play the file itself."""
        return self.folder / "original.mp4"

    def status(self) -> dict[str, Any]:
        """State of the upload as a message to a page."""
        return {
            "state": self.state,
            "frames": self.progress.frames,
            "total": self.progress.total,
            "copying": self.progress.is_copying,
            "error": self.outcome.error,
            "notes": list(self.outcome.notes),
            "bytes": self.result.stat().st_size if self.state == "done" else None,
            "original": self.original.is_file(),
        }


class Uploads:
    """All files that are here, in a temporary folder that goes with them."""

    def __init__(self, limits: WebLimits, load: Callable[[], Engine]) -> None:
        """Makes the folder.

        Args:
            limits: Limits of the files that are taken.
            load: Function that makes an engine. It is sent to another process, so it must be picklable.
        """
        self._limits, self._load = limits, load
        self._folder = tempfile.TemporaryDirectory(prefix="deblur-upload-", ignore_cleanup_errors=True)
        self._uploads: dict[str, Upload] = {}
        self._turn = asyncio.Lock()
        self._sweeper = asyncio.create_task(self._sweep())

    async def receive(self, name: str, length: int | None, content: AsyncIterator[bytes], strength: float = 1.0) -> str:
        """Takes a file and has it deblurred when its turn comes.

        Args:
            name: Name of the file on the user's side.
            length: Length in bytes, as announced; None if it was not.
            content: Bytes of the file.
            strength: How much of the correction is applied, 0 to :data:`network.planes.MAX_STRENGTH`.

        Returns:
            Key under which the file can be asked for.

        Raises:
            aiohttp.web.HTTPException: If the file is too large, empty, stalls, or does not fit.
        """
        limit = self._limits.upload_bytes
        too_large = web.HTTPRequestEntityTooLarge(
            limit, length or 0, text=f"the file is too large; at most {limit / 1e6:.0f} MB are taken here\n"
        )
        if length is not None and length > limit:
            raise too_large
        if len(self._uploads) >= self._limits.uploads:
            raise web.HTTPServiceUnavailable(text="too many files are here at the moment; try again later\n")
        key = secrets.token_urlsafe(16)
        upload = Upload(_harmless(name), strength, Path(self._folder.name) / key)
        self._uploads[key] = upload
        try:
            upload.folder.mkdir()
            await self._store(upload, content, too_large)
        except BaseException as error:
            await self.delete(key)
            if isinstance(error, TimeoutError):
                raise web.HTTPRequestTimeout(text="the upload did not go on\n") from error
            if isinstance(error, ConnectionError):
                raise web.HTTPBadRequest(text="the upload broke off\n") from error
            if isinstance(error, OSError):
                raise web.HTTPInsufficientStorage(text=f"the file can't be kept: {error.strerror}\n") from error
            raise
        upload.state = "waiting"
        upload.task = asyncio.create_task(self._process(upload))
        return key

    def find(self, key: str) -> Upload:
        """The upload with a key, which is thereby asked for.

        Raises:
            aiohttp.web.HTTPNotFound: If there is no such upload any more.
        """
        upload = self._uploads.get(key)
        if upload is None:
            raise web.HTTPNotFound(text="the file is not here any more\n")
        upload.asked = time.monotonic()
        return upload

    async def delete(self, key: str) -> None:
        """Stops the work on a file and deletes everything of it; does nothing if it is not here."""
        upload = self._uploads.pop(key, None)
        if upload is None:
            return
        if upload.task is not None:
            upload.task.cancel()
            await asyncio.wait([upload.task])
        await asyncio.to_thread(shutil.rmtree, upload.folder, ignore_errors=True)

    async def close(self) -> None:
        """Deletes all files."""
        self._sweeper.cancel()
        await asyncio.wait([self._sweeper])
        for key in list(self._uploads):
            await self.delete(key)
        await asyncio.to_thread(self._folder.cleanup)

    async def _store(self, upload: Upload, content: AsyncIterator[bytes], too_large: Exception) -> None:
        size = 0
        with upload.input.open("wb") as file:
            chunks = aiter(content)
            while True:
                async with asyncio.timeout(STALLED):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                size += len(chunk)
                if size > self._limits.upload_bytes:
                    raise too_large
                await asyncio.to_thread(file.write, chunk)
                upload.asked = time.monotonic()
        if not size:
            raise web.HTTPBadRequest(text="the file is empty\n")

    async def _process(self, upload: Upload) -> None:
        async with self._turn:
            upload.state = "working"
            try:
                upload.outcome = await self._work(upload)
            except Exception as error:  # noqa: BLE001 - the page would wait for ever
                upload.outcome = UploadOutcome(error=f"the work could not be started: {explain(error)}")
        # The state comes last: who sees it finds everything in place.
        await asyncio.to_thread(upload.input.unlink, missing_ok=True)
        upload.state = "failed" if upload.outcome.error else "done"

    async def _work(self, upload: Upload) -> UploadOutcome:
        limits = self._limits
        task = UploadTask(
            upload.input,
            upload.result,
            upload.original,
            limits.upload_seconds,
            limits.upload_pixels,
            upload.strength,
        )
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads, but not run them
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(sending, task, self._load), daemon=True)
        try:
            process.start()
            sending.close()  # so that its end in the other process is the only one
            return await self._follow(upload, receiving)
        finally:
            receiving.close()
            sending.close()
            if process.pid is not None:
                process.kill()  # no harm where it has ended
                await asyncio.shield(asyncio.to_thread(process.join))
                process.close()

    async def _follow(self, upload: Upload, receiving: Connection) -> UploadOutcome:
        while True:
            if not receiving.poll():
                await asyncio.sleep(POLL)
                continue
            try:
                message = receiving.recv()
            except (EOFError, OSError):
                return UploadOutcome(error="the file brought the decoder down; it may be damaged")
            if isinstance(message, UploadOutcome):
                return message
            upload.progress = message

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP, self._limits.idle_seconds))
            latest = time.monotonic() - self._limits.idle_seconds
            for key, upload in list(self._uploads.items()):
                if upload.asked < latest:
                    with contextlib.suppress(OSError):
                        await self.delete(key)


def _harmless(name: str) -> str:
    """A stem for a download: no path, no quotes, nothing that a header or a file system could stumble over."""
    stem = Path(name.replace("\\", "/")).stem
    plain = re.sub(r"[^\w .()-]", "_", stem).strip(" .")[:80]
    return windows_name(plain) if plain else "video"
