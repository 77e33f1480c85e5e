"""The command line of this checkout, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def error(self) -> str:
        """The one line that starts with the program's name; that it is the last and the only one is asserted."""
        lines = self.err.splitlines()
        assert [line for line in lines if line.startswith("deblur: ")] == lines[-1:], self.err
        assert "Traceback" not in self.err
        return lines[-1]


class CommandLine:
    """Runs ``deblur`` in a process of its own."""

    environment: ClassVar = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "DEBLUR_CONFIG": ""}

    def run(
        self,
        *arguments: object,
        prelude: str = "",
        stdin: Any = subprocess.DEVNULL,
        data: bytes | None = None,
        path: Sequence[Path] = (),
        timeout: float = 60,
    ) -> Ended:
        """Runs to the end; ``prelude`` is Python that runs before the program, ``path`` comes first on PYTHONPATH."""
        words = [str(argument) for argument in arguments]
        if sys.platform == "linux" and not prelude and not path:
            from tests.support.forked import run_forked

            code, out, err = run_forked(words, self.environment, stdin, data, timeout)
            return Ended(code, out, err.decode())
        script = f"{prelude}\nfrom pipeline.cli import main\nmain()"
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", script, *words],
            **({"input": data} if data is not None else {"stdin": stdin}),
            capture_output=True,
            env={**self.environment, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))},
            timeout=timeout,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr.decode())

    def command(self, *arguments: object) -> list[str]:
        """The words that start it."""
        return [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Starts it with pipes at all ends."""
        return subprocess.Popen(  # noqa: S603
            self.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )
