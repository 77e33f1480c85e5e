"""Deblurs with a network of your own, a module of PyTorch. Needs `pip install 'deblur-stream[train]'`.

python examples/custom_network.py IN.mp4 OUT.mp4 --seconds 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import deblur_stream
from network import models

CLIP = Path(__file__).with_name("clip.mp4")


class Sharpen(nn.Module):
    """A network: RGB in [0, 1], float, (N, 3, H, W), to the same shape.

    This one has fixed weights; yours are trained.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        cross = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]]) / 8
        self.register_buffer("kernel", cross.repeat(3, 1, 1, 1))

    def forward(self, rgb: Tensor) -> Tensor:
        """Adds what each pixel differs from its neighbours."""
        padded = functional.pad(rgb, (1, 1, 1, 1), mode="replicate")
        return rgb + functional.conv2d(padded, self.kernel.to(rgb.dtype), groups=3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", type=Path, default=CLIP)
    parser.add_argument("output", nargs="?", type=Path, default=Path("sharpened.mp4"))
    parser.add_argument("--seconds", type=float, help="how much to process")
    arguments = parser.parse_args()
    models.register("sharpen", Sharpen)
    report = deblur_stream.deblur_video(
        arguments.input, arguments.output, network="sharpen", duration=arguments.seconds, overwrite=True
    )
    print(report.summary())
