"""``--serve`` of ``deblur live``: the browser page as a companion of the run."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pipeline.live.hub import LiveHub
    from pipeline.live.session import LiveSession
    from pipeline.runner.protocols import Engine

_Command = TypeVar("_Command", bound="Callable[..., Any]")

NEEDED = ("aiortc", "aiohttp", "segno")


def serve_options(command: _Command) -> _Command:
    """Adds the options ``--serve`` and those that go with it, as ``serve``, ``certificate``, ``key`` and ``names``."""
    path = click.Path(path_type=Path, dir_okay=False)
    options = (
        click.option(
            "--serve",
            is_flag=False,
            flag_value="127.0.0.1:8765",
            metavar="[HOST:PORT]",
            help="Serve a page for browsers, on this machine alone if no other HOST is given.",
        ),
        click.option("--serve-certificate", "certificate", type=path, help="PEM file for HTTPS in place of its own."),
        click.option("--serve-key", "key", type=path, help="PEM file of the key, if the certificate's has none."),
        click.option("--serve-name", "names", multiple=True, metavar="NAME", help="A name of this machine for links."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def page_companion(
    serve: str,
    certificate: Path | None,
    key: Path | None,
    names: tuple[str, ...],
    camera: tuple[tuple[int, int] | None, float | None],
    source: str,
    load: Callable[[], Engine],
) -> Callable[[LiveHub, LiveSession | None], AbstractContextManager[object]]:
    """Prepares the page.

    Args:
        serve: Where, as typed.
        certificate: PEM file; None for none.
        key: PEM file; None for none.
        names: Of this machine.
        camera: Size and frames a second that pages ask of their cameras; None for the defaults.
        source: What pages may watch is called so.
        load: Makes an engine for an uploaded file, in another process: it can be pickled.

    Returns:
        What :class:`pipeline.live.run.LiveJob` takes as a companion. When it is entered, the link is on standard error.

    Raises:
        UsageError: If ``serve`` is no address, or a package is missing.
    """
    missing = [module for module in NEEDED if find_spec(module) is None]
    if missing:
        raise UsageError(f'--serve needs {", ".join(missing)}: pip install "deblur-stream[live]"')
    from pipeline.live.web.options import CAMERA, ServeOptions, parse_address

    if key is not None and certificate is None:
        raise UsageError("--serve-key goes with --serve-certificate; give both")
    host, port = parse_address(serve)
    (width, height), rate = camera[0] or CAMERA[:2], camera[1] or CAMERA[2]
    options = ServeOptions(host, port, certificate, key, names, (width, height, rate))

    @contextmanager
    def enter(hub: LiveHub, session: LiveSession | None) -> Iterator[None]:
        from pipeline.live.web.page import Watched
        from pipeline.live.web.server import WebThread, link_text

        page = WebThread(options, hub, Watched(source, session) if session is not None else None, load)
        address = page.start()
        try:
            # Even with --quiet: nobody could find the page without its token.
            click.echo(link_text(address, has_code=not options.is_private and sys.stderr.isatty()), err=True)
            yield
        finally:
            page.stop()

    return enter
