"""A loaded network that deblurs frames of videos and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from pipeline.api.shared_engine import SharedEngine, check_engine
from pipeline.errors import UsageError
from pipeline.images.arrays import picture_spec, put_picture, take_picture
from pipeline.images.following import Following
from pipeline.runner.chunks import pad

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from pipeline.api.frame import Frame
    from pipeline.api.video import StrPath, Video
    from pipeline.runner.protocols import Engine, EngineInfo

Sample = TypeVar("Sample", np.uint8, np.uint16)
PrecisionName = Literal["auto", "int8", "bf16", "fp16", "fp32"]


class Deblurrer:
    """A network, loaded into an engine.

    Loading takes a second or more, so one object is made and used for all pictures. It may be used by several threads
    and for several streams at once, which then take turns.

    Example::

        deblurrer = deblur_stream.Deblurrer()
        with deblur_stream.open_video("in.mp4") as video:
            for frame in deblurrer.frames(video):
                print(frame.time, frame.rgb.shape)
    """

    def __init__(
        self,
        engine: str | Engine = "auto",
        *,
        network: str = "auto",
        weights: StrPath | None = None,
        strength: float = 1.0,
        threads: int | None = None,
        batch: int | None = None,
        precision: PrecisionName = "auto",
        scale: float = 1.0,
        device: str | None = None,
    ) -> None:
        """Loads the network.

        Args:
            engine: Name of an engine (``auto``, ``openvino``, ``torch``, ``tensorrt`` or ``onnxruntime``), or an object
                that implements :class:`Engine`. The other arguments but ``batch`` are not for such an object, which has
                its network.
            network: Name of a network, such as ``idc-video``; ``auto`` takes the default, or what ``weights`` holds.
            weights: An ONNX, safetensors or INT8 file; None for the weights that come with the package.
            strength: How much of the correction is applied, 0 to 1.5.
            threads: Number of threads to compute with on a processor; None leaves it to the engine.
            batch: Frames that the engine gets at a time, at least 1; None for what it is fastest with.
            precision: Arithmetic of the network; ``auto`` is the fastest that is there.
            scale: Scale of the size at which the correction is computed, 1 or 0.5; it is added at full size. 0.5 is
                faster, and better for strokes of over 40 pixels.
            device: Device of OpenVINO, such as ``GPU``, ``NPU`` or ``AUTO``, or of ONNX Runtime, ``coreml`` or
                ``directml``; it is checked before its first frame. None for the processor, or what the engine finds.

        Raises:
            UsageError: If a name is unknown, a value out of range, or a file or a package missing.
            EngineError: If the engine can't load the network.
        """
        check_batch(batch)
        loaded = load(engine, network, weights, strength, threads, precision, scale, device)
        self._engine = SharedEngine(loaded)
        self._batch = loaded.info.batch if batch is None else batch

    @property
    def info(self) -> EngineInfo:
        """What deblurs: library, device, precision and network."""
        return self._engine.info

    def frames(self, video: Video) -> Iterator[Frame]:
        """Iterates over the deblurred frames of a video, in order.

        Decoding and the network run in threads, a few frames ahead. They end with the iteration, also where it is left
        early. Frames that were under way are lost then. A frame that equals the one before it repeats its result. A
        network over time looks at the frames beside each one, so a frame comes when the next one was decoded.

        Example::

            with deblur_stream.open_video("in.mp4") as video:
                for frame in deblurrer.frames(video):
                    if frame.time > 2:
                        break

        Args:
            video: The video. What was read of it before is left out, and is no frame's neighbour.

        Raises:
            EngineError: If the engine fails.
            InputError: If no frame is left.
            LimitError: If the video exceeds a limit.
            UsageError: If the video is closed, or its frames are being deblurred already.
        """
        return video.through(self._engine.stream(), self._batch)

    def __call__(self, image: NDArray[Sample]) -> NDArray[Sample]:
        """Deblurs one picture, or a stack of pictures each for itself.

        A network over time takes each for a picture that has no neighbours. For pictures that follow each other in
        time, :meth:`video` gives better results.

        Example::

            sharp = deblurrer(image)

        Args:
            image: uint8 or uint16, the whole range in use: RGB (H, W, 3), a stack of RGB (N, H, W, 3), or grey (H, W).

        Returns:
            A new array of the same shape and dtype.

        Raises:
            UsageError: If the array is no such picture.
            EngineError: If the engine fails, or can't take pictures of this size.
        """
        image = np.asarray(image)
        stack = image if image.ndim == 4 else image[None]
        out = np.empty_like(stack, order="C")
        if not len(stack):
            return out
        spec = picture_spec(stack[0])
        engine = self._engine.stream()
        size = min(self._batch, len(stack))
        batch, result = engine.buffers(spec, size), engine.buffers(spec, size)
        for first in range(0, len(stack), size):
            part = stack[first : first + size]
            for index, picture in enumerate(part):
                put_picture(picture, batch, index)
            pad(batch, len(part))
            engine.reset()
            engine.run(batch, result)
            for index in range(len(part)):
                take_picture(result, index, out[first + index])
        return out if image.ndim == 4 else out[0]

    def video(self, pictures: Iterable[NDArray[Sample]]) -> Iterator[NDArray[Sample]]:
        """Deblurs pictures that follow each other in time.

        A network over time looks at the pictures beside each one, so results come one picture later than without: the
        first one when the second picture is read, the last one at the end. As many pictures as the engine makes at a
        time (four, on a processor) are read before their results come: ``batch=1`` is for pictures that come live.
        The pictures are read in the caller's thread.

        Example::

            for sharp in deblurrer.video(pictures):
                print(sharp.shape)

        Args:
            pictures: Arrays of one shape and dtype, read as they are needed: uint8 or uint16, RGB (H, W, 3) or grey
                (H, W).

        Yields:
            A new array for each picture.

        Raises:
            UsageError: If an array is no such picture, or differs from the first one in shape or dtype.
            EngineError: If the engine fails, or can't take pictures of this size.
        """
        following: Following | None = None
        for number, given in enumerate(pictures):
            picture = np.asarray(given)
            spec = picture_spec(picture)
            if following is None:
                following = Following(self._engine.stream(), spec, self._batch)
            if spec != following.spec:
                yield from following.rest()
                raise UsageError(f"picture {number} is not of the size and type of the first one; deblur it by itself")
            yield from following.add(picture)
        if following is not None:
            yield from following.rest()


def check_batch(batch: int | None) -> None:
    """Refuses a number of frames below 1.

    Raises:
        UsageError: If the number is below 1.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"batch must be at least 1, not {batch}")


