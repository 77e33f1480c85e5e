"""How alike two pictures are, by the field's conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.metrics import structural_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all colours of 8-bit pictures, in dB; infinite where they are equal.

    Args:
        first: RGB, uint8 (H, W, 3), not cropped.
        second: The same shape.
    """
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Structural similarity as scikit-image computes it with the settings of Wang et al. 2004.

    Gaussian weights of sigma 1.5 (an 11x11 window), sample covariance off, mean over colours.

    Args:
        first: RGB, uint8 (H, W, 3), at least 11x11.
        second: The same shape.
    """
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            first,
            second,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )
