"""What a run asks of a deblurring engine, of a source of frames and of a sink."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, cast, runtime_checkable

from network.window.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.stream import Stream

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from pipeline.media.source_info import SourceInfo
    from pipeline.notes import Note


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is, as reports state it.

    Attributes:
        backend: The library and its version, such as ``OpenVINO 2026.4.1``.
        device: Name of what it runs on, such as a processor.
        precision: The arithmetic of the network: ``fp32``, ``fp16``, ``bf16`` or ``int8``.
        network: The network's name, such as ``idc-video``.
        digest: SHA-256 of the weights, hexadecimal; empty for a network without weights.
        batch: Number of frames at a time with which the engine is fastest.
        kind: Identifier of the engine, by which programs tell engines apart: its name in
            :mod:`pipeline.engines.registry`, such as ``openvino``. A TensorRT engine that has fallen back to PyTorch
            is ``torch``. Empty for an engine that is not registered.
        window: Neighbours of a frame that the engine looks at. None for most networks; the network over time sees the
            frame before and the one after.
    """

    backend: str
    device: str
    precision: str
    network: str
    digest: str
    batch: int = 1
    kind: str = ""
    window: Window = field(default_factory=Window)


class Engine(Protocol):
    """Deblurs batches of planes.

    The caller owns the order: batches of one stream come one after the other, and ``reset`` is called where the
    stream is cut. An engine is used by one thread at a time. It remembers nothing of a stream: what it makes of a frame
    depends on the frames of its window alone, so that a stream can be begun anywhere with the same result.
    """

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch in the memory that this engine reads and writes fastest.

        The caller keeps it and may fill and pass it to ``run`` any number of times.

        Args:
            spec: What the frames are.
            batch: Frames in the batch, at least 1.

        Raises:
            pipeline.errors.EngineError: If the engine can't take such frames.
        """

    def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        """Deblurs ``batch`` into ``out``, both made by ``buffers`` for the same spec and size; every frame by itself.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten with the deblurred frames.

        Raises:
            pipeline.errors.EngineError: If the frames can't be processed.
        """

    def reset(self) -> None:
        """Forgets the stream: the next frame does not follow on the last one."""


class WindowEngine(Engine, Protocol):
    """An engine that looks at neighbours: its ``info.window`` says at how many."""

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None, /) -> None:
        """Deblurs frames of ``batch`` into ``out``, both made by ``buffers`` for the same spec.

        Args:
            batch: The blurred frames, and those beside them in time; left as they are.
            out: Batch that is overwritten with the deblurred frames.
            windows: For each frame to make, the places in ``batch`` of the frames of its window, (N,
                ``info.window.frames``), a missing neighbour being :data:`network.window.windows.MISSING`. N is at most
                the size of ``out``, whose first N frames are made. None where every frame stands for itself: then
                ``batch`` and ``out`` are of the same size.

        Raises:
            pipeline.errors.EngineError: If the frames can't be processed.
        """


def run_windows(engine: Engine, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None) -> None:
    """Runs an engine: with windows, if there are any, which only one that looks at neighbours is given.

    Raises:
        pipeline.errors.EngineError: If the frames can't be processed.
    """
    if windows is None:
        engine.run(batch, out)
    else:
        cast("WindowEngine", engine).run(batch, out, windows)


@runtime_checkable
class DeviceEngine(Engine, Protocol):
    """An engine that takes frames from the device that decodes them."""

    def load(self, frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
        """Puts a frame into a batch, without a way through the memory of the processor where there is another.

        May be called by another thread than ``run``, for another batch.

        Args:
            frame: In the native format and size of ``batch.spec``, on a device or not; free when this returns. Its
                planes export DLPack.
            batch: Made by ``buffers``; all frames for its next ``run`` come this way.
            index: Place of the frame in the batch, 0 to ``batch.size - 1``.

        Raises:
            pipeline.errors.EngineError: If the frame can't be taken.
        """


@runtime_checkable
class TimedEngine(Engine, Protocol):
    """An engine that tells how much of its time its network takes: the rest goes to what is done around it."""

    @property
    def network_seconds(self) -> float:
        """Seconds that the network alone has taken in all runs so far."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """A frame beside the part of a video that a source gives: engines may look at it, and nothing is made of it.

    Attributes:
        frame: The frame, like those of the part. It is left as it is.
    """

    frame: av.VideoFrame


class FrameSource(Protocol):
    """What a run reads: a :class:`Source`, a segment of one, or whatever else has frames."""

    @property
    def spec(self) -> PlaneSpec:
        """What the planes of every frame are."""

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]:
        """The frames, and the packets to copy, in order; once.

        Neighbours come before the first event and after the last one, in the order of time.
        """


class Source(FrameSource, Protocol):
    """An input that is open, as :func:`pipeline.decode.open.open_source` gives it. A context manager.

    Attributes:
        info: What the input is.
    """

    info: SourceInfo

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """The frames, and the packets to copy, in order; once."""

    def __enter__(self) -> Self:
        """The source itself."""

    def __exit__(self, *_error: object) -> None:
        """Closes the input."""

    @property
    def notes(self) -> list[Note]:
        """Conversions and surprises so far, one line each for the user."""

    @property
    def corrupt_packets(self) -> int:
        """Number of video packets that could not be decoded, so far."""

    @property
    def corrupt_frames(self) -> int:
        """Number of frames that came out damaged (and are delivered), so far."""

    @property
    def damage(self) -> list[str]:
        """Where the input is damaged, one line for each fault."""

    def close(self) -> None:
        """Closes the input."""


class Sink(Protocol):
    """What is written: :class:`pipeline.encode.sink.VideoSink`, or whatever else takes frames."""

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes one frame."""

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies one packet."""

    def finish(self) -> None:
        """Completes the output; called once, after the last event, and never after an error."""
