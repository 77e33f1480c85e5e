"""`deblur evaluate` on a small data set."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor, nn

from network import weights
from network.data.planes import to_frame, to_picture
from network.data.windows import aligned, write_shard
from network.errors import DataError, NetworkError
from network.evaluation.metrics import psnr
from network.models import registry
from pipeline.cli.evaluate import evaluate_command
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"widths": [8, 8, 8], "depth": 1}


class Sharpener(nn.Module):
    """A small network of RGB."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 9, padding=4), nn.ReLU(), nn.Conv2d(8, 3, 9, padding=4))

    def forward(self, image: Tensor) -> Tensor:
        changed: Tensor = image + 0.1 * self.layers(image)
        return changed


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """Two sequences, as GoPro lays out its test split, and another split."""
    coarse = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (300, 200), interpolation=cv2.INTER_CUBIC)
    for sequence in ("test/GOPR0384_11_00", "test/GOPR0384_11_05", "train/GOPR0372_07_00"):
        for frame in range(2):
            sharp = wide[:, 3 * frame : 3 * frame + 240]
            for side, picture in (("sharp", sharp), ("blur", cv2.GaussianBlur(sharp, (0, 0), 2))):
                folder = tmp_path / "set" / sequence / side
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{frame:06d}.png"), picture)
    return tmp_path / "set"


def weights_file(folder: Path, seed: int) -> Path:
    """Weights of a network over time that change the picture."""
    torch.manual_seed(seed)
    network = registry.create("idc-video", **OPTIONS)
    with torch.no_grad():
        torch.nn.init.normal_(network.get_parameter("exit.weight"), 0, 0.5)
    path = folder / f"weights_{seed}.safetensors"
    weights.save(path, network, name="idc-video", options=OPTIONS, card={})
    return path


def rgb_weights_file(folder: Path) -> Path:
    """Weights of a network of RGB."""
    torch.manual_seed(0)
    registry.register("sharpener", Sharpener)
    path = folder / "sharpener.safetensors"
    weights.save(path, registry.create("sharpener"), name="sharpener", options={}, card={})
    return path


def summary_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    return found


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate_command, [str(argument) for argument in arguments], catch_exceptions=False)


def test_several_weights_share_a_table(data_set: Path, tmp_path: Path) -> None:
    files = [weights_file(tmp_path, seed) for seed in (1, 2)]
    out = tmp_path / "scores"
    ended = run(data_set, "--split", "test", "--weights", files[0], "--weights", files[1], "--video", "--out", out)
    names = [f"idc-video {weights.load(file)[1].digest[:12]}" for file in files]
    methods = [line.split("|")[1].strip() for line in ended.output.splitlines() if line.startswith("|")]
    assert methods == ["method", "---", "blurred input", *names, "ground truth"]
    assert "set: 4 images, 2 sequences, each frame with its neighbours (both), cpu" in ended.output
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert {row["candidate"] for row in rows} == set(names)
    assert {row["name"].split("/")[0] for row in rows} == {"test"}
    summary = summary_of(out)
    assert [origin["file"] for origin in summary["networks"]] == [file.name for file in files]
    assert [row["method"] for row in summary["rows"]] == ["blurred input", *names, "ground truth"]
    assert [row["frames"] for row in summary["rows"][1:3]] == [2, 2]
    assert len(summary["sequences"]) == 2
    assert summary["neighbours"] == "both"
    assert summary["rows"][1]["psnr"] != summary["rows"][2]["psnr"]
    assert (out / "scores.md").read_text(encoding="utf-8") in ended.output


def test_frames_can_be_taken_for_single_pictures(data_set: Path, tmp_path: Path) -> None:
    file = weights_file(tmp_path, 1)
    common = (data_set, "--split", "train", "--weights", file)
    run(*common, "--out", tmp_path / "video")
    ended = run(*common, "--out", tmp_path / "singles", "--singles", "--video")
    assert "set: 2 images, each by itself, cpu" in ended.output
    video, singles = summary_of(tmp_path / "video"), summary_of(tmp_path / "singles")
    assert (video["rows"][1]["frames"], singles["rows"][1]["frames"]) == (2, 1)
    assert video["rows"][1]["psnr"] != singles["rows"][1]["psnr"]
    assert singles["neighbours"] == "none"
    assert len(singles["sequences"]) == 1


