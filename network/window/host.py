"""Windows in host memory: aligned by OpenCV, and deblurred in PyTorch, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from network.window.planar import WindowPlanes
from network.window.stage import WindowStage

if TYPE_CHECKING:
    from torch import nn

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Window, Windows


class HostWindows:
    """A network over time for frames in host memory. :class:`network.window.device.DeviceWindows` is for a device.

    Args:
        spec: Kind and size of the frames.
        network: Network as :class:`network.window.planar.WindowPlanes` takes it, on ``device``.
        window: Neighbours that it looks at.
        strength: Share of the correction that is applied.
        device: A torch device.
    """

    def __init__(
        self,
        spec: PlaneSpec,
        network: nn.Module,
        window: Window,
        strength: float = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.spec = spec
        self._stage, self._device = WindowStage(spec, window), device
        self._planes = WindowPlanes(network, self._stage.working, strength)

    def run(self, batch: PlaneBatch, windows: Windows, out: PlaneBatch) -> None:
        """Deblurs.

        Args:
            batch: Frames; left as they are.
            windows: Windows of the frames to make, see :data:`network.window.windows.Windows`.
            out: Batch whose first frames are overwritten, one a window; in other memory.
        """
        for row in range(len(windows)):
            one = windows[row : row + 1]
            self._stage.fill(batch, one)
            inputs = (torch.from_numpy(each).to(self._device, torch.float32) for each in self._stage.inputs)
            with torch.inference_mode():
                luma, chroma = (made.cpu().numpy() for made in self._planes(*inputs))
            self._stage.put(batch, one, luma, chroma, out, row)