def load(
    engine: str | Engine,
    network: str,
    weights: StrPath | None,
    strength: float,
    threads: int | None,
    precision: str,
    scale: float,
    device: str | None,
) -> Engine:
    """Loads an engine by name, or takes an engine object. The arguments are those of :class:`Deblurrer`.

    Raises:
        UsageError: If a name is unknown, a value out of range, or a file or a package missing.
        EngineError: If the engine can't load the network.
    """
    check_request(engine, network, weights, strength, threads, precision, scale, device)
    if not isinstance(engine, str):
        return engine
    from pipeline.engines.load import load_engine  # imported late: callers check their input and output before

    return load_engine(
        engine,
        None if network == "auto" else network,
        None if weights is None else Path(weights),
        strength,
        threads,
        precision,
        scale=scale,
        device=device,
    )


def check_request(
    engine: str | Engine,
    network: str,
    weights: StrPath | None,
    strength: float,
    threads: int | None,
    precision: str,
    scale: float,
    device: str | None,
) -> None:
    """Refuses an object that is no engine, and arguments that do not go with an engine object.

    Raises:
        UsageError: If the object is no engine, or such an argument is given.
    """
    if isinstance(engine, str):
        return
    check_engine(engine)
    if (network, weights, strength, threads, precision, scale, device) != ("auto", None, 1.0, None, "auto", 1.0, None):
        raise UsageError(
            "an engine object has its network already; leave out network, weights, strength, threads, precision, scale "
            "and device"
        )
