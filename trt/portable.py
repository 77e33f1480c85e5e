"""Portable engines: built by TensorRT-RTX from an ONNX file on any x86-64 machine, for any machine with an RTX GPU.

One engine takes a range of sizes and batches. TensorRT-RTX finishes the choice of kernels on the GPU it first runs on,
so neither GPU nor driver matter at build time; its own version does. Building needs ``tensorrt_rtx`` and ``onnx``, and
neither PyTorch nor a GPU.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trt.errors import BuildError, MissingError, PortableError
from trt.portable_file import Header, Portable, write_portable
from trt.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from network.planes import PlaneSpec
    from trt.settings import EngineSettings

STRIDE = 16
"""The networks pad height and width to a multiple of this. TensorRT refuses a range whose ends are no multiples."""


@dataclass(frozen=True, slots=True)
class Range:
    """The shapes that a portable engine takes.

    Attributes:
        smallest: Least height and width, in pixels; rounded down to multiples of :data:`STRIDE`.
        usual: Height and width to optimise for, in pixels; rounded up to such multiples.
        largest: Greatest height and width, in pixels; rounded up to such multiples.
        batch: Most frames of a call, at least 1; the engine is optimised for one.

    Raises:
        ValueError: If the sizes are not in order, or a value is less than 1.
    """

    smallest: tuple[int, int] = (STRIDE, STRIDE)
    usual: tuple[int, int] = (1080, 1920)
    largest: tuple[int, int] = (2160, 3840)
    batch: int = 4

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"a batch has at least one frame, not {self.batch}")
        for axis in range(2):
            if not 1 <= self.smallest[axis] <= self.usual[axis] <= self.largest[axis]:
                raise ValueError(f"sizes must be in order: {self.smallest}, {self.usual}, {self.largest}")

    @property
    def ends(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Smallest, usual and largest height and width, rounded to multiples of :data:`STRIDE`."""
        smallest, usual, largest = (
            tuple(max(STRIDE, (length + extra) // STRIDE * STRIDE) for length in size)
            for size, extra in ((self.smallest, 0), (self.usual, STRIDE - 1), (self.largest, STRIDE - 1))
        )
        return (smallest[0], smallest[1]), (usual[0], usual[1]), (largest[0], largest[1])


def build_portable(
    source: Path,
    weights: Path | None,
    path: Path,
    spec: PlaneSpec,
    settings: EngineSettings,
    shapes: Range | None = None,
) -> Header:
    """Builds a portable engine and writes it.

    Args:
        source: The network as ONNX, as ``deblur export`` writes it.
        weights: The safetensors file that ``source`` was exported from; None for a network without weights.
        path: File to write, which is replaced if it is there.
        spec: Layout, depth and matrix of the planes; width and height are not read.
        settings: Settings of the build.
        shapes: Sizes and batches that the engine takes; None takes those of :class:`Range`.

    Returns:
        Header of the file that was written.

    Raises:
        MissingError: If TensorRT-RTX is not installed.
        ConversionError: If ``source`` is no network of this project.
        BuildError: If TensorRT fails.
        OSError: If ``weights`` can't be read, or ``path`` can't be written.
    """
    from trt.onnx_graph import engine_model, network_facts

    shapes = shapes or Range()
    facts = network_facts(source)
    model = engine_model(source, spec, settings).SerializeToString()
    signature = Signature(spec, 1, facts.window)
    engine = serialize_portable(model, signature, settings, shapes)
    smallest, _, largest = shapes.ends
    header = Header(
        network=facts.name,
        network_digest=facts.digest,
        onnx_sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        tensorrt=installed_version(),
        precision=settings.precision.value,
        layout=spec.layout.value,
        depth=spec.depth,
        matrix=spec.matrix.value,
        full_range=spec.full_range,
        strength=settings.strength,
        smallest=smallest,
        largest=largest,
        batch=shapes.batch,
        inputs=tuple(port.name for port in signature.inputs),
        size=len(engine),
        sha256=hashlib.sha256(engine).hexdigest(),
    )
    write_portable(path, Portable(header, engine, weights.read_bytes() if weights else None))
    return header


def serialize_portable(model: bytes, signature: Signature, settings: EngineSettings, shapes: Range) -> bytes:
    """Builds an engine from a model.

    Args:
        model: ONNX model, as :func:`trt.onnx_graph.engine_model` makes it.
        signature: What goes in and comes out; sizes and batch are not read.
        settings: Settings of the build.
        shapes: Sizes and batches that the engine takes.

    Raises:
        MissingError: If TensorRT-RTX is not installed.
        BuildError: If TensorRT fails.
    """
    trt, logger = _library()
    builder = trt.Builder(logger)
    network = builder.create_network(0)  # TensorRT-RTX types every network strongly
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise BuildError(f"TensorRT-RTX can't read the network: {'; '.join(reasons) or logger.last}")
    config = builder.create_builder_config()
    if settings.workspace_bytes:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_bytes)
    if settings.optimization_level is not None:
        config.builder_optimization_level = settings.optimization_level
    profile = builder.create_optimization_profile()
    batches = (1, 1, shapes.batch)
    ends = [
        replace(signature.of_size(*size), batch=batch).inputs for size, batch in zip(shapes.ends, batches, strict=True)
    ]
    for three in zip(*ends, strict=True):
        profile.set_shape(three[0].name, *(port.shape for port in three))
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BuildError(f"TensorRT-RTX can't build the engine: {logger.last or 'it gives no reason'}")
    return bytes(engine)


def check_portable(header: Header, signature: Signature, settings: EngineSettings) -> None:
    """Refuses an engine that was built for another kind of frames or other settings.

    Args:
        header: Facts for which the engine was built.
        signature: What goes in and comes out.
        settings: Precision and strength that are wanted.

    Raises:
        MissingError: If TensorRT-RTX is not installed.
        PortableError: If anything differs.
    """
    spec, batch, (height, width) = signature.spec, signature.batch, signature.size
    inputs = tuple(port.name for port in signature.inputs)
    wanted = (spec.layout, spec.depth, spec.matrix, spec.full_range)
    made_for = (header.spec.layout, header.spec.depth, header.spec.matrix, header.spec.full_range)
    low, high = header.smallest, header.largest
    problems = {
        f"it is for TensorRT-RTX {header.tensorrt}, and {installed_version()} is installed": (
            header.tensorrt == installed_version()
        ),
        f"it takes {', '.join(header.inputs)}, not {', '.join(inputs)}": inputs == header.inputs,
        f"it is for planes {made_for}, not {wanted}": made_for == wanted,
        f"it computes in {header.precision}, not {settings.precision}": header.precision == settings.precision,
        f"its strength is {header.strength}, not {settings.strength}": header.strength == settings.strength,
        f"it takes {low[1]}x{low[0]} to {high[1]}x{high[0]}, not {width}x{height}": (
            low[0] <= height <= high[0] and low[1] <= width <= high[1]
        ),
        f"it takes batches up to {header.batch}, not {batch}": 1 <= batch <= header.batch,
    }
    for problem, holds in problems.items():
        if not holds:
            raise PortableError(f"the portable engine does not fit: {problem}; build it again with these values")


def installed_version() -> str:
    """Version of TensorRT-RTX.

    Raises:
        MissingError: If it is not installed.
    """
    return str(_library()[0].__version__)


def _library() -> tuple[Any, Any]:
    """TensorRT-RTX, and a logger that keeps the last error and prints nothing."""
    try:
        import tensorrt_rtx as trt
    except ImportError as error:
        raise MissingError(
            'portable engines need TensorRT-RTX: pip install "deblur-stream[rtx]" (on Linux or Windows, x86-64)'
        ) from error

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in {trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR}:
                self.last = " ".join(message.split())

    return trt, Logger()
