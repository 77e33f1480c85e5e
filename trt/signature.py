"""What goes into a compiled network and what comes out: names, shapes and types. Needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from network.planes import Layout
from network.window.motion import MOTION_CHANNELS
from network.window.windows import Window
from network.window.working import working_spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from network.planes import PlaneSpec
    from network.window.working import WorkingSpec


@dataclass(frozen=True, slots=True)
class Port:
    """One tensor that goes in or comes out.

    Attributes:
        name: Name of the tensor.
        shape: Its shape.
        dtype: Name of its data type, in PyTorch as in numpy.
        step: Rows and columns of luma for each of its own.
        axis: Axis of its rows; that of its columns follows.
        scale: Codes for 1.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    step: tuple[int, int] = (1, 1)
    axis: int = 1
    scale: float = 1.0

    def part(self, tensor: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        """The part of a tensor, a view, that covers some rows and columns of luma, each from first to end."""
        for offset, (first, end) in enumerate((rows, columns)):
            start, stop = first // self.step[offset], -(-end // self.step[offset])
            tensor = tensor.narrow(self.axis + offset, start, stop - start)
        return tensor


@dataclass(frozen=True, slots=True)
class Signature:
    """What a network is compiled for.

    A network for RGB takes the words of a frame's planes and gives new ones. A network over time takes working planes,
    the neighbours aligned, and motion, and gives new codes or, where the working planes are not direct, corrections;
    see :class:`network.window.planar.WindowPlanes`.

    Attributes:
        spec: Layout, depth, matrix and size of the frames.
        batch: Number of frames that every call makes, at least 1.
        window: Neighbours that the network looks at; None for a network for RGB.

    Raises:
        ValueError: If ``batch`` is less than 1.
    """

    spec: PlaneSpec
    batch: int = 1
    window: Window | None = None

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"a batch has at least one frame, not {self.batch}")

    @property
    def working(self) -> WorkingSpec:
        """The working planes of the frames."""
        return working_spec(self.spec)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of luma as the network gets it."""
        working = self.working
        return (self.spec.height, self.spec.width) if self.window is None else (working.height, working.width)

    @property
    def highest(self) -> int:
        """The highest code of what comes out."""
        return (1 << self.spec.depth) - 1 if self.window is None else self.working.maximum

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What goes in."""
        if self.window is None:
            return self._planes("plane")
        frames, (height, width) = self.window.frames, self.size
        ports = (
            Port("luma", (self.batch, frames, height, width), axis=2),
            Port("chroma", (self.batch, 2 * frames, height // 2, width // 2), step=(2, 2), axis=2),
            Port("motion", (self.batch, MOTION_CHANNELS, height // 8, width // 8), step=(8, 8), axis=2),
        )
        return ports if frames > 1 else ports[:2]

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What comes out."""
        if self.window is None:
            return self._planes("new_plane")
        (height, width), working = self.size, self.working
        scales = (1, 1) if working.is_direct else (working.luma_range, working.chroma_range)
        return (
            Port("new_luma", (self.batch, 1, height, width), axis=2, scale=scales[0]),
            Port("new_chroma", (self.batch, 2, height // 2, width // 2), step=(2, 2), axis=2, scale=scales[1]),
        )

    def of_size(self, height: int, width: int) -> Signature:
        """The same for frames, or tiles of a frame, of another size."""
        return replace(self, spec=replace(self.spec, height=height, width=width))

    def __str__(self) -> str:
        """Size, layout, depth and batch in words, such as ``1280x720 yuv420p, 10 bits, batch 2``."""
        spec = self.spec
        return f"{spec.width}x{spec.height} {spec.layout}, {spec.depth} bits, batch {self.batch}"

    def _planes(self, name: str) -> tuple[Port, ...]:
        spec = self.spec
        match spec.layout:
            case Layout.YUV420P | Layout.NV12:
                step = (2, 2)
            case Layout.YUV422P:
                step = (1, 2)
            case _:
                step = (1, 1)
        return tuple(
            Port(
                f"{name}{index}",
                (self.batch, *shape),
                spec.dtype.name,
                step if index else (1, 1),
                scale=1 / (1 << spec.code_shift),
            )
            for index, shape in enumerate(spec.plane_shapes)
        )


def window_of(network: nn.Module) -> Window | None:
    """Neighbours that a network looks at, which is then one for working planes; None for one for RGB."""
    window = getattr(network, "window", None)
    return window if isinstance(window, Window) else None
