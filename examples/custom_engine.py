"""Deblurs with an engine of your own: here, unsharp masking with NumPy in place of a network.

python examples/custom_engine.py IN.mp4 OUT.mp4 --seconds 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import deblur_stream
from deblur_stream import EngineInfo, PlaneBatch, PlaneSpec

CLIP = Path(__file__).with_name("clip.mp4")


class UnsharpMask:
    """An engine: anything with ``info``, ``buffers``, ``run`` and ``reset``.

    Args:
        amount: How much of the difference to the neighbours is added.
    """

    def __init__(self, amount: float = 0.6) -> None:
        self._amount = amount

    @property
    def info(self) -> EngineInfo:
        """What this engine is, for reports. Work that was interrupted goes on only with the same info."""
        return EngineInfo(
            backend=f"NumPy {np.__version__}",
            device="processor",
            precision="fp32",
            network="unsharp mask",
            digest=f"amount {self._amount}",
        )

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Memory for a batch of frames; others would take it on their device."""
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, _windows: object = None) -> None:
        """Sharpens the first plane, luma in YUV and grey video and green in RGB, and leaves the others."""
        step, highest = 1 << batch.spec.code_shift, (1 << batch.spec.depth) - 1
        luma = (batch.planes[0] // step).astype(np.float32)
        padded = np.pad(luma, ((0, 0), (1, 1), (1, 1)), mode="edge")
        neighbours = (padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]) / 4
        sharper = np.clip(np.rint(luma + self._amount * (luma - neighbours)), 0, highest)
        out.planes[0][...] = sharper.astype(batch.spec.dtype) * step
        for target, plane in zip(out.planes[1:], batch.planes[1:], strict=True):
            target[...] = plane

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", type=Path, default=CLIP)
    parser.add_argument("output", nargs="?", type=Path, default=Path("sharpened.mp4"))
    parser.add_argument("--seconds", type=float, help="how much to process")
    arguments = parser.parse_args()
    report = deblur_stream.deblur_video(
        arguments.input, arguments.output, engine=UnsharpMask(), duration=arguments.seconds, overwrite=True
    )
    print(report.summary())
