"""Whether a window can be opened, found out without a window."""

from __future__ import annotations

import socket
import sys

import pytest

from pipeline.errors import UsageError
from pipeline.live.output.window_check import require_x_display

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has such displays")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "no display"),
        ("nonsense", "no display"),
        (":4711", "does not answer"),
        ("unix:4711", "does not answer"),
        ("127.0.0.1:59000", "does not answer"),
    ],
)
def test_a_display_that_is_not_there_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        require_x_display(name)


def test_a_display_that_answers_passes() -> None:
    with socket.socket() as server:
        for port in range(6900, 7000):
            try:
                server.bind(("127.0.0.1", port))
            except OSError:
                continue
            server.listen()
            require_x_display(f"127.0.0.1:{port - 6000}.0")
            return
        pytest.skip("every port that displays use is taken")
