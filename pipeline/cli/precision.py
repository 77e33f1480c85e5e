"""The option that says in which arithmetic a network runs."""

from __future__ import annotations

import click

from pipeline.engines.precision import PRECISIONS

precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="The network's arithmetic; auto takes int8 where the processor is made for it.",
)
