"""Whether a window can be opened, found out without a window."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import UsageError
from pipeline.live.output.window_check import require_window

if TYPE_CHECKING:
    from collections.abc import Iterator

pygame: Any = pytest.importorskip("pygame", reason="pygame-ce is not installed")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has such displays")


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    pygame.display.quit()
    yield
    pygame.display.quit()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "there is no display for `window`"),
        ({"DISPLAY": ""}, "there is no display for `window`"),
        ({"DISPLAY": "nonsense"}, "the display nonsense for `window` does not answer"),
        ({"DISPLAY": ":4711"}, "the display :4711 for `window` does not answer"),
        ({"WAYLAND_DISPLAY": "wayland-4711"}, "the display wayland-4711 for `window` does not answer"),
        ({"SDL_VIDEODRIVER": "nonsense"}, "does not answer"),
    ],
)
def test_a_display_that_is_not_there_is_refused(
    environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said) as raised:
        require_window()
    assert raised.value.field == "window"
    assert "use `serve` or another output" in str(raised.value)
    assert {name: os.environ.get(name) for name in environment} == environment


def test_a_display_that_answers_passes_and_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    before = dict(os.environ)
    require_window()
    require_window()
    assert pygame.display.get_driver() == "dummy"
    assert dict(os.environ) == before
