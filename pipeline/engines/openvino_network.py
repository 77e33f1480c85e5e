"""Networks from files, as OpenVINO reads them: RGB to RGB, or over time."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openvino as ov

from network import catalogue
from network.window.windows import SEEING, Window
from pipeline.engines.onnx_metadata import onnx_metadata
from pipeline.engines.openvino_core import openvino_core
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

OVER_TIME = {"luma": 1, "chroma": 2}
"""Inputs of a network over time, and the number of their channels a frame; ``motion`` has 6."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that was read from a file.

    Attributes:
        model: The network, of dynamic sizes.
        name: Name of the network.
        digest: Digest of its weights.
        precision: ``int8``, or None for one in floating point.
        window: Neighbours that a network over time looks at; None for one from RGB to RGB.
    """

    model: ov.Model
    name: str
    digest: str
    precision: str | None
    window: Window | None


def read_network(path: Path) -> Network:
    """Reads a network.

    Args:
        path: File that ``deblur export`` wrote, or another with the same inputs, outputs and metadata.

    Raises:
        EngineError: If it can't be read, or is no such network.
    """
    if not path.is_file():
        raise EngineError(f"{path} is not there; give an .onnx file that 'deblur export' wrote")
    try:
        model = openvino_core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"{path} is no network that OpenVINO can read: {reason(error)}") from error
    window = _window(model, path)
    if window is None:
        if len(model.inputs) != 1 or len(model.outputs) != 1 or not all(_takes_rgb(p) for p in model_ports(model)):
            raise EngineError(
                f"{path} does not map RGB (batch, 3, height, width) of any size to the same; "
                "give an .onnx file that 'deblur export' wrote"
            )
    else:
        _check_over_time(model, window, path)
    binary = _metadata(model, catalogue.BINARY_KEY)
    if binary is not None and binary != _digest(path.with_suffix(".bin")):
        raise EngineError(f"{path.with_suffix('.bin')} does not belong to {path.name}; make both again")
    digest = _metadata(model, catalogue.DIGEST_KEY)
    return Network(
        model,
        _metadata(model, catalogue.NETWORK_KEY) or path.stem,
        _digest(path) if digest is None else digest,
        _metadata(model, catalogue.PRECISION_KEY),
        window,
    )


def read_digest(path: Path) -> str:
    """The digest of a network's weights, as :func:`read_network` gives it; an ONNX file that says it is not read whole.

    Raises:
        EngineError: If it can't be read, or is no such network.
    """
    stated = None
    if path.suffix.lower() == ".onnx":
        with suppress(OSError, ValueError):
            stated = onnx_metadata(path).get(catalogue.DIGEST_KEY)
    return read_network(path).digest if stated is None else stated


def model_ports(model: ov.Model) -> list[Any]:
    """Inputs and outputs of a model."""
    return [*model.inputs, *model.outputs]


def reason(error: BaseException) -> str:
    """The last line of OpenVINO's message that says something; the ones before name its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _window(model: ov.Model, path: Path) -> Window | None:
    """The window that a network's metadata state; None where it works in RGB."""
    planes, stated = _metadata(model, catalogue.PLANES_KEY), _metadata(model, catalogue.WINDOW_KEY)
    if planes is None and stated is None:
        return None
    try:
        window = Window(*map(int, (stated or "0,0").split(",")))
    except (ValueError, TypeError):
        window = None
    if planes != catalogue.YUV420 or window not in SEEING:
        raise EngineError(
            f"{path} wants planes {planes!r} and a window of {stated!r}; this version has planes "
            f"{catalogue.YUV420!r}, and windows of '0,0' and '1,1'"
        )
    return window


def _check_over_time(model: ov.Model, window: Window, path: Path) -> None:
    wanted = {name: channels * window.frames for name, channels in OVER_TIME.items()}
    if window.frames > 1:
        wanted["motion"] = 6
    given = {port.get_any_name(): port.get_partial_shape() for port in model.inputs if port.get_names()}
    is_right = set(given) == set(wanted) and len(model.outputs) == 2
    if not is_right or any(len(given[name]) != 4 or given[name][1] != ov.Dimension(wanted[name]) for name in wanted):
        raise EngineError(
            f"{path} has not the inputs of a network over {window.frames} frames; they are "
            + ", ".join(f"{name} with {channels} channels" for name, channels in wanted.items())
        )


def _takes_rgb(port: Any) -> bool:
    shape = port.get_partial_shape()
    return (
        port.get_element_type() == ov.Type.f32
        and shape.rank.is_static
        and len(shape) == 4
        and shape[1] == ov.Dimension(3)
        and all(shape[axis].is_dynamic for axis in (0, 2, 3))
    )


def _metadata(model: ov.Model, key: str) -> str | None:
    """A metadata entry of a network's file, from where OpenVINO keeps it; None if there is none."""
    place = ["framework", key]
    return str(model.get_rt_info(place).value) if model.has_rt_info(place) else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
