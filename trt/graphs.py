"""The graphs that are compiled: planes of floating point in and out, the network inside."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from network.models.layers import fold_for_inference, to_precision
from network.planar import PlanarNetwork
from network.window.planar import WindowPlanes
from trt.settings import EngineSettings, Precision
from trt.signature import window_of

if TYPE_CHECKING:
    from network.planes import PlaneSpec
    from network.window.working import WorkingSpec
    from trt.signature import Signature


class PlanarGraph(PlanarNetwork):
    """A network for RGB between the conversions from planes to RGB and back.

    Args:
        network: Maps RGB (N, 3, H, W) float32, nominally in [0, 1], to the same shape. A copy is folded and
            converted; the module itself stays as it is.
        spec: Layout, depth, matrix and size of the planes.
        settings: Precision and strength.
    """

    def __init__(self, network: nn.Module, spec: PlaneSpec, settings: EngineSettings) -> None:
        dtype = _dtype(settings)
        super().__init__(_converted(network, dtype), spec, settings.strength, dtype)
        self.eval().requires_grad_(requires_grad=False)


class WindowGraph(WindowPlanes):
    """A network over time for working planes.

    Args:
        network: Maps luma, chroma and motion to corrections, as :class:`network.models.idc_video.IDCVideo` does. A copy
            is folded and converted; the module itself stays as it is.
        working: Codes of the working planes.
        settings: Precision and strength.
    """

    def __init__(self, network: nn.Module, working: WorkingSpec, settings: EngineSettings) -> None:
        super().__init__(_converted(network, _dtype(settings)), working, settings.strength)
        self.eval().requires_grad_(requires_grad=False)


def make_graph(network: nn.Module, signature: Signature, settings: EngineSettings) -> PlanarGraph | WindowGraph:
    """The graph of a network.

    Args:
        network: Network, which is left as it is.
        signature: What it is compiled for.
        settings: Precision and strength.

    Raises:
        ValueError: If the signature is for a network with another window.
    """
    if signature.window != window_of(network):
        raise ValueError(f"the network looks at {window_of(network)}, not at {signature.window}")
    if signature.window is None:
        return PlanarGraph(network, signature.spec, settings)
    return WindowGraph(network, signature.working, settings)


def _dtype(settings: EngineSettings) -> torch.dtype:
    return torch.float16 if settings.precision is Precision.FP16 else torch.float32


def _converted(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    return to_precision(fold_for_inference(copy.deepcopy(network)), dtype)
