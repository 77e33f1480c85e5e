"""``deblur doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipeline.engines.probes import ENGINE_PROBES
from pipeline.system.doctor import MACHINE_PROBES, advice, examine, table, warnings

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Shows what this machine offers: engines, codecs, cameras; what `auto` takes, and what to install for more.

    Encoders and decoders are tried, not looked up. What fails is shown in its line; the command itself does not fail.
    A library of a version that was not tested is a warning.
    """
    findings = examine({**MACHINE_PROBES, **ENGINE_PROBES})
    troubles = warnings(findings)
    findings += advice(findings)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        click.echo(table(findings))
    for line in troubles:
        click.echo(f"warning: {line}", err=True)
