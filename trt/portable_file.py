"""The file of a portable engine: a ZIP archive of a JSON header, the engine, and the network's weights.

The header holds the facts of the engine. The weights are those that the engine was built from, as safetensors: on the
GPU that the engine runs on, it is compared with PyTorch, which needs them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from network.files import write_bytes
from network.planes import Layout, Matrix, PlaneSpec
from trt.errors import PortableError
from trt.settings import Precision

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "deblur-stream portable engine 3"
HEADER_NAME = "header.json"
ENGINE_NAME = "engine.plan"
WEIGHTS_NAME = "weights.safetensors"
LARGEST_HEADER = 1 << 20
LARGEST_ENGINE = 4 << 30
LARGEST_WEIGHTS = 4 << 30


@dataclass(frozen=True, slots=True)
class Header:
    """What a portable engine is.

    Attributes:
        network: Name of the network.
        network_digest: SHA-256 of the network's weights, as their file says; empty if it has none.
        onnx_sha256: SHA-256 of the ONNX file that the engine was built from.
        tensorrt: Version of TensorRT-RTX; it must be the same where the engine runs.
        precision: Precision of the network, ``fp16`` or ``fp32``.
        layout: Layout of the planes.
        depth: Number of bits of a code.
        matrix: Matrix between RGB and the planes.
        full_range: Whether codes use their full range.
        strength: Share of the network's changes that is applied.
        smallest: Least height and width in pixels.
        largest: Greatest height and width in pixels.
        batch: Most frames of a call.
        inputs: Names of what the engine takes, see :class:`trt.signature.Signature`.
        size: Size of the engine in bytes.
        sha256: SHA-256 of the engine, hexadecimal.
    """

    network: str
    network_digest: str
    onnx_sha256: str
    tensorrt: str
    precision: str
    layout: str
    depth: int
    matrix: str
    full_range: bool
    strength: float
    smallest: tuple[int, int]
    largest: tuple[int, int]
    batch: int
    inputs: tuple[str, ...]
    size: int
    sha256: str

    @property
    def spec(self) -> PlaneSpec:
        """Layout, depth and colours of the planes that the engine takes, at the largest size."""
        height, width = self.largest
        return PlaneSpec(width, height, Layout(self.layout), self.depth, Matrix(self.matrix), self.full_range)


@dataclass(frozen=True, slots=True)
class Portable:
    """The content of a portable engine's file.

    Attributes:
        header: Facts for which the engine was built.
        engine: The engine, serialized by TensorRT-RTX.
        weights: Content of a file that ``deblur train`` wrote; None for a network without weights.
    """

    header: Header
    engine: bytes
    weights: bytes | None


def read_portable(path: Path) -> Portable:
    """Reads a portable engine.

    Raises:
        PortableError: If the file is not there, damaged, or no portable engine of this version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(HEADER_NAME).file_size > LARGEST_HEADER:
                raise PortableError(f"{path} is no portable engine; build one with `deblur engine build --portable`")
            header = _parse(path, archive.read(HEADER_NAME))
            if not archive.getinfo(ENGINE_NAME).file_size == header.size <= LARGEST_ENGINE:
                raise PortableError(f"{path} is damaged: its engine is not of the size it says; copy it again")
            engine = archive.read(ENGINE_NAME)
            weights = None
            if WEIGHTS_NAME in archive.namelist():
                if archive.getinfo(WEIGHTS_NAME).file_size > LARGEST_WEIGHTS:
                    raise PortableError(f"{path} is damaged: its weights are too large; copy it again")
                weights = archive.read(WEIGHTS_NAME)
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise PortableError(f"{path} can't be read as a portable engine ({error}); copy or build it again") from error
    if hashlib.sha256(engine).hexdigest() != header.sha256:
        raise PortableError(f"{path} is damaged: the checksum of its engine does not match; copy it again")
    return Portable(header, engine, weights)


def write_portable(path: Path, content: Portable) -> None:
    """Writes a portable engine; replaces the file if it is there.

    Args:
        path: File to write.
        content: What to write; the header's size and checksum must be those of the engine.

    Raises:
        OSError: If the file can't be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(HEADER_NAME, json.dumps({"format": FORMAT, **asdict(content.header)}, indent=1))
        archive.writestr(ENGINE_NAME, content.engine)
        if content.weights is not None:
            archive.writestr(WEIGHTS_NAME, content.weights)
    write_bytes(path, buffer.getvalue(), private=True)


def _parse(path: Path, content: bytes) -> Header:
    try:
        values = json.loads(content)
        if values.pop("format") != FORMAT:
            raise PortableError(f"{path} was written by another version of deblur; build it again")
        values |= {name: tuple(values[name]) for name in ("smallest", "largest", "inputs")}
        header = Header(**values)
        Precision(header.precision)
        header.spec  # noqa: B018 - refuses what is no layout
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PortableError(f"{path} has a damaged header; copy or build it again") from error
    return header
