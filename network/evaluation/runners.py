"""A network or an engine over pictures in order: each picture with the neighbours that the network looks at.

Pictures are RGB. A network over time sees them as the program does: working planes, optical flow, aligned neighbours,
and a correction that is added to the codes of the picture itself.
"""

from __future__ import annotations

import time
from collections import deque
from enum import StrEnum
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from network.errors import DataError, NetworkError
from network.evaluation.tiles import in_tiles
from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.host import HostWindows
from network.window.windows import MISSING, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from network.evaluation.tiles import Tiling
    from network.window.windows import Windows

    Picture = NDArray[np.uint8]

_Frame = TypeVar("_Frame")

_PLANES = (1, 2, 0)
"""Channel of a picture for each of FFmpeg's planes of RGB: green, blue, red."""


class Neighbours(StrEnum):
    """Which neighbours of a frame may be looked at."""

    BOTH = "both"
    """Those before it and those after it."""
    PREVIOUS = "previous"
    """Those before it, as with ``--look-ahead 0``."""
    NONE = "none"
    """None: each frame is a picture by itself."""


class Planes(Protocol):
    """What deblurs batches of planes."""

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch."""

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None, /) -> None:
        """Deblurs frames of ``batch`` into ``out``."""


class PlaneEngine(Planes, Protocol):
    """What is needed of an engine; those of the pipeline have it (``pipeline.runner.protocols.Engine``)."""

    @property
    def info(self) -> Any:
        """Facts about the engine; of them, ``window`` is read."""


class Runner(Protocol):
    """Deblurs a picture out of the pictures of its window.

    Attributes:
        window: Neighbours that it looks at.
    """

    window: Window

    def run(self, pictures: Sequence[Picture | None]) -> tuple[Picture, float]:
        """Deblurs one picture.

        Args:
            pictures: Pictures of the window in the order of time, RGB, uint8 (H, W, 3); None for a missing neighbour.

        Returns:
            RGB, uint8 (H, W, 3), and the time that it took, in seconds: of the network alone for one of RGB in
            PyTorch, else with conversions, optical flow and alignment.

        Raises:
            DataError: If the pictures differ in size.
        """


def runner_for(network: nn.Module | PlaneEngine, device: str = "cpu", tiling: Tiling | None = None) -> Runner:
    """The way to run a network, or an engine.

    Args:
        network: A network of RGB in [0, 1], (N, 3, H, W) to the same; one over time, with an attribute ``window``; both
            in evaluation mode, on ``device``; or an engine.
        device: A torch device. An engine has its own.
        tiling: Tiles of the pictures; None for whole pictures.

    Raises:
        NetworkError: If there are tiles, and the network is not one of RGB.
    """
    if isinstance(network, nn.Module) and not hasattr(network, "window"):
        return _RgbRunner(network, device, tiling)
    if tiling is not None:
        raise NetworkError("only networks of RGB run in tiles; leave the tiles out")
    if isinstance(network, nn.Module):
        window: Any = network.window
        return _PlaneRunner(_WindowNetwork(network, window, device), window)
    return _PlaneRunner(network, network.info.window)


def deblur_in_order(runner: Runner, pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Deblurs pictures that follow each other.

    Args:
        runner: Way to run the network.
        pictures: RGB, uint8 (H, W, 3), in the order of time, all of one size.

    Yields:
        One picture for each, of the same size.

    Example:
        >>> list(deblur_in_order(runner_for(network), frames))
    """
    for around in windowed(pictures, runner.window):
        yield runner.run(around)[0]


def windowed(frames: Iterable[_Frame], window: Window) -> Iterator[tuple[_Frame | None, ...]]:
    """Each of frames that follow each other, with its neighbours in the order of time; None where there is none.

    No more frames are held than a window has.
    """
    held: deque[_Frame | None] = deque([None] * window.frames, window.frames)
    for frame in chain(frames, repeat(None, window.after)):
        held.append(frame)
        if held[window.before] is not None:
            yield tuple(held)


