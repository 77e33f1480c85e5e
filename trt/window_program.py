"""A compiled network over time with what goes around it on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from network.window.device import DeviceWindows
from network.window.motion import STEP
from trt.signature import Port

if TYPE_CHECKING:
    from torch import Tensor

    from network.window.windows import Window
    from trt.compiled import Program
    from trt.signature import Signature


class WindowProgram:
    """A :class:`trt.compiled.Program` from frames, windows and their motion to deblurred frames.

    Args:
        core: Compiled network for working planes, or its tiles.
        signature: What the network was compiled for, of whole frames.
        window: Neighbours that it looks at.

    Attributes:
        inputs: Planes of the frames that a call may look at; then places and motion, as
            :class:`network.window.device.DeviceWindows` takes them.
    """

    def __init__(self, core: Program, signature: Signature, window: Window) -> None:
        self._windows = DeviceWindows(signature.spec, lambda *inputs: core(inputs))
        self._planes = len(signature.spec.plane_shapes)
        batch, dtype = signature.batch, signature.spec.dtype.name
        frames, (height, width) = frames_of(signature, window), signature.size
        ports = [
            Port(f"plane{index}", (frames, *shape), dtype) for index, shape in enumerate(signature.spec.plane_shapes)
        ]
        ports.append(Port("places", (batch, window.frames), "int64"))
        if window.frames > 1:
            ports.append(Port("is_there", (batch, window.frames - 1), "bool"))
            ports.append(Port("flow", (batch, 2 * (window.frames - 1), height // STEP, width // STEP)))
            ports.append(signature.inputs[2])
        self.inputs = tuple(ports)

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`trt.compiled.Program`."""
        with torch.no_grad():
            return self._windows(inputs[: self._planes], *inputs[self._planes :])


def frames_of(signature: Signature, window: Window) -> int:
    """Number of frames that consecutive windows of a call look at."""
    return signature.batch + window.before + window.after
