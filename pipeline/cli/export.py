"""`deblur export`: networks as ONNX, and in INT8."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from pipeline.errors import OutputError, UsageError

EXAMPLES = 300
CHECKS = 60
"""Examples that a network is calibrated with, and those that it is checked on."""


@click.command()
@click.argument("out", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A safetensors file that `deblur train` wrote.",
)
@click.option("--shipped", is_flag=True, help="Write again every ONNX file that the package itself holds.")
@click.option("--int8", is_flag=True, help="Write INT8: OUT ends in .xml, and a .bin comes beside it.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="For --int8: a pool of `deblur synth` or `deblur pack`. Repeat it for several.",
)
@click.option(
    "--loss",
    type=click.FloatRange(min=0, min_open=True),
    default=0.1,
    show_default=True,
    help="For --int8: dB of PSNR that may be lost on examples of the pools; layers are kept in FP32 until it holds.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
def export(
    *,
    out: Path | None,
    weights: Path | None,
    shipped: bool,
    int8: bool,
    calibration: tuple[Path, ...],
    loss: float,
    overwrite: bool,
) -> None:
    """Writes the network of a safetensors file as the ONNX file OUT, with dynamic batch, height and width.

    `deblur video --weights OUT` then runs it without PyTorch. With --int8, the network computes in 8 bits on
    processors; pictures that it is evaluated on are none to calibrate it with.
    """
    _check(out, weights, shipped=shipped, overwrite=overwrite, suffix=".xml" if int8 else ".onnx")
    if int8 != bool(calibration):
        raise click.UsageError("--int8 and --calibration go together")

    from network import catalogue  # PyTorch is imported only now that the request makes sense
    from network.export import export_shipped, export_weights

    if int8:
        _require_nncf()
    try:
        if out is not None and weights is not None:
            if not int8:
                export_weights(weights, out)
                _tell_written(out)
            else:
                with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
                    original = Path(folder) / f"{weights.stem}.onnx"
                    export_weights(weights, original)
                    _quantise(original, out, calibration, loss)
        else:
            for path in export_shipped(catalogue.folder()):
                _tell_written(path)
            for name in catalogue.shipped_names():
                if catalogue.weights_file(name) is not None:
                    _renew(name, calibration, loss)
    except OSError as error:
        place = out.parent if out is not None else catalogue.folder()
        raise OutputError(f"can't write to {place}: {error.strerror or error}") from error


def _check(out: Path | None, weights: Path | None, *, shipped: bool, overwrite: bool, suffix: str) -> None:
    if shipped:
        if out is not None or weights is not None:
            raise click.UsageError("--shipped takes neither OUT nor --weights")
    elif out is None or weights is None:
        raise click.UsageError("give --weights FILE and OUT, or --shipped")
    elif out.suffix.lower() != suffix:
        raise click.UsageError(f"OUT must end in {suffix}, which {out} does not")
    elif not out.parent.is_dir():
        raise click.UsageError(f"there is no folder {out.parent}")
    elif out.exists() and not overwrite:
        raise click.UsageError(f"{out} is there already; add --overwrite to replace it")


def _require_nncf() -> None:
    from importlib.util import find_spec

    if find_spec("nncf") is None:
        raise UsageError('INT8 needs nncf: pip install "deblur-stream[quantise]"')


def _renew(name: str, sources: tuple[Path, ...], loss: float) -> None:
    """Writes the shipped INT8 form of a network again, or says that it must be."""
    from network import catalogue
    from pipeline.engines.openvino_network import read_network

    original, old = catalogue.onnx_file(name), catalogue.int8_file(name)
    assert original is not None, "a network with weights was exported"
    if sources:
        _quantise(original, catalogue.folder() / catalogue.int8_name(name), sources, loss)
    elif old is not None and read_network(old).digest != read_network(original).digest:
        click.echo(f"note: {old.name} is of other weights now and is not used; add --int8 and --calibration", err=True)


def _quantise(original: Path, out: Path, sources: tuple[Path, ...], loss: float) -> None:
    from pipeline.engines.calibration import gather
    from pipeline.engines.openvino_network import read_network
    from pipeline.engines.quantise import quantise

    done = quantise(original, out, gather(sources, read_network(original).window, EXAMPLES, CHECKS), loss)
    kept = f"all but {len(done.kept)}" if done.kept else "all"
    click.echo(f"{kept} of {done.layers} convolutions in INT8: {done.loss:+.3f} dB lost on {CHECKS} examples")
    _tell_written(out)
    _tell_written(out.with_suffix(".bin"))


def _tell_written(path: Path) -> None:
    click.echo(f"wrote {path}")