def test_an_engine_is_scored_beside_its_like(data_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "engine"
    ended = run(data_set, "--split", "train", "--engine", "openvino", "--precision", "fp32", "--out", out)
    run(data_set, "--split", "train", "--out", tmp_path / "torch")
    of_engine, of_torch = summary_of(out), summary_of(tmp_path / "torch")
    assert "each frame with its neighbours (both), openvino" in ended.output
    (origin,) = of_engine["networks"]
    assert origin["name"] == f"{of_torch['networks'][0]['name']} fp32"
    assert origin["backend"].startswith("OpenVINO")
    assert of_engine["rows"][1]["psnr"] == pytest.approx(of_torch["rows"][1]["psnr"], abs=0.01)
    assert of_engine["rows"][1]["gmac"] is None


def test_tiles_that_see_enough_give_the_same_scores(
    data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    file = rgb_weights_file(tmp_path)
    common = (data_set, "--split", "train", "--weights", file)
    run(*common, "--out", tmp_path / "whole")
    tiled = run(*common, "--out", tmp_path / "tiled", "--tile", "128", "--tile-margin", "20")
    assert "tiles of 128 with margins of 20" in tiled.output
    whole, pieces = summary_of(tmp_path / "whole"), summary_of(tmp_path / "tiled")
    assert pieces["tiling"] == {"size": 128, "margin": 20}
    assert whole["tiling"] is None
    assert pieces["rows"][1]["psnr"] == pytest.approx(whole["rows"][1]["psnr"], abs=1e-3)
    assert pieces["rows"][1]["gain"] != 0


def test_the_shipped_weights_are_the_default(data_set: Path) -> None:
    ended = run(data_set, "--layout", "gopro", "--split", "train")
    assert ended.exit_code == 0
    assert "idc-video.safetensors" in ended.output
    assert "warping error" not in ended.output


def test_a_request_that_makes_no_sense_is_refused_before_work_begins(data_set: Path, tmp_path: Path) -> None:
    file = weights_file(tmp_path, 1)
    with pytest.raises(UsageError, match="means the same weights as another"):
        run(data_set, "--weights", file, "--weights", file)
    with pytest.raises(UsageError, match="means the same weights as another"):
        run(data_set, "--precision", "fp32", "--precision", "fp32")
    with pytest.raises(UsageError, match="an engine has a device of its own"):
        run(data_set, "--engine", "openvino", "--tile", "256")
    with pytest.raises(NetworkError, match="only networks of RGB run in tiles"):
        run(data_set, "--weights", file, "--tile", "256")
    with pytest.raises(UsageError, match="torch can't use the device 'banana' here"):
        run(data_set, "--weights", file, "--device", "banana")
    with pytest.raises(NetworkError, match="tiles of 32 pixels leave nothing"):
        run(data_set, "--weights", file, "--tile", "32")
    with pytest.raises(DataError, match="bsd"):
        run(data_set, "--weights", file, "--layout", "bsd")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_cuda_device_is_named(data_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="torch can't use the device 'cuda' here"):
        run(data_set, "--weights", weights_file(tmp_path, 1), "--device", "cuda")


def test_video_needs_sequences(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    loose, single = tmp_path / "loose", tmp_path / "single"
    for folder in (loose, single / "sequence"):
        for side in ("blur", "sharp"):
            (folder / side).mkdir(parents=True)
            cv2.imwrite(str(folder / side / "0.png"), picture)
    file = weights_file(tmp_path, 1)
    with pytest.raises(UsageError, match="--video needs frames that follow each other"):
        run(loose, "--weights", file, "--video")
    with pytest.raises(UsageError, match="--video needs frames that follow each other"):
        run(single, "--weights", file, "--video")


def test_a_pool_is_scored_pair_by_pair(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    pairs = np.random.default_rng(0).integers(0, 256, (3, 2, 32, 32, 3), np.uint8)
    np.save(pool / "pairs_0000000.npy", pairs)

    result = run(pool)

    assert result.exit_code == 0, result.output
    for index in range(3):
        expected = psnr(pairs[index, 0], pairs[index, 1])
        assert f"{index:07d}: {expected:.2f} -> " in result.output
    with pytest.raises(UsageError, match="without sequences"):
        run(pool, "--video")


def test_a_pool_of_windows_is_scored_window_by_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shot = to_frame(cv2.resize(rng.random((6, 8, 3), np.float32), (128, 96)))
    moved = to_frame(cv2.resize(rng.random((6, 8, 3), np.float32), (128, 96)))
    frames, flows = aligned(moved, shot, None)
    pool = tmp_path / "pool"
    pool.mkdir()
    write_shard(pool, "0000000", np.concatenate((frames, moved[None]))[None], flows[None])
    result = run(pool, "--out", tmp_path / "out")
    assert f"0000000: {psnr(to_picture(shot), to_picture(moved)):.2f} -> " in result.output
    assert "pool: 1 images, windows, each frame with its neighbours (both), cpu" in result.output
    assert summary_of(tmp_path / "out")["rows"][1]["frames"] == 2
    assert "each by itself" in run(pool, "--singles").output
    with pytest.raises(UsageError, match="is a pool of windows"):
        run(pool, "--video")
