"""Devices other than the processor: those of OpenVINO that are made of the processor run here, others are nowhere."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network import catalogue
from network.planes import PlaneSpec
from pipeline.engines.checked import FRAMES, SAMPLES, CheckedEngine, compare, sample_frames
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import BATCH, OpenVinoEngine, OpenVinoOptions
from pipeline.engines.openvino_core import computes_in, device_name, openvino_core
from pipeline.errors import EngineError, UsageError
from pipeline.runner.protocols import TimedEngine
from tests.support.windows import SPECS, moving_frames

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.runner.protocols import Engine

pytestmark = pytest.mark.timeout(120)
DEVICES = ["AUTO", "HETERO:CPU"]
needs_onnxruntime = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="ONNX Runtime is not installed")


def shipped(network: str = catalogue.DEFAULT) -> Path:
    path = catalogue.onnx_file(network)
    assert path is not None
    return path


def on_processor() -> OpenVinoEngine:
    return OpenVinoEngine(shipped())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("network", [catalogue.DEFAULT, "identity"])
def test_pictures_come_out_as_on_the_processor(device: str, network: str) -> None:
    made = []
    spec = PlaneSpec(150, 118)
    frames = moving_frames(spec, BATCH + 1)
    for engine in (
        load_engine("openvino", network, device=device),
        load_engine("openvino", network, precision="fp32"),
    ):
        out = engine.buffers(spec, frames.size)
        engine.run(frames, out)
        made.append(out)
    for one, other, blurred in zip(*(each.planes for each in (*made, frames)), strict=True):
        assert (one != blurred).any() == (network != "identity")
        np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)


@pytest.mark.parametrize("device", DEVICES)
def test_what_was_loaded_says_so(device: str) -> None:
    engine = load_engine("auto", device=device.lower())
    info = engine.info
    assert (info.kind, info.device, info.precision, info.batch) == ("openvino", device, "fp32", 1)
    assert isinstance(engine, CheckedEngine)
    assert isinstance(engine, TimedEngine)
    assert engine.network_seconds == 0


def test_the_processor_by_its_name_is_not_compared_with_itself() -> None:
    assert isinstance(load_engine("openvino", device="cpu"), OpenVinoEngine)
    assert load_engine("openvino", device="cpu").info == load_engine("openvino").info


@pytest.mark.parametrize("device", ["ABACUS", "ABACUS.1", "HETERO:ABACUS,CPU", "AUTO:-ABACUS", "abacus:cpu"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(device: str) -> None:
    with pytest.raises(EngineError, match=rf"no device '{device.upper()}'; there is: .*CPU") as caught:
        load_engine("openvino", device=device)
    assert caught.value.field == "device"


def test_a_device_that_computes_something_else_is_refused_each_time() -> None:
    engine = CheckedEngine(OpenVinoEngine(shipped("identity")), on_processor, "ABACUS")
    for _ in range(2):
        with pytest.raises(
            EngineError,
            match=r"^ABACUS can't be used: the engine is \d+\.\d dB from FP32 on the processor \(.+\); "
            r"at least 55 is due; leave out `device`$",
        ):
            engine.buffers(PlaneSpec(640, 480), 1)


def test_a_device_that_computes_a_little_else_is_refused() -> None:
    weaker = OpenVinoEngine(shipped(), OpenVinoOptions(strength=0.9))
    with pytest.raises(EngineError, match="dB from FP32"):
        CheckedEngine(weaker, on_processor, "ABACUS").buffers(PlaneSpec(640, 480), 1)


@pytest.mark.skipif(not computes_in("fp16", "AUTO"), reason="the processor does not multiply FP16")
def test_arithmetic_that_overflows_is_refused_for_the_frames_with_which_it_does() -> None:
    engine = load_engine("openvino", device="AUTO", precision="fp16")
    assert engine.info.precision == "fp16"
    engine.buffers(PlaneSpec(64, 48), 1)
    with pytest.raises(EngineError, match="AUTO can't be used"):
        engine.buffers(PlaneSpec(64, 48, depth=16), 1)  # 65535 is beyond FP16's highest number


def test_the_strength_is_that_of_the_comparison_too() -> None:
    load_engine("openvino", device="AUTO", strength=1.5).buffers(PlaneSpec(64, 48), 1)


def test_each_kind_of_frames_is_compared_once_whatever_its_size() -> None:
    made: list[Engine] = []

    def reference() -> Engine:
        made.append(on_processor())
        return made[-1]

    engine = CheckedEngine(on_processor(), reference, "ABACUS")
    for width in (640, 1280, 640):
        engine.buffers(PlaneSpec(width, 480), 1)
    assert len(made) == 1
    engine.buffers(PlaneSpec(640, 480, full_range=True), 1)
    assert len(made) == 2


@pytest.mark.parametrize("spec", [*SPECS, PlaneSpec(1, 1), PlaneSpec(7, 300)], ids=str)
def test_samples_of_every_kind_are_frames_on_which_the_network_does_something(spec: PlaneSpec) -> None:
    frames = sample_frames(spec)
    assert frames.size == FRAMES * len(SAMPLES)
    highest = (1 << spec.depth) - 1
    for plane in frames.planes:
        assert int((plane >> spec.code_shift).max()) <= highest
        np.testing.assert_array_equal(plane >> spec.code_shift << spec.code_shift, plane)
    engine = on_processor()
    assert str(compare(engine, engine, spec)).endswith("identical")
    if min(spec.width, spec.height) > 1:
        other = compare(OpenVinoEngine(shipped("identity")), engine, spec)
        assert all(difference.psnr < 50 for difference in other.differences)


def test_int8_stays_on_the_processor() -> None:
    quantised = catalogue.int8_file(catalogue.DEFAULT)
    assert quantised is not None
    for precision, weights in (("int8", None), ("auto", quantised)):
        with pytest.raises(UsageError, match="INT8 was measured on processors alone"):
            load_engine("openvino", weights=weights, precision=precision, device="AUTO")


@pytest.mark.parametrize("engine", ["torch", "tensorrt"])
def test_other_engines_refuse_a_device(engine: str) -> None:
    with pytest.raises(UsageError, match=f"(?i){engine} engine finds its device by itself; leave out `device`"):
        load_engine(engine, "identity", device="GPU")


def test_names_of_several_devices_are_what_was_asked_for() -> None:
    assert device_name("CPU") == openvino_core().get_property("CPU", "FULL_DEVICE_NAME").strip()
    assert device_name("HETERO:CPU") == "HETERO:CPU"
    assert computes_in("fp32", "HETERO:CPU")
    assert not computes_in("fp8", "HETERO:CPU")


@needs_onnxruntime
def test_a_device_without_its_provider_is_named_with_the_providers_there_are() -> None:
    from onnxruntime import get_available_providers

    available = get_available_providers()
    for device, provider in (("coreml", "CoreMLExecutionProvider"), ("DirectML", "DmlExecutionProvider")):
        if provider not in available:
            with pytest.raises(UsageError, match=f"`device` {device} needs the {provider}.*has .*CPUExecutionProvider"):
                load_engine("onnxruntime", device=device)
    with pytest.raises(UsageError, match=r"no device 'GPU'; choose one of cpu, coreml, directml$"):
        load_engine("onnxruntime", device="GPU")
    assert load_engine("onnxruntime", device="CPU").info == load_engine("onnxruntime").info


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> str:
    """A device by another provider than the processor's: that for Azure, which leaves the network to the processor."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from pipeline.engines.onnxruntime import PROVIDERS

    provider = "AzureExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        pytest.skip(f"this ONNX Runtime comes without {provider}")
    monkeypatch.setitem(PROVIDERS, "cloud", provider)
    return "cloud"


def test_another_provider_of_onnx_runtime_runs_and_is_compared(cloud: str) -> None:
    engine = load_engine("onnxruntime", device=cloud)
    assert isinstance(engine, CheckedEngine)
    assert not isinstance(engine, TimedEngine)
    assert (engine.info.kind, engine.info.device) == ("onnxruntime", "AzureExecutionProvider")
    for spec in (PlaneSpec(150, 118), replace(PlaneSpec(150, 118), depth=10)):
        frames, out, expected = moving_frames(spec, 3), engine.buffers(spec, 3), on_processor().buffers(spec, 3)
        windows = engine.info.window.consecutive(3)
        engine.run(frames, out, windows)
        on_processor().run(frames, expected, windows)
        for one, other in zip(out.planes, expected.planes, strict=True):
            np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)
