"""Portable engines: built by the real builder of TensorRT-RTX, read back, and refused where they do not fit."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from network.catalogue import onnx_file, weights_file
from network.export import export_network
from network.models import registry
from network.planes import Layout, Matrix, PlaneSpec
from network.weights import digest_of
from network.window.windows import Window
from tests.support.networks import rgb_network
from trt.errors import BuildError, MissingError, PortableError
from trt.portable import (
    Range,
    build_portable,
    check_portable,
    installed_version,
    serialize_portable,
)
from trt.portable_compiler import PortableCompiler
from trt.portable_file import ENGINE_NAME, HEADER_NAME, Header, Portable, read_portable, write_portable
from trt.settings import EngineSettings, Precision
from trt.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

needs_builder = pytest.mark.skipif(
    find_spec("tensorrt_rtx") is None, reason="TensorRT-RTX is not installed: pip install 'deblur-stream[rtx]'"
)
ENGINE = bytes(range(256)) * 4
HEADER = Header(
    network="idc-video",
    network_digest="a" * 64,
    onnx_sha256="b" * 64,
    tensorrt="1.6.1.120",
    precision="fp16",
    layout="yuv420p",
    depth=8,
    matrix="bt709",
    full_range=False,
    strength=1.0,
    smallest=(16, 16),
    largest=(1088, 1920),
    batch=4,
    inputs=("luma", "chroma", "motion"),
    size=len(ENGINE),
    sha256="40d92c6d8f4e5e1dc2e8a0c0e7cbf5dc",
)
WINDOW = Window(1, 1)
SHAPES = Range((64, 64), (128, 192), (256, 256), 2)


def shipped() -> Path:
    path = onnx_file("idc-video")
    assert path is not None
    return path


def shipped_weights() -> Path:
    path = weights_file("idc-video")
    assert path is not None
    return path


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "portable.engine"
    header = replace(HEADER, sha256=hashlib.sha256(ENGINE).hexdigest())
    write_portable(path, Portable(header, ENGINE, b"weights"))
    return path


@needs_builder
def test_what_is_built_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "idc-video.engine"
    spec, settings = PlaneSpec(64, 64, Layout.NV12, 10, Matrix.BT2020), EngineSettings(strength=0.5)
    header = build_portable(shipped(), shipped_weights(), path, spec, settings, SHAPES)
    content = read_portable(path)
    read, engine = content.header, content.engine
    assert read == header
    assert content.weights == shipped_weights().read_bytes()
    assert (len(engine), header.largest, header.smallest, header.batch) == (header.size, (256, 256), (64, 64), 2)
    assert header.size > 6_000_000, "3.6 million weights in FP16 make seven megabytes"
    check_portable(read, Signature(replace(spec, width=201, height=67), 2, WINDOW), settings)
    print(f"idc-video, portable: {header.size / 1e6:.1f} MB")
    assert digest_of(PortableCompiler(path).network.state_dict()) == header.network_digest


@needs_builder
@pytest.mark.slow
@pytest.mark.parametrize("name", ["idc", "idc-video"])
@pytest.mark.parametrize("depth", [8, 10])
def test_every_network_is_built_for_every_size(tmp_path: Path, name: str, depth: int) -> None:
    source = shipped()
    if name == "idc":
        source = tmp_path / "idc.onnx"
        export_network(registry.create("idc"), source, name="idc", digest="")
    header = build_portable(source, None, tmp_path / "all.engine", PlaneSpec(16, 16, depth=depth), EngineSettings())
    assert (header.smallest, header.largest, header.batch) == ((16, 16), (2160, 3840), 4)
    print(f"{name} portable, {depth} bits: {header.size / 1e6:.1f} MB")


@needs_builder
@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("kind", ["rgb", "video"])
def test_convolutions_are_in_the_precision_asked_for(kind: str, precision: Precision, tmp_path: Path) -> None:
    import tensorrt_rtx as tensorrt

    from trt.onnx_graph import engine_model

    source = shipped()
    if kind == "rgb":
        source = tmp_path / "rgb.onnx"
        export_network(rgb_network(), source, name="rgb", digest="")
    model = engine_model(source, PlaneSpec(16, 16), EngineSettings(precision))
    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    network = tensorrt.Builder(logger).create_network(0)
    parser = tensorrt.OnnxParser(network, logger)
    assert parser.parse(model.SerializeToString())
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    convolutions = [layer for layer in layers if layer.type == tensorrt.LayerType.CONVOLUTION]
    expected = tensorrt.DataType.HALF if precision is Precision.FP16 else tensorrt.DataType.FLOAT
    if kind == "video":
        assert len(convolutions) > 30
        for part in ("luma", "chroma"):
            assert convolutions.pop(0).get_output(0).dtype == tensorrt.DataType.FLOAT, f"the cosine transform of {part}"
    assert {layer.get_output(0).dtype for layer in convolutions} == {expected}


@needs_builder
def test_what_the_builder_refuses_is_told_in_one_line() -> None:
    with pytest.raises(BuildError, match=r"can't read the network: .+") as caught:
        serialize_portable(b"no model", Signature(PlaneSpec(16, 16)), EngineSettings(), SHAPES)
    assert "\n" not in str(caught.value)


def test_without_tensorrt_rtx_the_extra_is_named() -> None:
    if find_spec("tensorrt_rtx") is not None:
        pytest.skip("TensorRT-RTX is installed")
    with pytest.raises(MissingError, match=r"deblur-stream\[rtx\]"):
        build_portable(shipped(), None, shipped().with_suffix(".none"), PlaneSpec(16, 16), EngineSettings())


def test_a_file_is_read_back(written: Path) -> None:
    content = read_portable(written)
    assert (content.engine, content.weights) == (ENGINE, b"weights")
    assert replace(content.header, sha256=HEADER.sha256) == HEADER


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(ENGINE) + 500] ^= 4
    path.write_bytes(content)


def replace_by_noise(path: Path) -> None:
    path.write_bytes(b"noise" * 100)


def remove(path: Path) -> None:
    path.unlink()


def rewrite(path: Path, **changes: object) -> None:
    with zipfile.ZipFile(path) as archive:
        header, engine = json.loads(archive.read(HEADER_NAME)), archive.read(ENGINE_NAME)  # the weights are left out
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(HEADER_NAME, json.dumps({**header, **changes}))
        archive.writestr(ENGINE_NAME, engine)


def make_older(path: Path) -> None:
    rewrite(path, format="deblur-stream portable engine 2")


def swap_the_checksum(path: Path) -> None:
    rewrite(path, sha256="c" * 64)


def claim_another_size(path: Path) -> None:
    rewrite(path, size=7)


def claim_another_layout(path: Path) -> None:
    rewrite(path, layout="yuv9")


def add_a_field(path: Path) -> None:
    rewrite(path, more=1)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (truncate, "can't be read"),
        (flip_a_bit, "can't be read|damaged"),
        (replace_by_noise, "can't be read"),
        (remove, "can't be read"),
        (make_older, "another version"),
        (swap_the_checksum, "checksum"),
        (claim_another_size, "not of the size"),
        (claim_another_layout, "damaged header"),
        (add_a_field, "damaged header"),
    ],
)
def test_a_harmed_file_is_refused(written: Path, harm: Callable[[Path], None], told: str) -> None:
    harm(written)
    with pytest.raises(PortableError, match=told):
        read_portable(written)


@needs_builder
def test_an_engine_for_something_else_is_refused() -> None:
    header = replace(HEADER, tensorrt=installed_version())
    spec, settings = PlaneSpec(1920, 1080), EngineSettings()
    check_portable(header, Signature(spec, 4, WINDOW), settings)
    with pytest.raises(PortableError, match="it takes luma, chroma, motion, not plane0, plane1, plane2"):
        check_portable(header, Signature(spec, 4), settings)
    for told, (kind, batch, wanted) in {
        "for planes": (replace(spec, depth=10), 1, settings),
        "computes in fp16, not fp32": (spec, 1, EngineSettings(Precision.FP32)),
        "strength": (spec, 1, EngineSettings(strength=0.5)),
        "to 1920x1088, not 3840x1088": (replace(spec, width=3840), 1, settings),
        "batches up to 4, not 5": (spec, 5, settings),
    }.items():
        with pytest.raises(PortableError, match=told):
            check_portable(header, Signature(kind, batch, WINDOW), wanted)
    with pytest.raises(PortableError, match=r"for TensorRT-RTX 0\.1, and"):
        check_portable(replace(header, tensorrt="0.1"), Signature(spec, 1, WINDOW), settings)


def test_ranges_end_at_multiples_of_the_stride() -> None:
    assert Range((70, 70), (1080, 1920), (1081, 1921)).ends == ((64, 64), (1088, 1920), (1088, 1936))
    with pytest.raises(ValueError, match="in order"):
        Range((64, 64), (32, 64), (128, 128))
    with pytest.raises(ValueError, match="at least one"):
        Range(batch=0)
