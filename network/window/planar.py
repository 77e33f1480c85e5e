"""A network over time for planes of codes, in PyTorch: codes in, corrected codes or the correction out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from network.window.working import WorkingSpec


class WindowPlanes(nn.Module):
    """A network over time, turned into one for working planes. Everything in it is floating point.

    Args:
        network: Maps luma, chroma and motion to the corrections of luma and chroma, as
            :class:`network.models.idc_video.IDCVideo` does. It gets float32 in whatever type it computes.
        working: Codes of the working planes. Height and width are those of the tensors; the ones here are not read.
        strength: Share of the correction that is applied; 0 leaves the picture as it is, 1 is the full effect.
    """

    def __init__(self, network: nn.Module, working: WorkingSpec, strength: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.working, self.strength = working, strength
        window: Any = network.window
        self.before = int(window.before)

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Deblurs.

        Args:
            luma: Codes of luma as float32, (N, frames, H, W), the neighbours aligned.
            chroma: Codes of both chroma planes of each frame as float32, (N, 2 frames, H / 2, W / 2).
            motion: Motion, (N, 6, H / 8, W / 8) float32; None for a network that sees one frame.

        Returns:
            Luma (N, 1, H, W) and chroma (N, 2, H / 2, W / 2), float32: new codes, whole numbers, where the working
            planes are direct; else the corrections, luma's from black to white and chroma's whole range 1.
        """
        working = self.working
        planes = [
            (luma - working.luma_zero) * (1 / working.luma_range),
            (chroma - working.chroma_zero) * (1 / working.chroma_range),
        ]
        inputs = planes if motion is None else [*planes, motion]
        corrections = [result.float() * self.strength for result in self.network(*inputs)]
        if not working.is_direct:
            return corrections[0], corrections[1]
        present = luma[:, self.before : self.before + 1], chroma[:, 2 * self.before : 2 * self.before + 2]
        scales = working.luma_range, working.chroma_range
        new_luma, new_chroma = (
            (codes + torch.round(correction * scale)).clamp(0, working.maximum)
            for codes, correction, scale in zip(present, corrections, scales, strict=True)
        )
        return new_luma, new_chroma


def align_on_device(plane: Tensor, flow: Tensor) -> Tensor:
    """Brings neighbours' planes onto the present frames, as :func:`network.window.alignment.align` does.

    Args:
        plane: Codes as float32, (N, C, H, W), on any device.
        flow: Flow from the present frames to the neighbours, (N, 2, h, w) float32, in pixels of its own resolution.

    Returns:
        Codes rounded to whole numbers, (N, C, H, W) float32.
    """
    height, width = plane.shape[-2:]
    shift = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * (height / flow.shape[-2])
    across = torch.arange(width, device=plane.device, dtype=torch.float32) + shift[:, 0]
    down = torch.arange(height, device=plane.device, dtype=torch.float32)[:, None] + shift[:, 1]
    # Places from -1 to 1, where -1 and 1 are the outer edges of the picture.
    grid = torch.stack(((2 * across + 1) / width - 1, (2 * down + 1) / height - 1), dim=-1)
    return F.grid_sample(plane, grid, mode="bilinear", padding_mode="border", align_corners=False).round()
