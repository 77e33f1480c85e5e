"""Built engines on disk. A doubtful entry is a miss: never a crash, and never loaded.

An entry is two files named by the digest of its key: the engine, and a JSON file beside it with the key, the engine's
size and checksum, and whether it passed its comparison with PyTorch. The JSON file is written last, so an entry is
either whole or absent. A third file may hold the kernels that TensorRT-RTX compiled for it on the device. Loading an
engine runs what is in it; the folder is therefore private to the user, and files of anyone else are not touched. Needs
neither PyTorch nor TensorRT.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import platformdirs

from network.files import discard_partials, write_bytes, write_json
from trt.cache_entry import Entry
from trt.errors import CacheError
from trt.files import make_private, read_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trt.key import EngineKey

FOLDER_VARIABLE = "DEBLUR_ENGINE_CACHE"
"""Environment variable: the cache folder, in place of the platform's own."""

LIMIT_BYTES = 4 << 30
"""Default size limit of the cache, in bytes; an engine takes 5 to 30 MB."""

ENGINE_SUFFIX = ".engine"
ENTRY_SUFFIX = ".json"
KERNELS_SUFFIX = ".kernels"
SUFFIXES = (ENGINE_SUFFIX, ENTRY_SUFFIX, KERNELS_SUFFIX)
LOCK_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that was found, and is intact."""

    entry: Entry
    engine: bytes


@dataclass(frozen=True, slots=True)
class Miss:
    """Why there is no usable entry, in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file in the cache, for listing.

    Attributes:
        digest: Digest by which the entry is named.
        entry: Content of the entry; None if it can't be used, and without a problem for kernels of a portable engine.
        problem: Reason why the entry can't be used; empty if it can.
        size: Size on the disk, in bytes.
        used: Time when the entry was last used or written, seconds since the epoch.
    """

    digest: str
    entry: Entry | None
    problem: str
    size: int
    used: float


def default_folder() -> Path:
    """Where engines are kept: what :data:`FOLDER_VARIABLE` says, else the platform's folder for caches."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("deblur-stream", appauthor=False) / "engines"


