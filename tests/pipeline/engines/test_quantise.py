"""Quantising a small network with a pool, a folder and a clip made here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import openvino as ov
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network import catalogue
from network.errors import DataError
from network.export import export_network
from network.planes import PlaneSpec
from pipeline.bench.synthetic import frames
from pipeline.engines.calibration import LARGEST, Calibration, gather
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine, network_digest
from pipeline.engines.openvino_core import openvino_core
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("nncf", reason="INT8 networks are made with NNCF")

DIGEST = "0123456789abcdef" * 4
SIZE = 64


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
    export_network(Sharpening().eval(), path, name="idc-rt", digest=DIGEST)
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
    done = quantise(original, out, gather([pool], 6, 4), limit=0.5)
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
    assert (info.precision, info.network, info.digest) == ("int8", "idc-rt", DIGEST)
    assert network_digest(quantised) == network_digest(original) == DIGEST
    text = openvino_core().read_model(quantised).get_rt_info(["framework", catalogue.QUANTISATION_KEY]).value
    notes = json.loads(text)
    assert list(notes["calibration"].values()) == [6]
    assert notes["checked_on_pairs"] == 4


def test_weights_that_do_not_belong_to_the_description_are_refused(quantised: Path, tmp_path: Path) -> None:
    for path in (quantised, quantised.with_suffix(".bin")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    binary = tmp_path / "sharpening-int8.bin"
    codes = bytearray(binary.read_bytes())
    codes[0] ^= 1
    binary.write_bytes(codes)
    with pytest.raises(EngineError, match="does not belong to"):
        OpenVinoEngine(tmp_path / quantised.name)


def test_layers_are_kept_in_floating_point_until_the_loss_is_small(original: Path, pool: Path, tmp_path: Path) -> None:
    from pipeline.engines.quantise import quantise

    calibration = gather([pool], 4, 4)
    flawless = openvino_core().compile_model(openvino_core().read_model(original), "CPU")
    ideal = []
    for blurred, _ in calibration.pairs:
        result = flawless(blurred.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))[0][0]
        noise = 3 * np.where(np.indices(blurred.shape).sum(axis=0) % 2, 1, -1)
        ideal.append((blurred, np.clip(np.rint(result.transpose(1, 2, 0) * 255 + noise), 0, 255).astype(np.uint8)))
    # Pairs whose sharp side is the network's own result with a little noise: a layer in INT8 takes much from the score.
    done = quantise(original, tmp_path / "out.xml", Calibration(calibration.frames, tuple(ideal), {}), limit=0.01)
    assert len(done.kept) >= 1
    assert done.loss <= 0.01
    notes = openvino_core().read_model(done.path).get_rt_info(["framework", catalogue.QUANTISATION_KEY]).value
    assert json.loads(notes)["kept"] == list(done.kept)


def test_sources_of_every_kind_are_drawn_from_evenly(pool: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, picture in enumerate(pictures(5, 96)):
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 2 * LARGEST, LARGEST + 16, "yuv420p"
        for number in range(4):
            frame = av.VideoFrame(2 * LARGEST, LARGEST + 16, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([40 * number]) * plane.buffer_size)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    found = gather([pool, folder, clip], 9, 4)
    assert found.origin == {pool.name: 3, "photos": 3, "clip.mkv": 3}
    assert [frame.shape[0] for frame in found.frames] == [SIZE] * 3 + [96] * 3 + [LARGEST] * 3
    assert len(found.pairs) == 4
    seen = {frame.tobytes() for frame in found.frames}
    assert not seen & {blurred.tobytes() for blurred, _ in found.pairs}, "checked on what it was calibrated with"


def test_calibration_without_pairs_or_with_too_few_is_refused(pool: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs a pool of pairs"):
        gather([tmp_path], 4, 4)
    with pytest.raises(DataError, match=r"12 pairs; 20 are needed"):
        gather([pool], 10, 10)
