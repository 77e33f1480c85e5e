"""The ablation on a tiny network: trained, resumed, scored and drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import ablation
import cv2
import numpy as np
import pytest

from network import weights
from network.data.planes import to_frame
from network.data.windows import write_shard
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

RUNS = {
    f"frames{frames}_{texture}_seed0": {"frames": frames, "texture": texture == "texture"}
    for frames in (3, 1)
    for texture in ("texture", "plain")
}


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """Four windows whose neighbours are sharp: who sees them has it easy."""
    folder = tmp_path / "windows"
    folder.mkdir()
    shard = []
    for seed in range(4):
        picture = Scene(seed).picture(0, 0, 48, 48).astype(np.float32) / 255
        blurred, sharp = (to_frame(side) for side in (np.asarray(cv2.blur(picture, (9, 9)), np.float32), picture))
        shard.append([sharp, blurred, sharp, sharp])
    write_shard(folder, "00000000", np.array(shard), np.zeros((4, 4, 12, 12), np.float16))
    return folder


@pytest.mark.slow
def test_four_variants_are_trained_equally_long_scored_and_resumed(windows: Path, tmp_path: Path) -> None:
    runs, found, plot = tmp_path / "runs", tmp_path / "found.json", tmp_path / "plot.svg"
    options = '{"widths": [8, 8, 8], "depth": 1, "motion": 4}'
    recipe = ["--patch", "32", "--batch", "4", "--rate", "1e-2", "--options", options, "--scored", "40"]
    arguments = [str(windows), str(windows), str(runs), *recipe]
    ablation.main([*arguments, "--until", "40"])
    ablation.main([*arguments, "--until", "400", "--json", str(found), "--plot", str(plot)])
    for name, chosen in RUNS.items():
        header = weights.load(runs / name / "weights.safetensors")[1]
        assert header.card["patches"] == 400
        assert {key: header.options[key] for key in chosen} == chosen
        starts = (runs / name / "starts.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(start)["patches"] for start in starts] == [0, 40]

    report = json.loads(found.read_text(encoding="utf-8"))
    gains = [by_seed["0"] for by_seed in report["gains"].values()]
    assert len(set(gains)) == 4
    assert gains[0] > gains[2] + 0.5
    claims = list(report["claims"].values())
    assert claims[0]["changes"] == pytest.approx([gains[0] - gains[2], gains[1] - gains[3]])
    assert claims[1]["changes"] == pytest.approx([gains[0] - gains[1], gains[2] - gains[3]])
    assert claims[0]["verdict"] == "confirmed"
    drawn = ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{gains[0]:+.3f}" in texts
    assert sum(text in report["gains"] for text in texts) == 4
