"""Runs the command line here as another system would show itself to it.

``python as_system.py win32 ARGUMENTS...`` is ``deblur ARGUMENTS...``. It shows this program, and it alone, the modules
and names that Windows or macOS lacks as missing; the libraries go on seeing the real system. Besides, it holds the
whole process to Windows's rules for files:

- a file that is open, in this process or one that it started, can be neither renamed, replaced nor deleted;
- ``os.rename`` replaces nothing;
- no new file or folder has a name that Windows refuses, or would silently change.

It is a model of those systems, not one of them. With ``modules`` for arguments it imports every module of this program,
and prints as JSON which ones can't be, and why.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import pkgutil
import re
import select
import signal
import socket
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

OWN_PACKAGES = ("deblur_stream", "network", "pipeline", "trt")
SYSTEM_VARIABLE = "DEBLUR_TESTS_SYSTEM"
"""Environment variable with the system to show: processes that are started inherit it, and show the same."""

FOLDER_VARIABLE = "DEBLUR_TESTS_FOLDER"
"""Environment variable with the folder below which names are checked."""

_UNIX_MODULES = frozenset({"_posixsubprocess", "crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline"})
_UNIX_MODULES |= {"resource", "spwd", "syslog", "termios", "tty"}
MISSING_MODULES = {"win32": _UNIX_MODULES, "darwin": frozenset({"nis", "spwd", "ossaudiodev"})}

# fmt: off
_LINUX_OS = {
    "copy_file_range", "eventfd", "getrandom", "getresgid", "getresuid", "getxattr", "listxattr", "memfd_create",
    "pidfd_open", "posix_fadvise", "posix_fallocate", "removexattr", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_setaffinity", "sched_setscheduler",
    "setns", "setresgid", "setresuid", "setxattr", "splice", "unshare",
    "O_DIRECT", "O_LARGEFILE", "O_NOATIME", "O_PATH", "O_TMPFILE",
}
_UNIX_OS = {
    "chown", "chroot", "confstr", "ctermid", "fchdir", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "fpathconf",
    "fstatvfs", "getegid", "geteuid", "getgid", "getgrouplist", "getgroups", "getloadavg", "getpgid", "getpgrp",
    "getpriority", "getsid", "getuid", "initgroups", "killpg", "lchown", "lockf", "major", "makedev", "minor", "mkfifo",
    "mknod", "nice", "openpty", "pathconf", "pipe2", "posix_spawn", "posix_spawnp", "pread", "preadv", "pwrite",
    "pwritev", "readv", "register_at_fork", "sched_yield", "sendfile", "setegid", "seteuid", "setgid", "setgroups",
    "setpgid", "setpriority", "setregid", "setreuid", "setsid", "setuid", "spawnlp", "spawnvp", "statvfs", "sync",
    "sysconf", "tcgetpgrp", "tcsetpgrp", "ttyname", "uname", "wait", "wait3", "wait4", "waitid", "writev",
    "O_ACCMODE", "O_ASYNC", "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NDELAY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK",
    "O_SYNC", "WNOHANG", "WIFEXITED", "WEXITSTATUS", "WIFSIGNALED", "WTERMSIG",
}
_WINDOWS_SIGNALS = {
    "SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN", "Signals", "Handlers", "NSIG",
    "signal", "getsignal", "raise_signal", "set_wakeup_fd", "default_int_handler", "strsignal", "valid_signals",
}
# fmt: on
MISSING = {
    "win32": {
        os: frozenset(_LINUX_OS | _UNIX_OS),
        signal: frozenset(name for name in dir(signal) if not name.startswith("_")) - _WINDOWS_SIGNALS,
        select: frozenset(name for name in dir(select) if not name.startswith("_")) - {"select", "error"},
        socket: frozenset({"AF_UNIX", "socketpair_unix", "SO_REUSEPORT", "sethostname", "send_fds", "recv_fds"}),
        sys: frozenset({"abiflags"}),
    },
    "darwin": {
        os: frozenset(_LINUX_OS),
        signal: frozenset({"SIGCLD", "SIGPOLL", "SIGPWR", "SIGRTMAX", "SIGRTMIN", "SIGSTKFLT", "sigtimedwait"}),
        select: frozenset(name for name in dir(select) if name.lower().startswith("epoll")),
        sys: frozenset(),
    },
}
SHOWN: dict[str, dict[ModuleType, dict[str, Any]]] = {
    "win32": {sys: {"platform": "win32"}, os: {"name": "nt"}},
    "darwin": {sys: {"platform": "darwin"}},
}
GONE = {
    "win32": {os: ("sched_getaffinity", "getloadavg"), signal: ("SIGHUP",)},
    "darwin": {os: ("sched_getaffinity",)},
}
"""What nobody sees in this process any more, the libraries neither."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$')


