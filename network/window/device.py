"""Windows on a device: unpacked, aligned and gathered there, deblurred by what was compiled, and packed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from network.window.planar import align_on_device
from network.window.tensors import add_correction_tensors, read_tensors, write_tensors
from network.window.working import working_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.planes import PlaneSpec


class Core(Protocol):
    """A network for working planes, such as :class:`network.window.planar.WindowPlanes`."""

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Luma, chroma and, if the network sees neighbours, motion, to new luma and chroma."""


class DeviceWindows:
    """A network over time for frames on a device.

    Args:
        spec: Kind and size of the frames.
        core: The network for working planes.
    """

    def __init__(self, spec: PlaneSpec, core: Core) -> None:
        self._spec, self._working, self._core = spec, working_spec(spec), core

    def __call__(self, planes: Sequence[Tensor], places: Tensor, *motion: Tensor) -> tuple[Tensor, ...]:
        """Deblurs.

        Args:
            planes: Words of all planes of the frames, (frames, *plane shape) each, uint8 or uint16.
            places: Places among the frames of each window's frames, (N, 3), or of the frame itself, (N, 1); int64.
            motion: Of windows with neighbours, as :class:`network.window.found.Found` says: ``is_there`` (N, 2),
                ``flow`` (N, 4, H / 4, W / 4) and ``motion`` (N, 6, H / 8, W / 8).

        Returns:
            Words of the deblurred planes, (N, *plane shape) each, of the same type.
        """
        words = [plane.to(torch.float32) for plane in planes]
        luma, chroma = read_tensors(words, self._spec, self._working)
        windows = (_window(one, places, motion[:2]) for one in (luma, chroma))
        new_luma, new_chroma = self._core(*windows, *motion[2:])
        if self._working.is_direct:
            results = write_tensors(new_luma, new_chroma, self._spec)
        else:
            present = places[:, places.shape[1] // 2]
            results = add_correction_tensors([word[present] for word in words], new_luma, new_chroma, self._spec)
        return tuple(result.to(plane.dtype) for result, plane in zip(results, planes, strict=True))


def _window(planes: Tensor, places: Tensor, motion: Sequence[Tensor]) -> Tensor:
    """(frames, C, H, W) to (N, 3 C, H, W) or (N, C, H, W): the frames of each window, the neighbours aligned."""
    present = planes[places[:, places.shape[1] // 2]]
    if not motion:
        return present
    is_there, flow = motion
    previous, following = (
        torch.where(
            is_there[:, side, None, None, None],
            align_on_device(planes[places[:, 2 * side]], flow[:, 2 * side : 2 * side + 2]),
            present,
        )
        for side in (0, 1)
    )
    return torch.cat((previous, present, following), 1)
