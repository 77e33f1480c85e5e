"""Makes the pictures and figures of the gallery: parts of frames before and after, by the shipped network.

    python benchmarks/gallery.py DATA docs/images/gallery --json docs/results/data/gallery.json

DATA holds ``eval/reds`` (sequences of REDS with ``blur`` and ``sharp``), ``eval/photos`` (Kodak's photographs) and
``clips/dog_720p.mp4`` (SA-V). Every frame is seen with its neighbours. Where the sharp picture is known, it is the
third part, and the figures are PSNR; else they are the strength of edges. The failures are what ``--search 001`` and
``--search 000`` find.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

import deblur_stream
from network.data.pairs import pictures_in, read_picture
from network.data.planes import to_picture
from network.evaluation.metrics import psnr
from network.planes import Matrix
from network.synth.camera import Camera
from network.synth.driving import light_lamps
from network.synth.light import to_linear
from network.synth.scene import CameraMotion, Scene
from network.synth.trajectory import random_path
from pipeline.compare.measure import EQUAL_PSNR, edge_strength, gradient
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

BAR = 6
"""Width in pixels of the white bar between two pictures."""

QUALITY = 88
"""Quality of the JPEGs."""

_BORDER = 48
_EXPOSURE = 0.9


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame with its neighbours in time.

    Attributes:
        frames: Consecutive frames, RGB, uint8 (H, W, 3).
        place: Place of the frame among them.
        sharp: What the frame should be; None where nobody knows.
    """

    frames: Sequence[Picture]
    place: int
    sharp: Picture | None


@dataclass(frozen=True)
class Example:
    """A picture of the gallery.

    Attributes:
        name: Name of the file.
        take: Function that reads or makes the moment out of the folder DATA.
        box: Left, top, width and height of the part to show, in pixels.
        zoom: Times to enlarge it, by repeating pixels, so that the network alone sharpens.
    """

    name: str
    take: Callable[[Path], Moment]
    box: tuple[int, int, int, int]
    zoom: int = 1


def from_reds(sequence: str, place: int, side: str = "blur") -> Callable[[Path], Moment]:
    """A frame of REDS with those beside it; with ``sharp`` as side, what should stay as it is."""

    def take(data: Path) -> Moment:
        first = max(place - 1, 0)
        frames, sharp = (
            [read_picture(path) for path in pictures_in(data / "eval" / "reds" / sequence / each)[first : place + 2]]
            for each in (side, "sharp")
        )
        return Moment(frames, place - first, sharp[place - first])

    return take


def from_clip(name: str, time: float) -> Callable[[Path], Moment]:
    """The frame of a clip that is shown at a time in seconds, with those beside it."""

    def take(data: Path) -> Moment:
        with deblur_stream.open_video(data / "clips" / name, start=time - 0.1, duration=0.2) as video:
            shown = [(frame.time + time - 0.1, frame.rgb) for frame in video]
        place = next(index for index, (when, _) in enumerate(shown) if when >= time - 0.001)
        return Moment([rgb for _, rgb in shown[place - 1 : place + 2]], 1, None)

    return take


def from_photograph(name: str, length: float, seed: int, *, night: bool = False) -> Callable[[Path], Moment]:
    """A photograph, blurred as ``deblur synth`` does it: along a hand's path of so many pixels, with a camera's noise.

    Args:
        name: Name of the photograph.
        length: Path of a pixel while the shutter is open, in pixels.
        seed: The same seed, the same path.
        night: Whether the scene is darkened and lit by lamps.
    """

    def take(data: Path) -> Moment:
        rng = np.random.default_rng(seed)
        light = to_linear(read_picture(data / "eval" / "photos" / name), 1.0)
        if night:
            light = light_lamps(rng, light * np.float32(0.25))
        path = random_path(rng, length, _EXPOSURE, _BORDER - 2, "mixed")
        scene = Scene(light, _BORDER, CameraMotion(path))
        noise = (5.0 if night else 1.5) / 255
        camera = Camera(1.0, 0.0, noise, 0.0, 0.0, 0.0, 0.0, None, Matrix.BT709)
        frames = [
            to_picture(camera.photograph(rng, scene.exposed(time, _EXPOSURE), is_neighbour=time != 0))
            for time in (-1, 0, 1)
        ]
        return Moment(frames, 1, to_picture(camera.ideal(scene.at(0))))

    return take