class EngineCache:
    """Engines by their key.

    Args:
        folder: Folder of the cache; created, private to the user, if missing. None takes :func:`default_folder`.
        limit_bytes: Size limit in bytes; beyond it, the least recently used entries are removed.

    Raises:
        CacheError: If the folder can't be made, or is not private and can't be made so.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder or default_folder()
        self.limit_bytes = limit_bytes
        make_private(self.folder, FOLDER_VARIABLE)

    def lookup(self, key: EngineKey) -> Hit | Miss:
        """Looks for an engine. A hit counts as a use.

        Args:
            key: Key of the engine, every field of which must be equal.
        """
        try:
            entry = self._entry(key.digest)
        except FileNotFoundError:
            return Miss(self._why_absent(key))
        except (OSError, ValueError) as error:
            return Miss(f"the cached engine is unusable: {error}")
        if entry.key != key:
            return Miss("the cached engine is unusable: its file is named for another one")
        try:
            engine = read_own(self._engine_path(key.digest))
        except OSError as error:
            return Miss(f"the cached engine can't be read: {error}")
        if len(engine) != entry.size:
            return Miss(f"the cached engine is truncated: {len(engine)} of {entry.size} bytes")
        if hashlib.sha256(engine).hexdigest() != entry.sha256:
            return Miss("the cached engine is damaged: its checksum does not match")
        with contextlib.suppress(OSError):  # only the order of removal suffers
            os.utime(self._entry_path(key.digest))
        return Hit(entry, engine)

    def store(self, key: EngineKey, engine: bytes, seconds: float) -> Entry:
        """Writes an engine, and removes others if the cache has grown too large. To be called under :meth:`lock`.

        Args:
            key: Facts for which the engine is valid.
            engine: The serialized engine.
            seconds: Seconds that the build took.

        Raises:
            CacheError: If it can't be written.
        """
        entry = Entry(key, len(engine), hashlib.sha256(engine).hexdigest(), seconds)
        try:
            # An old entry goes first: between the two writes below it would describe another engine.
            for path in self._entry_path(key.digest), self.kernels(key.digest):
                path.unlink(missing_ok=True)
            write_bytes(self._engine_path(key.digest), engine, private=True)
            self._write_entry(entry)
        except OSError as error:
            raise CacheError(
                f"the engine can't be kept in {self.folder} ({error.strerror or error}); free space there, or name "
                f"another folder in {FOLDER_VARIABLE}"
            ) from error
        self._shrink(keep=key.digest)
        return entry

    def judge(self, key: EngineKey, *, parity: str, refused: str = "") -> None:
        """Notes what the comparison with PyTorch found.

        Args:
            key: Key of an entry; nothing happens if that is gone.
            parity: The figures in one line.
            refused: Reason why the engine must not be used; empty if it may.
        """
        with contextlib.suppress(OSError, ValueError):
            self._write_entry(replace(self._entry(key.digest), parity=parity, refused=refused))

    def kernels(self, digest: str) -> Path:
        """File for the kernels that TensorRT-RTX compiles for an engine where it first runs.

        TensorRT-RTX reads and writes it. It goes when the entry goes; one of a portable engine, which is no entry, when
        it was not used for long.

        Args:
            digest: Digest of the engine's key.
        """
        return self.folder / f"{digest}{KERNELS_SUFFIX}"

    @contextlib.contextmanager
    def lock(self, key: EngineKey, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Holds an engine for building, across processes; a process that ends lets go of it.

        Args:
            key: Key of the engine.
            waiting: Function that is called once if another process holds the engine.

        Raises:
            CacheError: If the folder can't be written.
        """
        lock = filelock.FileLock(self.folder / f"{key.digest}{LOCK_SUFFIX}", mode=0o600)
        try:
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                if waiting is not None:
                    waiting()
                lock.acquire()
        except OSError as error:
            raise CacheError(
                f"the cache {self.folder} can't be locked ({error.strerror or error}); name another folder in "
                f"{FOLDER_VARIABLE}"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def expected_seconds(self, key: EngineKey) -> float | None:
        """How long the build should take, from builds of the same network on the same GPU; None if there was none."""
        pixels = key.width * key.height * key.batch
        known = [
            (abs(entry.key.width * entry.key.height * entry.key.batch - pixels), entry.seconds)
            for found in self.entries()
            if (entry := found.entry) is not None
            if (entry.key.network, entry.key.gpu_name, entry.key.precision)
            == (key.network, key.gpu_name, key.precision)
        ]
        return min(known)[1] if known else None

    def entries(self) -> list[Found]:
        """Entries of the cache, the most recently used first. Checksums are not computed."""
        result = []
        digests = {path.stem for path in self.folder.iterdir() if path.suffix in SUFFIXES}
        for digest in digests:
            entry, problem = None, ""
            try:
                entry = self._entry(digest)
            except FileNotFoundError:
                if self._engine_path(digest).is_file():
                    problem = "an engine that was not finished"
            except (OSError, ValueError) as error:
                problem = str(error)
            files = [path.lstat() for path in self._paths(digest) if path.is_file()]
            used = max((status.st_mtime for status in files), default=0.0)
            result.append(Found(digest, entry, problem, sum(status.st_size for status in files), used))
        return sorted(result, key=lambda found: -found.used)

    def remove(self, digest: str) -> None:
        """Removes an entry; nothing happens if it is gone.

        Raises:
            CacheError: If it can't be removed.
        """
        try:
            for path in self._paths(digest):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise CacheError(f"{digest} can't be removed from {self.folder}: {error.strerror or error}") from error

    def clear(self) -> tuple[int, int]:
        """Removes every entry, and what interrupted processes left.

        Returns:
            Number of entries removed, and bytes freed.

        Raises:
            CacheError: If one can't be removed.
        """
        entries = self.entries()
        for found in entries:
            self.remove(found.digest)
        discard_partials(self.folder)
        return len(entries), sum(found.size for found in entries)

    def _shrink(self, keep: str) -> None:
        entries = self.entries()
        total = sum(found.size for found in entries)
        for found in reversed(entries):
            if total <= self.limit_bytes:
                return
            if found.digest != keep:
                with contextlib.suppress(CacheError):  # some systems keep what another process has open
                    self.remove(found.digest)
                total -= found.size

    def _why_absent(self, key: EngineKey) -> str:
        """Names the fields that differ from those of the closest entry."""
        others = [found.entry.key for found in self.entries() if found.entry is not None]
        if not others:
            return "no engine was built yet"
        nearest = min(others, key=lambda other: len(key.differences(other)))
        return "; ".join(key.differences(nearest))

    def _entry(self, digest: str) -> Entry:
        """Reads an entry.

        Raises:
            FileNotFoundError: If there is none.
            OSError: If it can't be read or is not the user's.
            ValueError: If it is damaged or of another format.
        """
        return Entry.parse(read_own(self._entry_path(digest)))

    def _write_entry(self, entry: Entry) -> None:
        write_json(self._entry_path(entry.key.digest), entry.to_json(), private=True)

    def _engine_path(self, digest: str) -> Path:
        return self.folder / f"{digest}{ENGINE_SUFFIX}"

    def _entry_path(self, digest: str) -> Path:
        return self.folder / f"{digest}{ENTRY_SUFFIX}"

    def _paths(self, digest: str) -> tuple[Path, ...]:
        # The description goes first: without it the engine is no entry.
        return self._entry_path(digest), self._engine_path(digest), self.kernels(digest)
