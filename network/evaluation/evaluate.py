"""Runs networks over pairs of pictures and scores their results, by the field's conventions.

A network over time sees each frame of a sequence with its neighbours; pairs must then come in the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, groupby
from typing import TYPE_CHECKING, NamedTuple

from network.data.pairs import read_pair
from network.errors import DataError
from network.evaluation.metrics import DETAIL_SIGMA, WINDOW, brightness, detail_psnr, psnr, ssim
from network.evaluation.runners import Neighbours, part_of_window, runner_for, windowed, without
from network.window.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from network.data.pairs import Pair
    from network.evaluation.runners import PlaneEngine
    from network.evaluation.tiles import Tiling
    from network.training.pool import Pool

    Picture = NDArray[np.uint8]

CONVENTION = (
    "PSNR over RGB of the 8-bit rounded result; detail: PSNR after the difference has lost its Gaussian mean of sigma "
    f"{DETAIL_SIGMA:g}, so that brightness does not count; SSIM with gaussian weights (sigma 1.5, 11x11, sample "
    "covariance off); brightness: mean of result less sharp, in codes; no crop, means over images"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to score, or an engine that runs one.

    Attributes:
        name: Name in tables and files; different from every other's.
        network: A network of RGB or over time, in evaluation mode, on the device it runs on; or an engine. See
            :func:`network.evaluation.runners.runner_for`.
    """

    name: str
    network: nn.Module | PlaneEngine


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
        seconds: Time of each candidate, in seconds; see :class:`network.evaluation.runners.Runner`.
        frames: Number of frames that each candidate saw, the sample's own included.
    """

    sample: Sample
    outputs: tuple[Picture, ...]
    seconds: tuple[float, ...]
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One candidate's figures on one sample.

    Attributes:
        name: Name of the pair.
        sequence: Name of the sequence that the pair is a frame of; empty if of none.
        candidate: Name of the network.
        frames: Number of frames that it saw, this one included.
        blurred_psnr: PSNR of the input against the ground truth, in dB.
        psnr: PSNR of the result, in dB.
        blurred_detail: Detail PSNR of the input, in dB; see :func:`network.evaluation.metrics.detail_psnr`.
        detail: Detail PSNR of the result, in dB.
        blurred_ssim: SSIM of the input, at most 1.
        ssim: SSIM of the result, at most 1.
        blurred_brightness: Mean of the input less the ground truth, in codes of 255.
        brightness: Mean of the result less the ground truth, in codes of 255.
        seconds: Time of the candidate, in seconds.
    """

    name: str
    sequence: str
    candidate: str
    frames: int
    blurred_psnr: float
    psnr: float
    blurred_detail: float
    detail: float
    blurred_ssim: float
    ssim: float
    blurred_brightness: float
    brightness: float
    seconds: float

    @property
    def gain(self) -> float:
        """PSNR gained by the network, in dB; 0 where nothing could be gained and nothing was lost."""
        return _gained(self.blurred_psnr, self.psnr)

    @property
    def detail_gain(self) -> float:
        """Detail PSNR gained, in dB, likewise."""
        return _gained(self.blurred_detail, self.detail)


def deblur_picture(
    network: nn.Module | PlaneEngine, picture: Picture, device: str = "cpu", tiling: Tiling | None = None
) -> Picture:
    """One picture through a network, without neighbours, rounded to 8 bits.

    Args:
        network: The network, in evaluation mode, on ``device``, or an engine.
        picture: RGB, uint8 (H, W, 3).
        device: A torch device.
        tiling: Tiles of the picture; None gives the network all of it at once.

    Returns:
        RGB, uint8 (H, W, 3).

    Raises:
        NetworkError: If the tiles are too small for the network, or it can't run in tiles.
    """
    runner = runner_for(network, device, tiling)
    (alone,) = windowed([picture], runner.window)
    return runner.run(alone)[0]


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
    candidates: Sequence[Candidate],
    samples: Iterable[Sample],
    device: str = "cpu",
    tiling: Tiling | None = None,
    neighbours: Neighbours = Neighbours.BOTH,
) -> Iterator[Deblurred]:
    """Runs every candidate on every sample, sample by sample, so that no more than a window's are in memory at a time.

    Args:
        candidates: The networks, on ``device``.
        samples: Samples to run the candidates on; those of a sequence one after the other, in the order of time.
        device: A torch device.
        tiling: Tiles of the pictures; None for whole pictures.
        neighbours: Neighbours in their sequence that the candidates see of each sample.

    Yields:
        One result a sample, in their order.

    Raises:
        NetworkError: If the tiles are too small for a network, or it can't run in tiles.
        DataError: If frames of a sequence differ in size.
    """
    runners = [runner_for(candidate.network, device, tiling) for candidate in candidates]
    seen = [runner.window for runner in runners]
    window = Window(max((each.before for each in seen), default=0), max((each.after for each in seen), default=0))
    for around in _in_sequences(samples, window):
        sample = around[window.before]
        assert sample is not None, "a window has a present frame"
        results, frames = [], []
        for runner in runners:
            part = without(part_of_window(around, window, runner.window), runner.window, neighbours)
            results.append(runner.run([None if each is None else each.blurred for each in part]))
            frames.append(sum(each is not None for each in part))
        outputs, seconds = zip(*results, strict=True) if results else ((), ())
        yield Deblurred(sample, tuple(outputs), tuple(seconds), tuple(frames))


def score(result: Deblurred, candidates: Sequence[Candidate]) -> list[Score]:
    """The figures of every candidate on a sample; those of the blurred side are computed once.

    Args:
        result: Pictures of at least 11x11 pixels.
        candidates: Candidates that made it, in the same order.
    """
    sample = result.sample
    before = _Figures.of(sample.blurred, sample.sharp)
    scores = []
    for candidate, output, seconds, frames in zip(
        candidates, result.outputs, result.seconds, result.frames, strict=True
    ):
        after = _Figures.of(output, sample.sharp)
        scores.append(
            Score(
                name=sample.name,
                sequence=sample.sequence,
                candidate=candidate.name,
                frames=frames,
                blurred_psnr=before.psnr,
                psnr=after.psnr,
                blurred_detail=before.detail,
                detail=after.detail,
                blurred_ssim=before.ssim,
                ssim=after.ssim,
                blurred_brightness=before.brightness,
                brightness=after.brightness,
                seconds=seconds,
            )
        )
    return scores


class _Figures(NamedTuple):
    """The figures of one picture against the ground truth."""

    psnr: float
    detail: float
    ssim: float
    brightness: float

    @classmethod
    def of(cls, picture: Picture, sharp: Picture) -> _Figures:
        return cls(psnr(picture, sharp), detail_psnr(picture, sharp), ssim(picture, sharp), brightness(picture, sharp))


def _gained(before: float, after: float) -> float:
    return 0.0 if after == before else after - before


def _in_sequences(samples: Iterable[Sample], window: Window) -> Iterator[tuple[Sample | None, ...]]:
    """Each sample with its neighbours in its sequence; one of no sequence has none."""
    numbers = count()
    for _, frames in groupby(samples, key=lambda sample: sample.sequence or next(numbers)):
        yield from windowed(frames, window)


def _large_enough(sample: Sample) -> Sample:
    height, width = sample.sharp.shape[:2]
    if min(height, width) < WINDOW:
        raise DataError(f"pair {sample.name} is {width}x{height}; SSIM needs at least {WINDOW}x{WINDOW} pixels")
    return sample
