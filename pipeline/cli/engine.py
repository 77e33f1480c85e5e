"""`deblur engine`: TensorRT engines, built ahead of the first video and kept in a cache."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from network.counting import count_of
from pipeline.cli.engine_build import build
from pipeline.cli.engine_common import engine_cache
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from trt.cache import EngineCache


@click.group(short_help="Build and manage TensorRT engines.")
def engine() -> None:
    """Builds and manages TensorRT engines, which run a network on an NVIDIA GPU.

    `deblur video --engine tensorrt` builds what it needs by itself and keeps it; these commands do so ahead of time,
    and look after the cache.
    """


engine.add_command(build)


@engine.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(*, as_json: bool) -> None:
    """Lists the cached engines, the most recently used first."""
    found = engine_cache().entries()
    if as_json:
        values = [
            {
                "digest": each.digest,
                "bytes": each.size,
                "used": round(each.used),
                "problem": each.problem,
                **({} if each.entry is None else {"key": each.entry.key.to_json(), "parity": each.entry.parity}),
                **({} if each.entry is None else {"refused": each.entry.refused, "seconds": each.entry.seconds}),
            }
            for each in found
        ]
        click.echo(json.dumps(values, indent=1))
        return
    if not found:
        click.echo("no engine is cached")
    for each in found:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.used))
        what = each.problem or "kernels of a portable engine"
        if each.entry is not None:
            what = f"{each.entry.key} on {each.entry.key.gpu_name}"
        state = "" if each.entry is None else each.entry.refused or each.entry.parity or "not compared yet"
        click.echo(f"{each.digest[:12]}  {each.size / 1e6:7.1f} MB  {used}  {what}{f'; {state}' if state else ''}")


@engine.command()
@click.argument("portable", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def verify(*, portable: Path | None) -> None:
    """Reads every cached engine, or the PORTABLE file, and checks it against its checksum.

    The comparison with PyTorch needs the GPU and is made before an engine's first use; its outcome is shown here. What
    is damaged is built again when it is needed.
    """
    if portable is not None:
        from trt.portable_file import read_portable

        header = read_portable(portable).header
        click.echo(
            f"intact: {header.network} {header.layout} {header.depth} bits {header.precision}, "
            f"TensorRT-RTX {header.tensorrt}"
        )
        return
    damaged = _verify_all(engine_cache())
    if damaged:
        raise EngineError(f"{count_of(damaged, 'cached engine')} can't be used; `deblur engine clear` removes them all")


@engine.command()
def clear() -> None:
    """Removes every cached engine; they are built again when they are needed."""
    count, freed = engine_cache().clear()
    click.echo(f"removed {count_of(count, 'engine')}, {freed / 1e6:.1f} MB")


@engine.command()
def where() -> None:
    """Prints the folder of the cache."""
    from trt.cache import default_folder

    click.echo(default_folder())


def _verify_all(cache: EngineCache) -> int:
    """Reports on every entry.

    Returns:
        Number of entries that can't be used.
    """
    from trt.cache import Hit

    damaged = 0
    for found in cache.entries():
        if found.entry is None and not found.problem:
            continue  # kernels, which TensorRT-RTX itself checks
        problem, parity = found.problem, ""
        if found.entry is not None:
            looked_up = cache.lookup(found.entry.key)
            if isinstance(looked_up, Hit):
                problem, parity = looked_up.entry.refused, looked_up.entry.parity or "not compared yet"
            else:
                problem = looked_up.reason
        damaged += bool(problem)
        click.echo(
            f"{found.digest[:12]}  {found.entry.key if found.entry else 'unknown'}: {problem or f'intact; {parity}'}"
        )
    return damaged
