"""Runs networks over pairs of pictures and scores their results, by the field's conventions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from network.data.pairs import read_pair
from network.errors import DataError
from network.evaluation.metrics import WINDOW, psnr, ssim
from network.evaluation.tiles import in_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from network.data.pairs import Pair
    from network.evaluation.tiles import Tiling
    from network.training.pool import Pool

    Picture = NDArray[np.uint8]

CONVENTION = (
    "PSNR over RGB of the 8-bit rounded result, SSIM with gaussian weights (sigma 1.5, 11x11, sample covariance off), "
    "no crop, means over images"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to score.

    Attributes:
        name: Name in tables and files; different from every other's.
        network: Network that maps RGB in [0, 1], float (N, 3, H, W), to the same; in evaluation mode, on the device it
            runs on.
    """

    name: str
    network: nn.Module


@dataclass(frozen=True, slots=True)
class Sample:
    """A pair of pictures in memory.

    Attributes:
        name: Name of the pair.
        blurred: RGB, uint8 (H, W, 3).
        sharp: Ground truth of the same shape.
        sequence: Name of the sequence that the pair is a frame of; empty if of none.
    """

    name: str
    blurred: Picture
    sharp: Picture
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Deblurred:
    """Results of every candidate for a sample.

    Attributes:
        sample: Pictures of the sample.
        outputs: Result of each candidate, RGB, uint8 (H, W, 3).
        seconds: Time of each network alone, in seconds.
    """

    sample: Sample
    outputs: tuple[Picture, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One candidate's figures on one sample.

    Attributes:
        name: Name of the pair.
        sequence: Name of the sequence that the pair is a frame of; empty if of none.
        candidate: Name of the network.
        blurred_psnr: PSNR of the input against the ground truth, in dB.
        psnr: PSNR of the result, in dB.
        blurred_ssim: SSIM of the input, at most 1.
        ssim: SSIM of the result, at most 1.
        seconds: Time of the network alone, in seconds.
    """

    name: str
    sequence: str
    candidate: str
    blurred_psnr: float
    psnr: float
    blurred_ssim: float
    ssim: float
    seconds: float

    @property
    def gain(self) -> float:
        """PSNR gained by the network, in dB; 0 where nothing could be gained and nothing was lost."""
        return 0.0 if self.psnr == self.blurred_psnr else self.psnr - self.blurred_psnr


def deblur_picture(network: nn.Module, picture: Picture, device: str = "cpu", tiling: Tiling | None = None) -> Picture:
    """One picture through a network, rounded to 8 bits.

    Args:
        network: The network, in evaluation mode, on ``device``.
        picture: RGB, uint8 (H, W, 3).
        device: A torch device.
        tiling: Tiles of the picture; None gives the network all of it at once.

    Returns:
        RGB, uint8 (H, W, 3).

    Raises:
        NetworkError: If the tiles are too small for the network.
    """
    return _timed(network, picture, device, tiling)[0]


def read_samples(pairs: Iterable[Pair]) -> Iterator[Sample]:
    """Reads pairs, one at a time.

    Raises:
        DataError: If a pair can't be read, its sides differ in size, or it is too small for SSIM's window.
    """
    for pair in pairs:
        yield _large_enough(Sample(pair.name, *read_pair(pair), pair.sequence))


def pool_samples(pool: Pool) -> Iterator[Sample]:
    """The pairs of a pool, such as one synthesised from photographs that were kept out of training.

    Raises:
        DataError: If the pairs are too small for SSIM's window.
    """
    for index in range(len(pool)):
        blurred, sharp = pool.pair(index).copy()  # PyTorch warns of memory that can't be written
        yield _large_enough(Sample(f"{index:07d}", blurred, sharp))


def deblur_samples(
    candidates: Sequence[Candidate], samples: Iterable[Sample], device: str = "cpu", tiling: Tiling | None = None
) -> Iterator[Deblurred]:
    """Runs every candidate on every sample, sample by sample, so that one is in memory at a time.

    Args:
        candidates: The networks, on ``device``.
        samples: Samples to run the candidates on.
        device: A torch device.
        tiling: Tiles of the pictures; None for whole pictures.

    Yields:
        One result a sample.

    Raises:
        NetworkError: If the tiles are too small for a network.
    """
    for sample in samples:
        runs = [_timed(candidate.network, sample.blurred, device, tiling) for candidate in candidates]
        yield Deblurred(sample, tuple(output for output, _ in runs), tuple(seconds for _, seconds in runs))


def score(result: Deblurred, candidates: Sequence[Candidate]) -> list[Score]:
    """The figures of every candidate on a sample; those of the blurred side are computed once.

    Args:
        result: Pictures of at least 11x11 pixels.
        candidates: Candidates that made it, in the same order.
    """
    sample = result.sample
    blurred_psnr, blurred_ssim = psnr(sample.blurred, sample.sharp), ssim(sample.blurred, sample.sharp)
    return [
        Score(
            sample.name,
            sample.sequence,
            candidate.name,
            blurred_psnr,
            psnr(output, sample.sharp),
            blurred_ssim,
            ssim(output, sample.sharp),
            seconds,
        )
        for candidate, output, seconds in zip(candidates, result.outputs, result.seconds, strict=True)
    ]


def _large_enough(sample: Sample) -> Sample:
    height, width = sample.sharp.shape[:2]
    if min(height, width) < WINDOW:
        raise DataError(f"pair {sample.name} is {width}x{height}; SSIM needs at least {WINDOW}x{WINDOW} pixels")
    return sample


def _timed(network: nn.Module, picture: Picture, device: str, tiling: Tiling | None) -> tuple[Picture, float]:
    """The picture through the network, and the seconds of the network alone, without transfers and rounding."""
    image = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 255
    process: Callable[[Tensor], Tensor] = network
    if tiling is not None:
        process = partial(in_tiles, network, tiling=tiling, multiple=int(getattr(network, "multiple", 1)))
    with torch.inference_mode():
        begun = _clock(image)
        result = process(image)
        seconds = _clock(result) - begun
    codes = (result[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8)
    return codes.cpu().numpy(), seconds


def _clock(tensor: Tensor) -> float:
    """Seconds of a clock, read when the tensor's device has done what it was given to do."""
    if tensor.device.type != "cpu":
        torch.accelerator.synchronize(tensor.device)
    return time.perf_counter()
