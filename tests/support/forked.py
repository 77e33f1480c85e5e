"""The command line in forks of a process that has imported its libraries already.

A new Python imports for half a second, which is most of what a small run takes. A fork has its own signals, pipes and
exit code, and ends as every process does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

assert sys.platform != "win32", "Windows knows no forks"

ROOT = Path(__file__).resolve().parents[2]

PRELOADED = ("video", "batch", "bench", "best", "compare", "image", "info", "live", "sample")
"""Commands that are imported before the forks. They start no thread, which a fork would lose; OpenVINO would."""


def serve(number: int) -> None:
    """Forks for each message on a socket, and answers with the process number and the exit code.

    It returns in each fork, with the arguments and pipes of the message in place, as a new process would begin.

    Args:
        number: The socket's file descriptor.
    """
    from pipeline.cli.main import COMMANDS

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line itself has it
    for name in PRELOADED:
        import_module(COMMANDS[name].target.partition(":")[0])
    gc.freeze()  # so that no collection copies the pages that forks share
    connection = socket.socket(fileno=number)
    while True:
        message, ends, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            os._exit(0)
        child = os.fork()
        if child == 0:
            connection.close()
            break
        for end in ends:
            os.close(end)
        connection.send(str(child).encode())
        connection.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    for target, end in enumerate(ends):
        os.dup2(end, target)
        os.close(end)
    # Python has asked at its start whether these can seek.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    arguments, environment = json.loads(message)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


@functools.cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = f"from tests.support.forked import serve\nserve({theirs.fileno()})\nfrom pipeline.cli import main\nmain()"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: Any, data: bytes | None, seconds: float
) -> tuple[int, bytes, bytes]:
    """Runs the command line to its end.

    Args:
        arguments: What follows on the program's name.
        environment: The environment of the process.
        stdin: A file for standard input, or ``subprocess.DEVNULL``.
        data: What a pipe brings to standard input instead; None takes ``stdin``.
        seconds: Time after which the process is killed.

    Returns:
        The exit code, and what was written to standard output and standard error.

    Raises:
        TimeoutError: If the process took longer.
    """
    server = _server()
    (source, feed), (out, out_end), (err, err_end) = (os.pipe() for _ in range(3))
    if data is None:
        os.close(source)
        source = os.open(os.devnull, os.O_RDONLY) if stdin is subprocess.DEVNULL else os.dup(stdin.fileno())
    socket.send_fds(server, [json.dumps([list(arguments), dict(environment)]).encode()], [source, out_end, err_end])
    for end in (source, out_end, err_end):
        os.close(end)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(_feed, feed, data or b"")
        written = [pool.submit(_read, end) for end in (out, err)]
        child = int(server.recv(100))
        server.settimeout(seconds)
        try:
            code = int(server.recv(100))
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            server.settimeout(None)
        return code, written[0].result(), written[1].result()


def _feed(end: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as file:
        file.write(data)


def _read(end: int) -> bytes:
    with os.fdopen(end, "rb") as file:
        return file.read()
