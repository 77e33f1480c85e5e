"""Measures of structure that need more than scikit-image: MS-SSIM, and the deviation of gradients (GMSD)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from pytorch_msssim import ms_ssim as _ms_ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS_SSIM_LEAST = 161
"""Least height and width for MS-SSIM: its 11x11 window has to fit into a picture that was halved four times."""

_GMSD_CONSTANT = 170.0
_PREWITT = np.array([[1, 0, -1]] * 3, np.float32) / 3


def ms_ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Structural similarity over five scales (Wang et al. 2003), as pytorch-msssim computes it; 1 for equal pictures.

    Args:
        first: First picture, RGB, uint8 (H, W, 3), at least :data:`MS_SSIM_LEAST` on each side.
        second: Second picture, of the same shape.
    """
    with torch.inference_mode():
        tensors = [_as_tensor(picture) for picture in (first, second)]
        return float(_ms_ssim(*tensors, data_range=255))


def gmsd(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014): 0 for equal pictures, and greater for less alike ones.

    As the authors' program computes it: luma, mean of 2x2, every second sample, Prewitt's filter, a constant of 170.

    Args:
        first: First picture, RGB, uint8 (H, W, 3), at least 2x2.
        second: Second picture, of the same shape.
    """
    one, other = _gradient(first), _gradient(second)
    similarity = (2 * one * other + _GMSD_CONSTANT) / (one**2 + other**2 + _GMSD_CONSTANT)
    return float(similarity.std(dtype=np.float64))


def _as_tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)
    return torch.from_numpy(planes)[None]


def _gradient(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean: Any = cv2.blur(luma, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    half = np.ascontiguousarray(mean[::2, ::2])
    across, down = (cv2.filter2D(half, -1, kernel, borderType=cv2.BORDER_CONSTANT) for kernel in (_PREWITT, _PREWITT.T))
    magnitude: NDArray[np.float32] = np.sqrt(across**2 + down**2)
    return magnitude
