"""`deblur engine build`: a TensorRT engine, into the cache or into a file."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from network import catalogue
from network.planes import MAX_STRENGTH, Matrix, PlaneSpec
from pipeline.cli.engine_common import engine_cache, memory_explained
from pipeline.cli.notes import show_notes
from pipeline.cli.types import Size
from pipeline.errors import OutputError, UsageError
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

ONNX = ".onnx"
SAFETENSORS = ".safetensors"
FRAMES = 2
"""Number of frames of a call in :class:`pipeline.engines.tensorrt.TensorRTEngine` on one GPU: a batch over its chunks.
That module can't be asked without importing PyTorch; a test holds the two together."""


@click.command()
@click.option(
    "--network", default=catalogue.DEFAULT, show_default=True, help=f"Which network: {', '.join(catalogue.NAMES)}."
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights other than the shipped ones: a safetensors file.",
)
@click.option(
    "--size",
    type=Size(wanted="width and height such as 1920x1080"),
    default="1920x1080",
    show_default=True,
    help="Size of a frame in pixels.",
)
@click.option("--layout", default="yuv420p", show_default=True, help="FFmpeg's pixel format, such as yuv420p10le.")
@click.option(
    "--matrix",
    type=click.Choice([each.value for each in Matrix]),
    help="Colour matrix; that of untagged video if not given.",
)
@click.option("--full-range", is_flag=True, help="Codes from 0 to the highest, not the limited range of video.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=FRAMES,
    show_default=True,
    help="Frames at a time; the default is what `deblur video` takes on one GPU.",
)
@click.option(
    "--precision",
    type=click.Choice([each.value for each in Precision]),
    default=Precision.FP16.value,
    show_default=True,
)
@click.option("--opt-level", type=click.IntRange(0, 5), help="How long to search for faster kernels, 0 to 5.")
@click.option(
    "--strength",
    type=click.FloatRange(0, MAX_STRENGTH),
    default=1.0,
    show_default=True,
    help="How much of the correction is applied; as for `deblur video`.",
)
@click.option("--device", type=click.IntRange(0), default=0, show_default=True, help="Number of the GPU.")
@click.option(
    "--portable",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write an engine for any machine with an RTX GPU; needs no GPU here. --size and --batch are then the largest.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def build(
    *,
    network: str,
    weights: Path | None,
    size: tuple[int, int],
    layout: str,
    matrix: str | None,
    full_range: bool,
    batch: int,
    precision: str,
    opt_level: int | None,
    strength: float,
    device: int,
    portable: Path | None,
    overwrite: bool,
) -> None:
    """Builds an engine into the cache, unless it is there, or with --portable into FILE."""
    if network not in catalogue.NAMES:
        raise UsageError(f"there is no network {network!r}; choose one of {', '.join(catalogue.NAMES)}")
    spec = plane_spec(size, layout, Matrix(matrix) if matrix else None, full_range=full_range)
    settings = EngineSettings(Precision(precision), strength, opt_level)
    with memory_explained():
        if portable is not None:
            _build_portable(network, weights, portable, spec, batch, settings, overwrite=overwrite)
        else:
            _build_cached(network, weights, spec, batch, settings, device)


def plane_spec(size: tuple[int, int], pixel_format: str, matrix: Matrix | None, *, full_range: bool) -> PlaneSpec:
    """Layout and colours of a video's planes, from the given values and the defaults of untagged video.

    Args:
        size: Width and height in pixels.
        pixel_format: FFmpeg's name of the pixel format.
        matrix: Matrix of the colours; None takes what the decoder takes for untagged video.
        full_range: Whether codes use their full range; False leaves it to what the pixel format implies.

    Raises:
        UsageError: If FFmpeg has no such format, or it does not go with the matrix.
    """
    import av

    from pipeline.media.frames import spec_of

    try:
        spec, native = spec_of(av.VideoFrame(*size, pixel_format))
        if native != pixel_format and not pixel_format.startswith("yuvj"):
            raise UsageError(f"frames are deblurred as {native}, not as {pixel_format}; give --layout {native}")
        return PlaneSpec(
            spec.width, spec.height, spec.layout, spec.depth, matrix or spec.matrix, full_range or spec.full_range
        )
    except ValueError as error:
        raise UsageError(f"{pixel_format} can't be the layout of the planes: {error}") from error


def _build_cached(
    network: str, weights: Path | None, spec: PlaneSpec, batch: int, settings: EngineSettings, device: int
) -> None:
    from trt import library, parity
    from trt.build_or_load import Request, build_or_load

    chosen = library.require_cuda(f"cuda:{device}")
    name, loaded = _network(network, weights)
    request = Request(loaded, name, spec, batch, settings)
    cache = engine_cache()
    steps: list[str] = []

    def tell(line: str) -> None:
        steps.append(line)
        click.echo(line, err=True)

    show_notes(show=tell)
    build_or_load(request, chosen, cache, lambda made: parity.verify(made, loaded, settings, chosen))
    click.echo(f"{'built' if steps else 'already in the cache'}: {cache.folder}")


def _build_portable(
    network: str,
    weights: Path | None,
    path: Path,
    spec: PlaneSpec,
    batch: int,
    settings: EngineSettings,
    *,
    overwrite: bool,
) -> None:
    from trt.portable import Range, build_portable

    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; add --overwrite to replace it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}; create it first")
    largest = (spec.height, spec.width)
    shapes = Range(usual=largest, largest=largest, smallest=(min(16, largest[0]), min(16, largest[1])), batch=batch)
    weights = weights or catalogue.weights_file(network)
    with _onnx(network, weights) as source:
        click.echo(f"building a portable engine from {source.name}", err=True)
        begin = time.monotonic()
        try:
            header = build_portable(source, weights, path, spec, settings, shapes)
        except OSError as error:
            raise OutputError(f"{path} can't be written: {error.strerror or error}") from error
    click.echo(
        f"wrote {path}: {header.network} {header.precision}, up to {header.largest[1]}x{header.largest[0]}, batch "
        f"{header.batch}, TensorRT-RTX {header.tensorrt}, {header.size / 1e6:.1f} MB, {time.monotonic() - begin:.0f} s"
    )


def _network(name: str, weights: Path | None) -> tuple[str, nn.Module]:
    """A network with its name, as PyTorch module."""
    from network.models.registry import create
    from network.weights import load

    if weights is not None and weights.suffix.lower() != SAFETENSORS:
        raise UsageError(f"engines are built from {SAFETENSORS} files, which {weights} is not by its name")
    path = weights or catalogue.weights_file(name)
    if path is None and name == "identity":
        return name, create(name).eval()
    if path is None:
        raise _without_weights(name)
    module, header = load(path)
    return header.network, module


@contextlib.contextmanager
def _onnx(name: str, weights: Path | None) -> Iterator[Path]:
    """A network as ONNX file: the shipped one for the shipped weights, else a temporary one."""
    shipped = catalogue.onnx_file(name)
    if weights == catalogue.weights_file(name):
        if shipped is None:
            raise _without_weights(name)
        yield shipped
        return
    if weights is None or weights.suffix.lower() != SAFETENSORS:
        raise UsageError(f"engines are built from {SAFETENSORS} files, which {weights} is not by its name")
    from network.export import export_weights

    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        path = Path(folder) / f"{weights.stem}{ONNX}"
        export_weights(weights, path)
        yield path


def _without_weights(network: str) -> UsageError:
    return UsageError(f"network {network!r} comes without weights: train it with `deblur train` and give --weights")