def part_of_window(frames: Sequence[_Frame], whole: Window, part: Window) -> tuple[_Frame, ...]:
    """The frames of a smaller window in the middle of a larger one."""
    first = whole.before - part.before
    return tuple(frames[first : first + part.frames])


def without(frames: Sequence[_Frame | None], window: Window, neighbours: Neighbours) -> tuple[_Frame | None, ...]:
    """The frames of a window, less the neighbours that may not be looked at."""
    first = 0 if neighbours is not Neighbours.NONE else window.before
    last = window.frames if neighbours is Neighbours.BOTH else window.before + 1
    return tuple(frame if first <= place < last else None for place, frame in enumerate(frames))


class _RgbRunner:
    """A network from RGB in [0, 1] to the same."""

    def __init__(self, network: nn.Module, device: str, tiling: Tiling | None) -> None:
        self.window = Window()
        self._device = device
        self._process: Callable[[Tensor], Tensor] = network
        if tiling is not None:
            self._process = partial(in_tiles, network, tiling=tiling, multiple=int(getattr(network, "multiple", 1)))

    def run(self, pictures: Sequence[Picture | None]) -> tuple[Picture, float]:
        image = torch.from_numpy(_present(pictures, self.window)).to(self._device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            begun = _clock(image)
            result = self._process(image)
            seconds = _clock(result) - begun
        codes = (result[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8)
        return codes.cpu().numpy(), seconds


class _PlaneRunner:
    """An engine, with memory that is used again as long as the size of the pictures stays."""

    def __init__(self, engine: Planes, window: Window) -> None:
        self.window = window
        self._engine = engine
        self._size: tuple[int, ...] = ()
        self._batch: PlaneBatch
        self._out: PlaneBatch

    def run(self, pictures: Sequence[Picture | None]) -> tuple[Picture, float]:
        present = _present(pictures, self.window)
        if present.shape != self._size:
            height, width = present.shape[:2]
            spec = PlaneSpec(width, height, Layout.YUV444P, 8, Matrix.RGB, full_range=True)
            self._batch, self._out = (self._engine.buffers(spec, size) for size in (self.window.frames, 1))
            self._size = present.shape
        windows = np.full((1, self.window.frames), MISSING, np.intp)
        for place, picture in enumerate(pictures):
            if picture is None:
                continue
            if picture.shape != present.shape:
                raise DataError(
                    f"pictures of {present.shape[1]}x{present.shape[0]} and {picture.shape[1]}x{picture.shape[0]} "
                    "follow each other; a sequence needs frames of one size"
                )
            windows[0, place] = place
            for plane, channel in zip(self._batch.planes, _PLANES, strict=True):
                plane[place] = picture[..., channel]
        begun = time.perf_counter()
        if self.window.frames > 1:
            self._engine.run(self._batch, self._out, windows)
        else:
            self._engine.run(self._batch, self._out)
        seconds = time.perf_counter() - begun
        result = np.empty_like(present)
        for plane, channel in zip(self._out.planes, _PLANES, strict=True):
            result[..., channel] = plane[0]
        return result, seconds


class _WindowNetwork:
    """A network over time in PyTorch, as an engine whose frames are RGB."""

    def __init__(self, network: nn.Module, window: Window, device: str) -> None:
        self._network, self._window, self._device = network, window, device

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        self._windows = HostWindows(spec, self._network, self._window, device=self._device)
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None, /) -> None:
        self._windows.run(batch, self._window.alone(1) if windows is None else windows, out)


def _present(pictures: Sequence[Picture | None], window: Window) -> Picture:
    picture = pictures[window.before]
    assert picture is not None, "a window has a present frame"
    return picture


def _clock(tensor: Tensor) -> float:
    """Seconds of a clock, read when the tensor's device has done what it was given to do."""
    if tensor.device.type != "cpu":
        torch.accelerator.synchronize(tensor.device)
    return time.perf_counter()
