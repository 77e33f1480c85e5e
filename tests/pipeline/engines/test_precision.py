"""Which arithmetic is chosen, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest

from network import catalogue
from network.planes import PlaneSpec
from pipeline.bench.synthetic import frames
from pipeline.engines import openvino
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine
from pipeline.engines.openvino_core import openvino_core
from pipeline.engines.openvino_network import read_network
from pipeline.engines.precision import choose, int8_form
from pipeline.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"AVX2": False, "AVX-512": False, "VNNI": False, "AMX": False, "BF16": False}
AVX2 = PLAIN | {"AVX2": True}
VNNI = AVX2 | {"VNNI": True}
AMX = VNNI | {"AMX": True}
SILENT: dict[str, bool | None] = dict.fromkeys(PLAIN)


@pytest.mark.parametrize(
    ("features", "expected", "reason"),
    [
        (PLAIN, "fp32", "none of AMX, VNNI, AVX2"),
        (AVX2, "int8", "has AVX2"),
        (VNNI, "int8", "has VNNI"),
        (AMX, "int8", "has AMX"),
        (SILENT, "fp32", "does not tell"),
        ({}, "fp32", "does not tell"),
    ],
)
def test_auto_goes_by_what_the_processor_has(features: dict[str, bool | None], expected: str, reason: str) -> None:
    choice = choose(features=features)
    assert choice.precision == expected
    assert reason in choice.reason


def write_form(path: Path, digest: str) -> Path:
    """An INT8 file in name: it says of which weights it is."""
    identity = catalogue.onnx_file("identity")
    assert identity is not None
    model = openvino_core().read_model(identity)
    model.set_rt_info(digest, ["framework", catalogue.DIGEST_KEY])
    ov.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return write_form(tmp_path / "network.xml", "a" * 64)


def test_int8_of_the_same_weights_is_taken(tmp_path: Path, original: Path, told: list[str]) -> None:
    form = write_form(tmp_path / "network-int8.xml", "a" * 64)
    for required in (False, True):
        network = int8_form(original, form, required=required)
        assert network is not None
        assert OpenVinoEngine(network).info.digest == "a" * 64
    assert told == []


def test_int8_of_other_weights_is_passed_over_with_one_line_and_refused_on_request(
    tmp_path: Path, original: Path, told: list[str]
) -> None:
    stale = write_form(tmp_path / "network-int8.xml", "b" * 64)
    assert int8_form(original, stale, required=False) is None
    assert len(told) == 1
    assert "made from other weights" in told[0]
    assert "running in fp32" in told[0]
    with pytest.raises(EngineError, match=r"made from other weights than network\.xml"):
        int8_form(original, stale, required=True)
    with pytest.raises(UsageError, match="comes without INT8"):
        int8_form(original, None, required=True)


def test_damaged_int8_is_passed_over(tmp_path: Path, original: Path, told: list[str]) -> None:
    broken = tmp_path / "network-int8.xml"
    broken.write_text("no network")
    assert int8_form(original, broken, required=False) is None
    assert "is no network" in told[0]


@pytest.mark.parametrize("name", [name for name in catalogue.NAMES if catalogue.int8_file(name)])
def test_the_shipped_int8_is_of_the_shipped_weights(name: str) -> None:
    quantised, original = catalogue.int8_file(name), catalogue.onnx_file(name)
    assert quantised is not None
    assert original is not None
    assert read_network(quantised).digest == read_network(original).digest, "run `deblur export --shipped --int8`"


@pytest.mark.parametrize("name", [name for name in catalogue.NAMES if catalogue.int8_file(name)])
def test_the_shipped_int8_makes_nearly_the_same_picture(name: str) -> None:
    spec = PlaneSpec(192, 128)
    results = []
    for path in (catalogue.int8_file(name), catalogue.onnx_file(name)):
        assert path is not None
        engine = OpenVinoEngine(path)
        batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
        for plane, made in zip(batch.planes, next(frames(spec.width, spec.height, 1)), strict=True):
            plane[0] = made
        engine.run(batch, out)
        results.append(out.planes[0].astype(int))
        assert engine.info.precision == ("int8" if path.suffix == ".xml" else "fp32")
    assert np.abs(results[0] - results[1]).mean() < 1
    assert np.abs(results[1] - batch.planes[0]).mean() > np.abs(results[0] - results[1]).mean()


@pytest.mark.parametrize("has_bf16", [True, False])
def test_bf16_is_for_what_int8_leaves_in_floating_point_and_not_for_fp32(
    monkeypatch: pytest.MonkeyPatch, *, has_bf16: bool
) -> None:
    wanted = []

    class Core:
        """OpenVINO, which tells what it is asked for."""

        def __getattr__(self, name: str) -> Any:
            return getattr(openvino_core(), name)

        def compile_model(self, model: Any, device: str, properties: dict[str, Any]) -> Any:
            wanted.append(properties["INFERENCE_PRECISION_HINT"])
            return openvino_core().compile_model(model, device, {**properties, "INFERENCE_PRECISION_HINT": "f32"})

    monkeypatch.setattr(openvino, "openvino_core", Core)
    monkeypatch.setattr(openvino, "cpu_features", lambda: {"BF16": has_bf16})
    for path in (catalogue.int8_file(catalogue.DEFAULT), catalogue.onnx_file(catalogue.DEFAULT)):
        assert path is not None
        OpenVinoEngine(path).buffers(PlaneSpec(64, 64), 1)
    assert wanted == ["bf16" if has_bf16 else "f32", "f32"]


def test_the_engine_says_its_precision() -> None:
    assert load_engine("openvino", precision="fp32").info.precision == "fp32"
    expected = choose().precision if catalogue.int8_file(catalogue.DEFAULT) else "fp32"
    assert load_engine("openvino").info.precision == expected


def test_what_an_engine_can_not_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no precision 'fp8'"):
        load_engine(precision="fp8")
    with pytest.raises(UsageError, match="torch engine has no int8"):
        load_engine("torch", precision="int8")
    with pytest.raises(UsageError, match="TensorRT engine computes in fp16"):
        load_engine("tensorrt", precision="fp32")
    with pytest.raises(UsageError, match="identity comes without INT8"):
        load_engine("openvino", "identity", precision="int8")
    form = write_form(tmp_path / "network-int8.xml", "a" * 64)
    with pytest.raises(UsageError, match="is not in fp32"):
        load_engine("openvino", weights=form, precision="fp32")


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_short_floats_need_a_processor_that_has_them(name: str) -> None:
    if name.upper() in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert load_engine("openvino", "identity", precision=name).info.precision == name
    else:
        with pytest.raises(EngineError, match=f"does not compute in {name}"):
            load_engine("openvino", "identity", precision=name)
