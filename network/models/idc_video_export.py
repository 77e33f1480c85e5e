"""The network over time as it is exported: the same function, in the steps that processors are fastest with.

Convolutions in 8 bits take so little time that moving features about takes more: that was 60 % of a frame's time with
AMX. So nothing here is unshuffled, split or cut out that a convolution can give in the right place:

* The cosine transform reads the planes themselves, by convolutions with a stride, where the network that is trained
  unshuffles planes into channels and transforms these.
* Scales and shifts of features, and corrections of luma and chroma, come from two convolutions each.
* The channels that become a block of pixels lie so that whole pixels are moved (:func:`pixels_together`).
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from network.models.plane_channels import CHANNELS, CHROMA_STEP, LUMA_STEP

if TYPE_CHECKING:
    from network.models.idc_video import IDCVideo, Modulation

_LUMA = LUMA_STEP**2
_CHROMA = CHANNELS - _LUMA


class IDCVideoExport(nn.Module):
    """A folded network over time, rearranged for inference.

    Args:
        network: The network, folded for inference (:func:`network.models.layers.fold_for_inference`). It is copied.

    Attributes:
        window: Neighbours that it looks at.
        multiple: Multiple that height and width of luma must be of, in pixels.
    """

    def __init__(self, network: IDCVideo) -> None:
        super().__init__()
        self.window, self.multiple = network.window, network.multiple
        self.network = inner = copy.deepcopy(network)
        frames, matrix = self.window.frames, network.spectrum.matrix[:, :, 0, 0]
        self.spectrum = PlaneCosines(matrix, frames)
        order = torch.arange(frames * CHANNELS).reshape(frames, CHANNELS)
        self._move_inputs(inner.entry.convolution, torch.cat((order[:, :_LUMA].flatten(), order[:, _LUMA:].flatten())))
        if inner.motion is not None:
            for name in ("middle", "low", "raised"):
                setattr(inner.motion, name, SeparateModulation(getattr(inner.motion, name)))
        self.luma_exit = _outputs(inner.exit, slice(None, _LUMA))
        self.chroma_exit = _outputs(inner.exit, slice(_LUMA, None))

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See :meth:`network.models.idc_video.IDCVideo.forward`."""
        spectrum = self.spectrum(luma, chroma)
        present = self.spectrum.of_frame(spectrum, self.window.before)
        features = self.network.features(spectrum, present, motion)[0]
        return (
            F.pixel_shuffle(self.luma_exit(features), LUMA_STEP),
            F.pixel_shuffle(self.chroma_exit(features), CHROMA_STEP),
        )

    def sample_inputs(self, height: int, width: int, batch: int = 1) -> tuple[Tensor, ...]:
        """See :meth:`network.models.idc_video.IDCVideo.sample_inputs`."""
        return self.network.sample_inputs(height, width, batch)

    @staticmethod
    def _move_inputs(convolution: nn.Module, order: Tensor) -> None:
        assert isinstance(convolution, nn.Conv2d), "the entry is one"
        convolution.weight = nn.Parameter(convolution.weight[:, order].detach(), requires_grad=False)


class PlaneCosines(nn.Module):
    """Cosine coefficients of planes, as :class:`network.models.plane_channels.PlaneSpectrum` has them.

    They lie in another order: those of luma of all frames before those of chroma.

    Args:
        matrix: The transform of one frame's channels, (24, 24).
        frames: Number of frames.
    """

    is_exact = True

    def __init__(self, matrix: Tensor, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.luma: Tensor
        self.chroma: Tensor
        of_luma = matrix[:_LUMA, :_LUMA].reshape(-1, 1, LUMA_STEP, LUMA_STEP)
        of_chroma = matrix[_LUMA:, _LUMA:].reshape(-1, 2, CHROMA_STEP, CHROMA_STEP)
        self.register_buffer("luma", _of_each_frame(of_luma, frames), persistent=False)
        self.register_buffer("chroma", _of_each_frame(of_chroma, frames), persistent=False)

    def forward(self, luma: Tensor, chroma: Tensor) -> Tensor:
        """(N, frames, H, W) and (N, 2 frames, H / 2, W / 2) to (N, 24 frames, H / 4, W / 4)."""
        of_luma = F.conv2d(luma, self.luma, stride=LUMA_STEP)
        return torch.cat((of_luma, F.conv2d(chroma, self.chroma, stride=CHROMA_STEP)), 1)

    def of_frame(self, spectrum: Tensor, frame: int) -> Tensor:
        """Those of one frame, (N, 24, H / 4, W / 4), in the order that the channels of a frame have."""
        # Two slices: a split would also write what nobody reads.
        luma, chroma = frame * _LUMA, self.frames * _LUMA + frame * _CHROMA
        return torch.cat((spectrum[:, luma : luma + _LUMA], spectrum[:, chroma : chroma + _CHROMA]), 1)


class SeparateModulation(nn.Module):
    """:class:`network.models.idc_video.Modulation` by a convolution each for scale and shift.

    Args:
        joint: The modulation.
    """

    def __init__(self, joint: Modulation) -> None:
        super().__init__()
        self.scale = _outputs(joint.layer, slice(None, joint.channels), more=1)
        self.shift = _outputs(joint.layer, slice(joint.channels, None))

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """(N, channels, H, W) and (N, told, H, W) to (N, channels, H, W)."""
        told_features: Tensor = features * self.scale(told) + self.shift(told)
        return told_features


def _of_each_frame(weights: Tensor, frames: int) -> Tensor:
    """Weights (outputs, inputs, h, w) for one frame to those for several, each by itself."""
    outputs, inputs, *size = weights.shape
    whole = weights.new_zeros(frames, outputs, frames, inputs, *size)
    for frame in range(frames):
        whole[frame, :, frame] = weights
    return whole.reshape(frames * outputs, frames * inputs, *size)


def _outputs(convolution: nn.Conv2d, part: slice, more: float = 0) -> nn.Conv2d:
    """A convolution that gives a part of another one's channels, with a number added to each."""
    made = copy.deepcopy(convolution)
    assert convolution.bias is not None, "it has one"
    made.weight = nn.Parameter(convolution.weight[part].detach().clone(), requires_grad=False)
    made.bias = nn.Parameter(convolution.bias[part].detach() + more, requires_grad=False)
    made.out_channels = len(made.weight)
    return made


def pixels_together(model: onnx.ModelProto) -> None:
    """Lets pixel shuffles move whole pixels, in place.

    A pixel shuffle takes channel ``c`` of the pixel at ``(y, x)`` of a block from channel ``(c, y, x)``. Where a
    convolution comes before it that nothing else reads, its outputs are put in the order ``(y, x, c)``: then all
    channels of a pixel lie together in memory.

    Args:
        model: An exported network.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    readers = Counter(name for node in model.graph.node for name in node.input)
    for node in model.graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "DepthToSpace" else None
        if maker is None or maker.op_type != "Conv":
            continue
        if any(readers[name] > 1 for name in (node.input[0], *maker.input[1:])):
            continue
        options = {attribute.name: attribute for attribute in node.attribute}
        block = options["blocksize"].i
        for name in maker.input[1:]:
            values = numpy_helper.to_array(constants[name])
            blocks = values.reshape(-1, block * block, *values.shape[1:])
            if len(blocks) == 1:
                break
            moved = np.ascontiguousarray(blocks.swapaxes(0, 1)).reshape(values.shape)
            constants[name].CopyFrom(numpy_helper.from_array(moved, name))
        else:
            options["mode"].s = b"DCR"
