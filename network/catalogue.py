"""The networks by name, and the files of them that come with the package. Needs neither PyTorch nor numpy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NETWORKS = {
    "idc": "network.models.idc:IDC",
    "idc-video": "network.models.idc_video:IDCVideo",
    "idc-video-small": "network.models.idc_video:idc_video_small",
    "idc-video-large": "network.models.idc_video:idc_video_large",
    "identity": "network.models.identity:Identity",
}
"""The networks of this package by name, each with what makes it, which can't be imported without PyTorch.

A user's own join them by :func:`network.models.registry.register`.
"""

NAMES = tuple(NETWORKS)
"""Names of the networks of this package."""

DEFAULT = "idc-video"
"""Name of the default network."""

NETWORK_KEY = "deblur.network"
"""Metadata key of an exported network: its name."""
DIGEST_KEY = "deblur.digest"
"""Metadata key of an exported network: the digest of its weights, SHA-256 in hexadecimal, or empty."""
CARD_KEY = "deblur.card"
"""Metadata key of an exported network: its training card, JSON."""
PRECISION_KEY = "deblur.precision"
"""Metadata key of a quantised network: ``int8``. One without it is in FP32."""
QUANTISATION_KEY = "deblur.quantisation"
"""Metadata key of a quantised network: the data of its calibration and its check, JSON."""
WINDOW_KEY = "deblur.window"
"""Metadata key of an exported network: the number of frames that it looks at before and after the present one, such as
``1,1``. One without it sees the present frame alone."""
PLANES_KEY = "deblur.planes"
"""Metadata key of an exported network: the layout of the planes that it works in, ``yuv420``. One without it works in
RGB."""
YUV420 = "yuv420"
"""Value of :data:`PLANES_KEY`: luma, and chroma of half the height and width."""
BINARY_KEY = "deblur.binary"
"""Metadata key of a quantised network: SHA-256 of the file of weights beside it, hexadecimal."""


def folder() -> Path:
    """Folder of the shipped files."""
    return Path(str(files("network.shipped")))


def onnx_file(name: str) -> Path | None:
    """The shipped ONNX file of a network, or None if the network comes without weights."""
    return _existing(f"{name}.onnx") if name in NAMES else None


def int8_file(name: str) -> Path | None:
    """The shipped INT8 form of a network, in OpenVINO's own format, or None if there is none.

    The metadata of the file holds the digest of the weights that it was made from; whether they are those of
    :func:`onnx_file` is for the reader to compare.
    """
    return _existing(int8_name(name)) if name in NAMES else None


def int8_name(name: str) -> str:
    """File name of the shipped INT8 form of a network; its weights lie beside it in a file ending in ``.bin``."""
    return f"{name}-int8.xml"


def weights_file(name: str) -> Path | None:
    """The shipped safetensors file of a network, or None if there is none."""
    return _existing(f"{name}.safetensors") if name in NAMES else None


def shipped_names() -> tuple[str, ...]:
    """Networks that can be run as they are installed."""
    return tuple(name for name in NAMES if onnx_file(name) is not None)


def planar_graph_names(layout: str) -> tuple[str, str]:
    """File names of the planar graphs of a layout (a value of :class:`network.planes.Layout`).

    Returns:
        The one from planes to RGB, and the one from a changed picture to planes.
    """
    return f"{layout}-to-rgb.onnx", f"residual-to-{layout}.onnx"


def planar_graph_files(layout: str) -> tuple[Path, Path]:
    """The shipped planar graphs, in the order of :func:`planar_graph_names`."""
    to_rgb, to_planes = planar_graph_names(layout)
    return folder() / to_rgb, folder() / to_planes


def _existing(file_name: str) -> Path | None:
    path = folder() / file_name
    return path if path.is_file() else None
