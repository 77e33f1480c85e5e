"""The installed command, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("deblur.exe" if os.name == "nt" else "deblur")
"""The command of this environment, not another one on the path. The link of an environment's Python is not followed."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
    "PYTHONWARNINGS": "error",
    "DEBLUR_VERDICTS": "",
}


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    out: bytes
    err: str


class CommandLine:
    """Runs ``deblur``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *arguments: object, code: int = 0, data: bytes = b"", seconds: float = 60) -> Ended:
        """Runs to the end, and asserts the exit code, and that there is one line at most about an error.

        Args:
            arguments: After the name of the command.
            code: Exit code that is expected.
            data: Standard input.
            seconds: Time after which the process is ended, and the test fails.
        """
        done = subprocess.run(  # noqa: S603
            [COMMAND, *map(str, arguments)],
            input=data,
            capture_output=True,
            env=ENVIRONMENT,
            cwd=self._folder,
            timeout=seconds,
            check=False,
        )
        error = done.stderr.decode()
        assert done.returncode == code, error
        assert "Traceback" not in error
        assert "Warning" not in error
        lines = error.splitlines()
        assert [line for line in lines if line.startswith("deblur: ")] == (lines[-1:] if code else [])
        return Ended(done.stdout, error)

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Starts it with its output thrown away."""
        return subprocess.Popen(  # noqa: S603
            [COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd=self._folder,
        )


@pytest.fixture
def deblur(tmp_path: Path) -> CommandLine:
    """The command, run in the test's own folder."""
    return CommandLine(tmp_path)
