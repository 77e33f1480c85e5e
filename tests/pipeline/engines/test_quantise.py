"""Quantising small networks with pools made here: one of RGB, and one over time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import openvino as ov
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network import catalogue
from network.data.planes import to_frame
from network.data.windows import aligned, write_shard
from network.errors import DataError
from network.export import export_network
from network.models import registry
from network.planes import PlaneSpec
from network.window.windows import Window
from pipeline.bench.synthetic import frames
from pipeline.engines.calibration import LARGEST, gather
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine
from pipeline.engines.openvino_core import openvino_core
from pipeline.engines.openvino_network import read_network
from pipeline.errors import EngineError
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("nncf", reason="INT8 networks are made with NNCF")

DIGEST = "0123456789abcdef" * 4
SIZE = 64
OVER_TIME = {"widths": [16, 16, 16], "depth": 1, "motion": 4}


class Sharpening(nn.Module):
    """Adds a fifth of the difference to a blurred copy: two convolutions and a sum, as in the shipped network."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 3, 3, padding=1)
        generator = torch.Generator().manual_seed(1)
        for convolution in (self.first, self.second):
            nn.init.normal_(convolution.weight, std=0.06, generator=generator)
            nn.init.normal_(convolution.bias, std=0.01, generator=generator)

    def forward(self, image: Tensor) -> Tensor:
        return image + self.second(F.relu(self.first(image)))


def pictures(count: int, size: int = SIZE) -> np.ndarray:
    made = [cv2.merge([luma] * 3) for luma, *_ in frames(size, size, count)]
    return np.stack(made)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "sharpening.onnx"
    export_network(Sharpening().eval(), path, name="sharpening", digest=DIGEST)
    return path


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    sharp = pictures(12)
    blurred = np.stack([cv2.blur(picture, (5, 1)) for picture in sharp])
    np.save(folder / "pairs_0000000.npy", np.stack([blurred, sharp], axis=1))
    return folder


