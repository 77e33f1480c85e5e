"""`deblur export`: networks as ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.errors import OutputError


@click.command()
@click.argument("out", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A safetensors file that `deblur train` wrote.",
)
@click.option("--shipped", is_flag=True, help="Write again every ONNX file that the package itself holds.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
def export(*, out: Path | None, weights: Path | None, shipped: bool, overwrite: bool) -> None:
    """Writes the network of a safetensors file as the ONNX file OUT, with dynamic batch, height and width.

    `deblur video --weights OUT` then runs it without PyTorch.
    """
    if shipped:
        if out is not None or weights is not None:
            raise click.UsageError("--shipped takes neither OUT nor --weights")
    elif out is None or weights is None:
        raise click.UsageError("give --weights FILE and OUT, or --shipped")
    elif out.suffix.lower() != ".onnx":
        raise click.UsageError(f"OUT must end in .onnx, which {out} does not")
    elif not out.parent.is_dir():
        raise click.UsageError(f"there is no folder {out.parent}")
    elif out.exists() and not overwrite:
        raise click.UsageError(f"{out} is there already; add --overwrite to replace it")

    from network import catalogue  # PyTorch is imported only now that the request makes sense
    from network.export import export_shipped, export_weights

    try:
        if out is not None and weights is not None:
            export_weights(weights, out)
            written = [out]
        else:
            written = export_shipped(catalogue.folder())
    except OSError as error:
        place = out.parent if out is not None else catalogue.folder()
        raise OutputError(f"can't write to {place}: {error.strerror or error}") from error
    for path in written:
        click.echo(f"wrote {path}")
