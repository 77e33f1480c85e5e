"""``--serve`` of ``deblur live``: the browser page as a service of the run."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from pipeline.cli.groups import PAGE, added, as_record
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pipeline.live.live_engine import LiveEngine
    from pipeline.live.session import LiveSession
    from pipeline.runner.protocols import Engine

NEEDED = ("aiortc", "aiohttp", "segno")


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What was typed for :func:`serve_options`, each attribute for an option.

    Attributes:
        serve: Address to serve on, as it was typed; None for no page.
        certificate: PEM file of the certificate; None for the page's own certificate.
        key: PEM file of the key; None where ``certificate`` holds the key too.
        names: Names of this machine for links.
    """

    serve: str | None
    certificate: Path | None
    key: Path | None
    names: tuple[str, ...]


def serve_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--serve`` and the options that go with it, which the command gets as ``page``, :class:`PageOptions`."""
    path = click.Path(path_type=Path, dir_okay=False)
    return added(
        cloup.option(
            "--serve",
            is_flag=False,
            flag_value="127.0.0.1:8765",
            metavar="[HOST:PORT]",
            help="Serve a page for browsers, on this machine alone if no other HOST is given.",
            group=PAGE,
        ),
        cloup.option(
            "--serve-certificate",
            "certificate",
            type=path,
            help="PEM file for HTTPS in place of its own.",
            group=PAGE,
        ),
        cloup.option(
            "--serve-key", "key", type=path, help="PEM file of the key, if the certificate's has none.", group=PAGE
        ),
        cloup.option(
            "--serve-name", "names", multiple=True, metavar="NAME", help="A name of this machine for links.", group=PAGE
        ),
        as_record(PageOptions, "page"),
    )(command)


def page_service(
    page: PageOptions,
    serve: str,
    camera: tuple[tuple[int, int] | None, float | None],
    source: str,
    load: Callable[[], Engine],
    look_ahead: int = 0,
) -> Callable[[LiveEngine, LiveSession | None], AbstractContextManager[object]]:
    """Prepares the page.

    Args:
        page: Options as they were typed.
        serve: Address to serve on, as it was typed.
        camera: Size and frames a second that pages ask of their cameras; None for the defaults.
        source: Name of the source that pages may watch.
        load: Function that makes an engine for an uploaded file, in another process: it must be picklable.
        look_ahead: Number of frames to look ahead of the cameras of pages, 0 or 1.

    Returns:
        What :class:`pipeline.live.run.LiveJob` takes as a service. When it is entered, the link is on standard error.

    Raises:
        UsageError: If ``serve`` is no address, or a package is missing.
    """
    missing = [module for module in NEEDED if find_spec(module) is None]
    if missing:
        raise UsageError(f'--serve needs {", ".join(missing)}: pip install "deblur-stream[live]"')
    from pipeline.live.web.options import CAMERA, ServeOptions, parse_address

    if page.key is not None and page.certificate is None:
        raise UsageError("--serve-key goes with --serve-certificate; give both")
    host, port = parse_address(serve)
    (width, height), rate = camera[0] or CAMERA[:2], camera[1] or CAMERA[2]
    options = ServeOptions(host, port, page.certificate, page.key, page.names, (width, height, rate), look_ahead)

    @contextmanager
    def enter(live_engine: LiveEngine, session: LiveSession | None) -> Iterator[None]:
        from pipeline.live.web.page import SharedSource
        from pipeline.live.web.server import WebThread, link_text

        thread = WebThread(options, live_engine, SharedSource(source, session) if session is not None else None, load)
        address = thread.start()
        try:
            # Even with --quiet: nobody could find the page without its token.
            click.echo(link_text(address, has_code=not options.is_private and sys.stderr.isatty()), err=True)
            yield
        finally:
            thread.stop()

    return enter