@pytest.fixture(scope="module")
def quantised(original: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipeline.engines.quantise import quantise

    out = tmp_path_factory.mktemp("int8") / "sharpening-int8.xml"
    done = quantise(original, out, gather([pool], None, 6, 4), limit=0.5)
    assert done.path == out
    assert (done.layers, done.kept) == (2, ())
    assert done.loss <= 0.5
    return out


def test_convolutions_are_quantised_and_the_last_sum_is_not(quantised: Path) -> None:
    model = openvino_core().read_model(quantised)
    by_type: dict[str, list[ov.Node]] = {}
    for node in model.get_ordered_ops():
        by_type.setdefault(node.get_type_name(), []).append(node)
    for convolution in by_type["Convolution"]:
        assert convolution.input_value(0).get_node().get_type_name() == "FakeQuantize"
    last = by_type["Add"][-1]
    assert {value.get_node().get_type_name() for value in last.input_values()} == {"Parameter", "Add"}
    weights = [node for node in by_type["Constant"] if node.get_element_type() == ov.Type.i8]
    assert len(weights) == 2


def test_it_runs_close_to_fp32_and_is_another_arithmetic(original: Path, quantised: Path) -> None:
    engine, reference = OpenVinoEngine(quantised), OpenVinoEngine(original)
    spec = PlaneSpec(SIZE, SIZE)
    batch, results = engine.buffers(spec, 1), []
    for plane, made in zip(batch.planes, next(frames(SIZE, SIZE, 1)), strict=True):
        plane[0] = made
    for each in (engine, reference):
        out = each.buffers(spec, 1)
        each.run(batch, out)
        results.append(out.planes[0].astype(int))
    assert 0 < np.abs(results[0] - results[1]).mean() < 1
    assert np.abs(results[1] - batch.planes[0]).mean() > 1, "the network changes nothing"


def test_it_says_what_it_is_and_what_it_was_made_with(quantised: Path, original: Path) -> None:
    info = load_engine(weights=quantised).info
    assert (info.precision, info.network, info.digest) == ("int8", "sharpening", DIGEST)
    assert read_network(quantised).digest == read_network(original).digest == DIGEST
    text = openvino_core().read_model(quantised).get_rt_info(["framework", catalogue.QUANTISATION_KEY]).value
    notes = json.loads(text)
    assert list(notes["calibration"].values()) == [6]
    assert notes["checked_on"] == 4


def test_weights_that_do_not_belong_to_the_description_are_refused(quantised: Path, tmp_path: Path) -> None:
    for path in (quantised, quantised.with_suffix(".bin")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    binary = tmp_path / "sharpening-int8.bin"
    codes = bytearray(binary.read_bytes())
    codes[0] ^= 1
    binary.write_bytes(codes)
    with pytest.raises(EngineError, match="does not belong to"):
        OpenVinoEngine(tmp_path / quantised.name)


@pytest.mark.slow
def test_layers_are_kept_in_floating_point_until_the_loss_is_small(original: Path, pool: Path, tmp_path: Path) -> None:
    from pipeline.engines.quantise import quantise

    calibration = gather([pool], None, 4, 4)
    flawless = openvino_core().compile_model(openvino_core().read_model(original), "CPU")
    ideal = []
    for check in calibration.checks:
        result = flawless(check.inputs["rgb"])[0] * 255
        noise = 3 * np.where(np.indices(result.shape).sum(axis=0) % 2, 1, -1)
        ideal.append(replace(check, sharp=np.clip(np.rint(result + noise), 0, 255).astype(np.uint8)))
    # Pairs whose sharp side is the network's own result with a little noise: a layer in INT8 takes much from the score.
    done = quantise(original, tmp_path / "out.xml", replace(calibration, checks=tuple(ideal)), limit=0.01)
    assert len(done.kept) >= 1
    assert done.loss <= 0.01
    notes = openvino_core().read_model(done.path).get_rt_info(["framework", catalogue.QUANTISATION_KEY]).value
    assert json.loads(notes)["kept"] == list(done.kept)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    made = []
    for seed in range(8):
        scene = Scene(seed)
        places = (-1, 0, 1)
        pictures = [
            scene.picture((seed - 2) * place, 3 * place, SIZE, SIZE).astype(np.float32) / 255 for place in places
        ]
        before, present, after = (to_frame(cv2.blur(picture, (1 + 2 * (seed % 3), 1))) for picture in pictures)
        seen, flows = aligned(before, present, after)
        made.append((np.concatenate((seen, to_frame(pictures[1])[None])), flows))
    write_shard(folder, "0000000", *(np.stack(parts) for parts in zip(*made, strict=True)))
    return folder


@pytest.fixture(scope="module")
def over_time(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(4)
    network = registry.create("idc-video", **OVER_TIME).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.5)
    path = tmp_path_factory.mktemp("networks") / "over-time.onnx"
    export_network(network, path, name="idc-video", digest=DIGEST)
    return path


@pytest.fixture(scope="module")
def quantised_over_time(over_time: Path, windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipeline.engines.quantise import quantise

    out = tmp_path_factory.mktemp("int8") / "over-time-int8.xml"
    done = quantise(over_time, out, gather([windows], Window(1, 1), 5, 3), limit=3.0)
    assert done.loss <= 3.0
    return out


@pytest.mark.slow
def test_the_transform_and_what_motion_decides_stay_in_floating_point(quantised_over_time: Path) -> None:
    model = openvino_core().read_model(quantised_over_time)
    inputs = {parameter.output(0).get_any_name(): parameter for parameter in model.get_parameters()}
    rounded = [node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
    assert len(rounded) > 20
    motion_only, waiting = set(), [inputs["motion"]]
    luma = _behind(inputs["luma"])
    while waiting:
        for reader in waiting.pop().output(0).get_target_inputs():
            node = reader.get_node()
            if node.get_friendly_name() not in luma | motion_only:
                motion_only.add(node.get_friendly_name())
                waiting.append(node)
    assert len(motion_only) > 20, "the layers that see the motion alone"
    assert not [name for name in motion_only if "fq_" in name]
    for node in model.get_ordered_ops():
        sources = [value.get_node() for value in node.input_values()]
        if node.get_type_name() == "Convolution" and tuple(node.input_value(1).get_shape()) == (24, 24, 1, 1):
            assert "FakeQuantize" not in {source.get_type_name() for source in sources}
        if {source.get_friendly_name() for source in sources} & motion_only and node.get_type_name() == "Multiply":
            assert "FakeQuantize" not in {source.get_type_name() for source in sources} - {"Relu"}


def _behind(start: ov.Node) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for reader in waiting.pop().output(0).get_target_inputs():
            node = reader.get_node()
            if node.get_friendly_name() not in found:
                found.add(node.get_friendly_name())
                waiting.append(node)
    return found


@pytest.mark.slow
def test_a_network_over_time_runs_close_to_fp32_with_neighbours_and_without(
    over_time: Path, quantised_over_time: Path
) -> None:
    engines = [OpenVinoEngine(path) for path in (over_time, quantised_over_time)]
    assert engines[1].info == replace(engines[0].info, precision="int8")
    assert engines[1].info.window == Window(1, 1)
    spec = PlaneSpec(SIZE, SIZE)
    batch = engines[0].buffers(spec, 3)
    for index, made in enumerate(frames(SIZE, SIZE, 3)):
        for plane, codes in zip(batch.planes, made, strict=True):
            plane[index] = codes
    for places in ([0, 1, 2], [-1, 1, -1]):
        results = []
        for engine in engines:
            out = engine.buffers(spec, 1)
            engine.run(batch, out, np.array([places]))
            results.append(out.planes[0][0].astype(int) - batch.planes[0][1])
        assert np.abs(results[0]).mean() > 1, "the network corrects nothing"
        assert not np.array_equal(results[0], results[1])
        # Random weights, unlike trained ones, make much of every rounding.
        assert np.corrcoef(results[0].ravel(), results[1].ravel())[0, 1] > 0.7


@pytest.mark.slow
def test_moving_ranges_loses_less_than_before(over_time: Path, windows: Path) -> None:
    import nncf

    from pipeline.engines.quantise import _with_plain_biases
    from pipeline.engines.ranges import mean_errors, refine

    examples = gather([windows], Window(1, 1), 6, 2).examples
    reference = _with_plain_biases(openvino_core().read_model(over_time))
    # Ranges that cut off half of what there is.
    model = nncf.quantize(reference.clone(), nncf.Dataset(examples[:1], lambda example: example.inputs), subset_size=1)
    before = mean_errors(model, examples)
    refine(model, reference, examples)
    wanted = mean_errors(reference, examples)
    assert np.abs(mean_errors(model, examples) - wanted).mean() < np.abs(before - wanted).mean()


def test_examples_are_drawn_evenly_and_none_is_both_shown_and_checked(pool: Path, windows: Path) -> None:
    pairs = gather([pool], None, 6, 4)
    assert pairs.origin == {pool.name: 6}
    assert (len(pairs.examples), len(pairs.checks)) == (6, 4)
    seen = {example.blurred.tobytes() for example in pairs.examples}
    assert not seen & {example.blurred.tobytes() for example in pairs.checks}
    two = gather([windows, windows], Window(1, 1), 4, 4)
    assert (len(two.examples), len(two.checks)) == (4, 4)
    one = gather([windows], Window(), 2, 1).examples[0]
    assert (one.inputs["luma"].shape[1], set(one.inputs)) == (1, {"luma", "chroma"})


def test_every_third_window_is_shown_without_neighbours(windows: Path) -> None:
    marks = [example.inputs["motion"][0, 4:].all() for example in gather([windows], Window(1, 1), 7, 1).examples]
    assert sum(marks) == 3
    for example in gather([windows], Window(1, 1), 7, 1).examples:
        luma = example.inputs["luma"]
        assert max(luma.shape[2:]) <= LARGEST
        is_alone = bool(example.inputs["motion"][0, 4:].all())
        assert (luma[0, 0] == luma[0, 1]).all() == is_alone


def test_pools_of_the_wrong_kind_or_with_too_few_examples_are_refused(pool: Path, windows: Path) -> None:
    with pytest.raises(DataError, match="no pool of pairs"):
        gather([windows], None, 4, 4)
    with pytest.raises(DataError, match="no pool of windows"):
        gather([pool], Window(1, 1), 4, 4)
    with pytest.raises(DataError, match="12 examples; 20 are needed"):
        gather([pool], None, 10, 10)