class _Seen(ModuleType):
    """A module of the standard library as this program sees it on another system."""

    def __init__(self, real: ModuleType, missing: frozenset[str], shown: dict[str, Any]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(shown)
        self.__dict__["_real"], self.__dict__["_missing"] = real, missing

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._real, name, value)


def show(system: str) -> None:
    """From now on, imports of this program's modules find what another system has."""
    seen = {
        real.__name__: _Seen(real, missing, SHOWN[system].get(real, {})) for real, missing in MISSING[system].items()
    }
    for module, names in GONE[system].items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    import_module = builtins.__import__

    def seen_from(name: str, globals: Any = None, *others: Any, **named: Any) -> ModuleType:  # noqa: A002 - its name
        importer = str((globals or {}).get("__name__", "")).partition(".")[0]
        level = named.get("level", others[2] if len(others) > 2 else 0)
        if importer in OWN_PACKAGES and level == 0:
            top = name.partition(".")[0]
            if top in MISSING_MODULES[system]:
                raise ModuleNotFoundError(f"{system} has no module {name!r}", name=name)
            if name in seen:
                return seen[name]
        return import_module(name, globals, *others, **named)

    builtins.__import__ = seen_from


def hold_to_windows_rules(root: Path) -> None:
    """From now on, what Windows would refuse to do with files raises the error that it would raise there.

    Args:
        root: Names are checked of what is made below this folder.
    """

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            source, target, source_folder, target_folder = arguments
            _refuse_open(_resolved(source, source_folder))
            _refuse_open(_resolved(target, target_folder))
            _check_name(_resolved(target, target_folder), root)
        elif event == "os.remove":
            _refuse_open(_resolved(arguments[0], arguments[1]))
        elif event == "os.mkdir":
            _check_name(_resolved(arguments[0], arguments[2]), root)
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike) and _makes_a_file(arguments):
            _check_name(_resolved(arguments[0], -1), root)

    sys.addaudithook(check)
    rename = os.rename

    def rename_to_nothing(source: Any, target: Any, **folders: Any) -> None:
        if os.path.lexists(target):
            raise FileExistsError(17, "Windows replaces nothing by os.rename", os.fspath(target))
        rename(source, target, **folders)

    os.rename = rename_to_nothing


def _makes_a_file(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return bool(set("wxa+") & set(mode)) if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))


def _resolved(path: Any, folder: int) -> Path:
    """An absolute path, of one below an open folder too."""
    named = Path(os.fsdecode(path))
    if folder >= 0:
        named = Path(f"/proc/self/fd/{folder}").readlink() / named
    return Path(os.path.abspath(named))  # noqa: PTH100 - what is renamed is a link itself, not what it leads to


def _check_name(path: Path, root: Path) -> None:
    if not path.is_relative_to(root):
        return
    for name in path.relative_to(root).parts:
        if _REFUSED.search(name) or _RESERVED.fullmatch(name):
            raise OSError(22, "Windows has no such name", str(path))


def _refuse_open(path: Path) -> None:
    """Raises what Windows raises where a file is open or mapped, in this process or one that it started."""
    try:
        status = path.lstat()
    except OSError:
        return
    if not stat.S_ISREG(status.st_mode):
        return
    for process in _processes(os.getpid()):
        if _holds(process, path, (status.st_dev, status.st_ino)):
            raise PermissionError(13, f"Windows: process {process} has this file open", str(path))


def _processes(process: int) -> list[int]:
    """A process and all that it and they have started."""
    found = [process]
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                found += _processes(int(child))
        except OSError:
            continue
    return found


def _holds(process: int, path: Path, file: tuple[int, int]) -> bool:
    try:
        descriptors = list(Path(f"/proc/{process}/fd").iterdir())
        maps = Path(f"/proc/{process}/maps").read_text()
    except OSError:  # it has ended
        return False
    for descriptor in descriptors:
        try:
            status = descriptor.stat()
        except OSError:  # closed since
            continue
        if (status.st_dev, status.st_ino) == file:
            return True
    return any(line.endswith(f" {path}") for line in maps.splitlines())


def _import_everything() -> dict[str, str]:
    """What can't be imported, by its name: the error."""
    failed = {}
    for package in OWN_PACKAGES:
        folders = importlib.import_module(package).__path__
        for name in (found.name for found in pkgutil.walk_packages(folders, f"{package}.")):
            if name.endswith("__main__"):
                continue
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - all are told
                failed[name] = f"{type(error).__name__}: {error}"
    return failed


# In a process that multiprocessing starts too, where this file is imported under another name.
if SYSTEM_VARIABLE in os.environ:
    show(os.environ[SYSTEM_VARIABLE])
    if os.environ[SYSTEM_VARIABLE] == "win32":
        hold_to_windows_rules(Path(os.environ[FOLDER_VARIABLE]))

if __name__ == "__main__":
    if sys.argv[1:] == ["modules"]:
        print(json.dumps(_import_everything()))
    else:
        from deblur_stream.command import main

        main()
