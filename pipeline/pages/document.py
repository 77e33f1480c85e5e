"""A page that needs no other file: its styles and scripts stand in it, and it asks no address for anything."""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from network.files import write_text
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{styles}</style>
</head>
<body>
<main>
{body}
</main>
{scripts}</body>
</html>
"""

PARTS = ("slider", "chart")
"""What a page may have besides text: each is one file of CSS and one of JavaScript."""


def asset(name: str) -> str:
    """The text of a shared file of pages, such as ``slider.js``."""
    return (resources.files("pipeline.pages") / "static" / name).read_text("utf-8")


def document(title: str, body: str, parts: tuple[str, ...] = ()) -> str:
    """The text of a page.

    Args:
        title: Title of the window, as plain text.
        body: HTML of what the page shows.
        parts: What of :data:`PARTS` the body holds.
    """
    styles = "".join(asset(f"{name}.css") for name in ("page", *parts))
    scripts = "".join(f'<script type="module">\n{asset(f"{name}.js")}</script>\n' for name in parts)
    return _PAGE.format(title=escape(title), styles=styles, body=body, scripts=scripts)


def write_document(path: Path, text: str) -> None:
    """Writes a page; its name holds the whole page, or what it held before.

    Raises:
        OutputError: If it can't be written.
    """
    try:
        write_text(path, text)
    except OSError as error:
        raise OutputError(f"can't write the page {path}: {error.strerror or error}") from error
