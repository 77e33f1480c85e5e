"""The figures of weights, the demands on them, and the page, on tiny sets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import quality
import torch
from quality_bars import GAINS, bars
from quality_page import page

from network import weights
from network.evaluation.evaluate import Candidate
from network.models import registry
from tests.support.clips import write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from quality_bars import Bar

OPTIONS = {"widths": [8, 8, 8], "depth": 1}


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """Sets as `quality.py` wants them: a sequence of two frames in each folder, and a photograph."""
    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (112, 80), interpolation=cv2.INTER_CUBIC)
    folder = tmp_path / "eval"
    for sequence in ("reds/000", "reds_small/001"):
        for frame in range(2):
            sharp = wide[:, 3 * frame : 3 * frame + 96]
            for side, picture in (("sharp", sharp), ("blur", cv2.blur(sharp, (7, 1)))):
                (folder / sequence / side).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / sequence / side / f"{frame}.png"), picture)
    (folder / "photos").mkdir()
    cv2.imwrite(str(folder / "photos" / "a.png"), wide)
    return folder


def test_every_set_is_measured_and_told(evaluation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = registry.create("idc-video", **OPTIONS)
    with torch.no_grad():
        torch.nn.init.normal_(network.get_parameter("exit.weight"), 0, 0.5)
    file = tmp_path / "mine.safetensors"
    header = weights.save(file, network, name="idc-video", options=OPTIONS, card={})
    found, text = tmp_path / "found.json", tmp_path / "page.md"
    arguments = [str(evaluation), "--set", str(evaluation / "reds"), "--weights", str(file)]
    ended = quality.main([*arguments, "--json", str(found), "--page", str(text)])
    report = json.loads(found.read_text(encoding="utf-8"))
    assert report["weights"] == header.digest
    assert [(each["set"], each["neighbours"], each["rows"][1]["frames"]) for each in report["sets"]] == [
        ("reds/000", "both", 2), ("reds/000", "previous", 1.5), ("reds/000", "none", 1),
        ("reds_small/001", "both", 2), ("reds_small/001", "previous", 1.5), ("reds_small/001", "none", 1),
        ("reds", "both", 2), ("reds", "none", 1),
        *((f"photos, strokes of {length} pixels", "none", 1) for length in (4, 8, 16, 32)),
    ]  # fmt: skip
    in_order, _, singles = (each["rows"][1] for each in report["sets"][:3])
    assert in_order["psnr"] != singles["psnr"]
    assert report["sets"][6]["rows"][1]["psnr"] == pytest.approx(in_order["psnr"])  # the same sequence
    assert [each["set"] for each in report["sharp"]] == ["reds/000", "reds_small/001", "reds", "photos"]
    assert all(each["rows"][0]["least"] <= each["rows"][0]["psnr"] < 100 for each in report["sharp"])
    assert ended == 1  # what random weights make
    assert not all(bar["holds"] for bar in report["bars"])
    written = text.read_text(encoding="utf-8")
    assert written in capsys.readouterr().out
    for each in report["sets"]:
        assert f"**{each['set']}**" in written
    assert f"{in_order['gain']:+.2f}" in written
    assert header.digest[:12] in written
    assert str(tmp_path) not in written + found.read_text(encoding="utf-8")


def test_the_shipped_weights_are_run_by_the_engine_in_every_precision() -> None:
    candidates, network, digest = quality.shipped(["fp32"])
    assert [candidate.name for candidate in candidates] == ["idc-video fp32"]
    assert (network, len(digest)) == ("idc-video", 64)


def test_a_clip_is_as_steady_as_it_was_where_nothing_is_changed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv")
    found = quality.steadiness(Candidate("nothing", registry.create("identity")), clip, 5)
    before, after = found["rows"]
    assert found["images"] == 5
    assert before["warping_error"] == after["warping_error"]
    assert before["flicker"] == after["flicker"]


def row(**figures: Any) -> dict[str, Any]:
    usual = {
        "method": "idc-video fp32", "psnr": 25.0, "gain": 3.0, "least_gain": 0.5, "brightness": 1.0, "flicker": 1.0,
        "warping_error": 1e-3, "frames": 2.0, "made_worse": 0, "detail": 25.0, "detail_gain": 3.0, "ssim": 0.7,
        "parameters": None,
    }  # fmt: skip
    return usual | figures


def figures(*others: dict[str, Any], sharp: tuple[float, float] = (44, 42), **changed: Any) -> dict[str, Any]:
    """Figures of weights that meet every demand, but for what is changed."""
    blurred = row(method="blurred input", psnr=22.0, brightness=4.0, flicker=1.2, warping_error=2e-3)
    blurred |= dict.fromkeys(("frames", "gain", "least_gain", "made_worse", "detail_gain"))
    sets = [
        {"set": name, "neighbours": neighbours, "images": 6, "rows": [blurred, row(**changed), *others]}
        for name, neighbours in GAINS
    ]
    kept = [{"method": "idc-video fp32", "psnr": sharp[0], "least": sharp[1]}]
    kept += [{"method": other["method"], "psnr": sharp[0] - 0.2, "least": 41} for other in others]
    photos = [{"set": "photos", "neighbours": "none", "images": 20, "rows": kept}]
    return {"sets": sets, "sharp": photos, "clips": []}


def failing(found: dict[str, Any]) -> list[Bar]:
    return [bar for bar in bars(found) if not bar.holds]


def test_good_figures_meet_every_demand() -> None:
    checked = bars(figures())
    assert len(checked) == 7
    assert all(bar.holds and not bar.fails for bar in checked)


@pytest.mark.parametrize(
    ("changed", "name", "places"),
    [
        ({"gain": 2.88}, "gains at least", 1),
        ({"gain": 2.60}, "gains at least", 2),
        ({"least_gain": -0.11}, "no frame is made worse", 7),
        ({"sharp": (39.9, 36.0)}, "on average", 1),
        ({"sharp": (41.0, 33.9)}, "no sharp picture", 1),
        ({"brightness": -4.1}, "brightness", 7),
        ({"flicker": 1.3}, "flicker", 4),
        ({"warping_error": 2.1e-3}, "warping error", 4),
    ],
)
def test_a_demand_that_is_not_met_is_named_with_its_places(changed: dict[str, Any], name: str, places: int) -> None:
    (bar,) = failing(figures(**changed))
    assert name in bar.name
    assert len(bar.fails) == places
    assert bar.worst == bar.fails[0]


def test_brightness_may_be_off_by_a_little_where_nothing_was_wrong() -> None:
    found = figures(brightness=1.4)
    for each in found["sets"]:
        each["rows"][0] = each["rows"][0] | {"brightness": 0.1}
    assert failing(found) == []
    found["sets"][0]["rows"][1] = row(brightness=-1.6)
    assert [bar.worst for bar in failing(found)] == ["reds/000, in order: -1.60 codes"]


def test_int8_is_compared_with_fp32_where_it_is_there() -> None:
    near, far = (row(method="idc-video int8", psnr=psnr) for psnr in (24.96, 24.94))
    (sharp,) = failing(figures(near))
    assert "INT8 loses at most 0.1 dB of sharp pictures" in sharp.name
    blurred, _ = failing(figures(far))
    assert "INT8 loses at most 0.05 dB of blurred pictures" in blurred.name
    assert len(blurred.fails) == 4  # both folders in order, one also without a next frame and as single pictures


def test_the_page_says_which_demands_do_not_hold() -> None:
    found = figures(row(method="idc-video int8", psnr=24.96), brightness=-4.1)
    found |= {"command": "python benchmarks/quality.py EVAL", "network": "idc-video", "weights": "ab" * 32}
    found["machine"] = {"processor": "A Processor", "features": {"VNNI": True}, "versions": {"python": "3.11"}}
    found["bars"] = [vars(bar) for bar in bars(found)]
    found["clips"] = [
        {
            "set": "a.mp4",
            "images": 9,
            "rows": [{"flicker": 0.5, "warping_error": 2e-3}, {"flicker": 0.25, "warping_error": 1e-3}],
        }
    ]
    text = page(found)
    assert "| **no** | reds/000, in order: -4.10 codes; " in text
    assert "| reds/000 | in order | 25.00 | -0.040 |" in text
    assert "| photos, sharp | single pictures | 44.00 | -0.200 |" in text
    assert "| `a.mp4` | 9 | 0.50 | 0.25 | 2.00e-03 | 1.00e-03 |" in text
    assert "A Processor (VNNI)" in " ".join(text.split())