GALLERY = (
    Example("hand-held", from_reds("000", 1), (680, 300, 400, 280)),
    Example("night", from_photograph("kodak_21.webp", 14, 1, night=True), (0, 40, 360, 220)),
    Example("fast-object", from_clip("dog_720p.mp4", 1.834), (815, 310, 400, 230)),
    Example("text", from_photograph("kodak_03.webp", 14, 1), (70, 80, 160, 120), zoom=2),
    Example("already-sharp", from_reds("000", 1, "sharp"), (680, 300, 400, 280)),
    Example("failure-pattern", from_reds("001", 0), (0, 0, 300, 200)),
    Example("failure-road", from_reds("000", 5), (240, 520, 300, 200)),
)


def beside(pictures: Sequence[Picture], zoom: int) -> Picture:
    """Pictures side by side with white bars between, enlarged by repeating pixels."""
    large = [np.kron(picture, np.ones((zoom, zoom, 1), np.uint8)) for picture in pictures]
    bar = np.full((len(large[0]), BAR, 3), 255, np.uint8)
    parts = [part for picture in large for part in (bar, picture)]
    return np.concatenate(parts[1:], axis=1)


def show(example: Example, data: Path, network: deblur_stream.Deblurrer) -> tuple[Picture, dict[str, Any]]:
    """The picture of an example, and its figures by name, those of the part and of the whole frame."""
    moment = example.take(data)
    after = list(network.video(moment.frames))[moment.place]
    left, top, width, height = example.box
    box = np.s_[top : top + height, left : left + width]
    pictures = [moment.frames[moment.place], after]
    truth = moment.sharp

    def figure(place: Any) -> list[float]:
        """The figure of each picture at a place of it."""
        if truth is None:
            return [round(edge_strength(gradient(np.ascontiguousarray(picture[place]))), 2) for picture in pictures]
        return [round(min(psnr(picture[place], truth[place]), EQUAL_PSNR), 2) for picture in pictures]

    found = {"figure": "edge strength" if truth is None else "PSNR", "part": figure(box), "frame": figure(np.s_[:])}
    if truth is not None and not np.array_equal(pictures[0], truth):
        pictures.append(truth)
    return beside([picture[box] for picture in pictures], example.zoom), found


def least_gain(
    data: Path, network: deblur_stream.Deblurrer, sequence: str, size: tuple[int, int] = (300, 200)
) -> tuple[float, int, tuple[int, ...]]:
    """The part of a sequence of REDS that gains least.

    Args:
        data: Folder DATA.
        network: The network.
        sequence: Its name.
        size: Width and height of the part in pixels; every 40 pixels one begins.

    Returns:
        Its gain in PSNR, the place of its frame, and its box.
    """
    folder = data / "eval" / "reds" / sequence
    blurred, sharp = ([read_picture(path) for path in pictures_in(folder / side)] for side in ("blur", "sharp"))
    found = []
    for place, after in enumerate(network.video(blurred)):
        height, width = after.shape[:2]
        for top in range(0, height - size[1] + 1, 40):
            for left in range(0, width - size[0] + 1, 40):
                box = np.s_[top : top + size[1], left : left + size[0]]
                truth = sharp[place][box]
                gain = psnr(after[box], truth) - psnr(blurred[place][box], truth)
                found.append((gain, place, (left, top, *size)))
    return min(found)


def main(arguments: list[str] | None = None) -> None:
    """Writes the pictures and their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--json", type=Path, help="file of the figures")
    parser.add_argument("--search", metavar="SEQUENCE", help="print the part of it that gains least, and end")
    parser.add_argument("--only", action="append", choices=[example.name for example in GALLERY])
    options = parser.parse_args(arguments)
    network = deblur_stream.Deblurrer(precision="fp32")
    if options.search:
        print(*least_gain(options.data, network, options.search))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    figures = {}
    for example in GALLERY:
        if options.only and example.name not in options.only:
            continue
        picture, figures[example.name] = show(example, options.data, network)
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        cv2.imwrite(str(options.out / f"{example.name}.jpg"), picture[..., ::-1], quality)
        print(example.name, figures[example.name], flush=True)
    if options.json:
        facts = {
            "command": "python benchmarks/gallery.py DATA docs/images/gallery --json docs/results/data/gallery.json",
            "weights": network.info.digest,
            "machine": describe(),
        }
        options.json.write_text(json.dumps({**facts, "figures": figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
