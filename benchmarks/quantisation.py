"""What INT8 costs in quality: every evaluation set in FP32 and in INT8. Writes docs/design/int8.md.

    python benchmarks/quantisation.py EVAL --out docs/design/int8.md

EVAL is as for `quality.py`. INT8 is measured twice: as this processor computes it, and in floating point between the
same roundings, which is what a processor with VNNI computes (OpenVINO is told not to use 8-bit products, by a setting
that it does not document). Ends with 1 if either loses more than 0.1 dB on a set.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from quality import sharp_scores, synthesised
from torch import Tensor, nn

from network import catalogue
from network.data.datasets import find_pairs
from network.evaluation.evaluate import deblur_picture, read_samples
from network.evaluation.metrics import psnr
from pipeline.engines.openvino import network_digest
from pipeline.engines.openvino_core import openvino_core
from pipeline.engines.quantise import TRANSPARENT
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.evaluation.evaluate import Sample

LIMIT = 0.1
IN_FP32 = {"INFERENCE_PRECISION_HINT": "f32"}
IN_FLOATING_POINT = IN_FP32 | {"LP_TRANSFORMS_MODE": "NO"}

PAGE = """\
# INT8

The shipped network also comes in INT8. It is faster than FP32 on every processor that was
[measured](../results/speed.md), and `--precision auto` takes it.

`python benchmarks/quantisation.py EVAL --out docs/design/int8.md` writes this page.

## What it loses

PSNR in dB. The difference from FP32 is in brackets.

{table}

PSNR over RGB of the 8-bit rounded result, no crop, mean over pictures. Weights {digest}; {processor}.
The largest loss of a set is {loss:.3f} dB, and {limit} are allowed; the last row does not count. Above {transparent:g}
dB nobody sees a difference. What is left to measure there is INT8's own rounding.

The column "INT8 here" was computed on the processor named above, which has {features}.
The column "INT8 with VNNI" is what a processor with VNNI computes.

## How it is made

- It is calibrated with {frames} frames, none of an evaluation set ({sources}), by NNCF {nncf}.
- It was checked on {pairs} pairs of the pools, which lost {lost:+.3f} dB.
- These layers stay in floating point: {kept}.
  So does all arithmetic between planes and RGB. They stay in FP32 even where the processor multiplies bfloat16: the
  first layers read pixels, which bfloat16 would round to 8 bits at best.
- The file holds the digest of the FP32 weights. A file of other weights is not used, and a line says so.

With VNNI or AMX, products of 8 bits are added in 32 bits. Processors with AVX2 alone add two products in 16 bits, which
could overflow. `tests/pipeline/engines/test_overflow.py` checks that this harms no noise, checkerboards, glaring text
or lamps.

After new weights, one command writes everything that is shipped:

```sh
deblur export --shipped --int8 --loss 0.03 --calibration POOL
```
"""


class Compiled(nn.Module):
    """A network in OpenVINO, as evaluation takes networks.

    Args:
        path: File of the network, ONNX or OpenVINO's own format.
        properties: Properties for OpenVINO's processor plugin.
    """

    def __init__(self, path: Path, properties: dict[str, Any]) -> None:
        super().__init__()
        core = openvino_core()
        wanted = {"INFERENCE_PRECISION_HINT": "f32", **properties}
        self._model = core.compile_model(core.read_model(path), "CPU", wanted)

    def forward(self, image: Tensor) -> Tensor:
        """Deblurs RGB (N, 3, H, W) into the same shape."""
        return torch.from_numpy(self._model(image.contiguous().numpy())[0].copy())


def mean_psnr(network: nn.Module, samples: Sequence[Sample]) -> float:
    """PSNR of a network's results for pictures, in dB."""
    return fmean(psnr(deblur_picture(network, sample.blurred), sample.sharp) for sample in samples)


def main() -> int:
    """Measures, and writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    original, quantised = catalogue.onnx_file(catalogue.DEFAULT), catalogue.int8_file(catalogue.DEFAULT)
    if original is None or quantised is None:
        raise SystemExit("the INT8 form is missing; make it with `deblur export --shipped --int8`")
    digest = network_digest(original)
    if network_digest(quantised) != digest:
        raise SystemExit(f"{quantised.name} is of other weights; make it again with `deblur export --shipped --int8`")
    networks = {
        "FP32": Compiled(original, IN_FP32),
        "INT8 with VNNI": Compiled(quantised, IN_FLOATING_POINT),
        "INT8 here": Compiled(quantised, IN_FP32),
    }
    reds, photos = arguments.folder / "reds", arguments.folder / "photos"
    rows: list[tuple[str, list[float]]] = []
    sets: dict[str, Sequence[Sample]] = {
        "REDS, averaged from real high-rate video": list(read_samples(find_pairs(reds))),
        "photos, synthesised blur of 3 to 15 pixels": list(synthesised(photos)),
    }
    for name, samples in sets.items():
        rows.append((name, [mean_psnr(network, samples) for network in networks.values()]))
    sharp = [sharp_scores(network, photos) for network in networks.values()]
    seen = [fmean(min(score, TRANSPARENT) for score in scores) for scores in sharp]
    rows.append((f"sharp photographs, against themselves, each counted up to {TRANSPARENT:g}", seen))
    loss = max(row[0] - value for _, row in rows for value in row[1:])
    rows.append(("sharp photographs, counted in full", [fmean(scores) for scores in sharp]))
    text = page(list(networks), rows, loss, quantised, digest)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0 if loss <= LIMIT else 1


def page(columns: list[str], rows: list[tuple[str, list[float]]], loss: float, quantised: Path, digest: str) -> str:
    """The page in markdown."""
    model = openvino_core().read_model(quantised)
    notes = json.loads(model.get_rt_info(["framework", catalogue.QUANTISATION_KEY]).value)
    sources = ", ".join(f"{count} of {name}" for name, count in sorted(notes["calibration"].items()))
    described = describe()
    kept = ", ".join(name.split("/")[0] for name in notes["kept"]) or "no layer"
    table = [f"| set | {' | '.join(columns)} |", "|---|---:|---:|---:|"]
    table += [f"| {name} | {values[0]:.2f} | {' | '.join(_beside(values))} |" for name, values in rows]
    return PAGE.format(
        table="\n".join(table),
        digest=digest[:12],
        processor=described["processor"],
        features=", ".join(name for name, has in described["features"].items() if has) or "none of these",
        loss=max(loss, 0),
        limit=LIMIT,
        transparent=TRANSPARENT,
        frames=sum(notes["calibration"].values()),
        sources=sources,
        pairs=notes["checked_on_pairs"],
        lost=notes["loss_db"],
        kept=kept,
        nncf=notes["nncf"],
    )


def _beside(values: list[float]) -> list[str]:
    return [f"{value:.2f} ({value - values[0]:+.2f})" for value in values[1:]]


if __name__ == "__main__":
    sys.exit(main())
