"""The ablation on a tiny network: trained, resumed, scored and drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import ablation
import pytest

from network import weights

if TYPE_CHECKING:
    from pathlib import Path

RUNS = {
    f"scales{scales}_{texture}_seed0": {"scales": scales, "texture": texture == "texture"}
    for scales in (3, 1)
    for texture in ("texture", "plain")
}


@pytest.mark.slow
def test_four_variants_are_trained_equally_long_scored_and_resumed(pairs: Path, pool: Path, tmp_path: Path) -> None:
    runs, found, plot = tmp_path / "runs", tmp_path / "found.json", tmp_path / "plot.svg"
    options = '{"widths": [8, 8, 8], "depth": 1}'
    recipe = ["--patch", "48", "--batch", "4", "--rate", "1e-2", "--options", options]
    arguments = [str(pool), str(pairs), str(runs), *recipe]
    ablation.main([*arguments, "--steps", "10"])
    ablation.main([*arguments, "--steps", "30", "--json", str(found), "--plot", str(plot)])
    for name, chosen in RUNS.items():
        header = weights.load(runs / name / "weights.safetensors")[1]
        assert header.card["steps"] == 30
        assert {key: header.options[key] for key in chosen} == chosen
        starts = (runs / name / "starts.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(start)["step"] for start in starts] == [0, 10]

    report = json.loads(found.read_text(encoding="utf-8"))
    assert report["images"] == 4
    variants = report["variants"]
    assert list(variants) == [
        f"{scales}, {texture} texture branch" for scales in ("3 scales", "1 scale") for texture in ("with", "no")
    ]
    figures = [variant["by_seed"]["0"] for variant in variants.values()]
    assert len({row["psnr"] for row in figures}) == 4
    assert max(row["gain"] for row in figures) > 0.1
    for row in figures:
        assert row["gain"] == pytest.approx(row["psnr"] - report["blurred"]["psnr"])
    three, three_plain, one, one_plain = (row["psnr"] for row in figures)
    claims = list(report["claims"].values())
    assert claims[0]["changes"] == pytest.approx([three - one, three_plain - one_plain])
    assert claims[1]["changes"] == pytest.approx([three - three_plain, one - one_plain])
    for claim, better in zip(claims, (1, 1, -1), strict=True):
        signs = {change * better > 0 for change in claim["changes"]}
        assert claim["verdict"] == {(True,): "confirmed", (False,): "contradicted"}.get(tuple(signs), "undecided")

    drawn = ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{figures[0]['gain']:+.3f}" in texts
    assert sum(text in variants for text in texts) == 8
