"""Libraries that this program was tested with, and the versions that are installed."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import metadata

DISTRIBUTION = "deblur-stream"
"""Name under which this program is installed."""

OWN_PACKAGES = ("deblur_stream", "pipeline", "network", "trt")
"""Top-level packages of this program."""

TESTED: dict[str, tuple[str, str]] = {
    "Python": ("3.11", "3.13"),
    "archspec": ("0.2.7", "0.2"),
    "av": ("18.1", "19"),
    "click": ("8.5", "8"),
    "cloup": ("4.0", "4"),
    "numpy": ("2.4", "2"),
    "openvino": ("2026.4", "2026"),
    "psutil": ("7.2", "7"),
    "rich": ("15.0", "15"),
    "aiohttp": ("3.14", "3"),
    "aiortc": ("1.16", "1"),
    "filelock": ("4.2", "4"),
    "nncf": ("3.4", "3"),
    "nvidia-ml-py": ("13.6", "13"),
    "onnx": ("1.23", "1"),
    "onnxruntime": ("1.32", "1"),
    "onnxscript": ("0.7", "0.7"),
    "opencv-python-headless": ("5.0", "5"),
    "pillow": ("12.0", "13"),
    "pillow-heif": ("1.8", "1"),
    "platformdirs": ("4.14", "4"),
    "pygame-ce": ("2.5.2", "2"),
    "pytorch-msssim": ("1.0", "1"),
    "pyvirtualcam": ("0.15", "0.15"),
    "ray": ("2.60", "2"),
    "safetensors": ("0.8", "0.8"),
    "scikit-image": ("0.26", "0.26"),
    "segno": ("1.6", "1"),
    "tensorboard": ("2.21", "2"),
    "tensorrt-rtx": ("1.6.1.120", "1.6"),
    "torch": ("2.13", "2"),
    "torch-tensorrt": ("2.14", "2.14"),
    "torch-tensorrt-rtx": ("2.14", "2.14"),
}
"""Tested versions, by the name of the distribution: the lowest version that ``pyproject.toml`` admits, and the newest
line of releases that was tested, such as ``19`` for every 19.x.

A test compares this table with ``pyproject.toml`` and with what is installed. It fails when a new line comes out: run
all tests with that release, then raise the entry here.
"""


@dataclass(frozen=True, slots=True)
class Library:
    """An installed library.

    Attributes:
        name: Name of its distribution.
        version: Version that is installed.
    """

    name: str
    version: str

    @property
    def tested(self) -> str:
        """Versions that were tested, in words; empty for a library that this program does not use itself."""
        if self.name not in TESTED:
            return ""
        lowest, newest = TESTED[self.name]
        return f"{lowest}.x" if lowest == newest else f"{lowest} to {newest}.x"

    @property
    def is_outside(self) -> bool:
        """Whether the installed version is older or newer than those that were tested."""
        if self.name not in TESTED:
            return False
        lowest, newest = (_numbers(version) for version in TESTED[self.name])
        installed = _numbers(self.version)
        return installed < lowest or installed[: len(newest)] > newest

    @property
    def warning(self) -> str:
        """Line that says what is wrong with the version and what to do; empty if nothing is wrong."""
        if not self.is_outside:
            return ""
        lowest, newest = TESTED[self.name]
        if self.name == "Python":
            remedy = "install deblur-stream under one of those"
        else:
            line, last = newest.rpartition(".")[::2]
            following = f"{line}.{int(last) + 1}" if line else str(int(last) + 1)
            remedy = f'to install a tested one: pip install "{self.name}>={lowest},<{following}"'
        return f"{self.name} {self.version} is outside the tested versions, {self.tested}; {remedy}"


def distributions_inside() -> dict[str, list[str]]:
    """Names of other distributions that have files in this program's packages, by the name of the package.

    In the same environment, they may have replaced files of this program.
    """
    owners = metadata.packages_distributions()
    others = {name: sorted(set(owners.get(name, ())) - {DISTRIBUTION}) for name in OWN_PACKAGES}
    return {name: found for name, found in others.items() if found}


def installed(name: str) -> Library | None:
    """Finds a library by the name of its distribution, or ``Python`` itself; None if it is not installed."""
    if name == "Python":
        return Library(name, platform.python_version())
    try:
        return Library(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def installed_libraries() -> list[Library]:
    """Installed libraries of :data:`TESTED`, in the order of that table."""
    return [library for name in TESTED if (library := installed(name)) is not None]


def _numbers(version: str) -> tuple[int, ...]:
    """Numbers of a release: (2, 14, 1) for ``2.14.1+cu130`` or ``2.14.1rc2``."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:  # 5 and 5.0.0 are one version
        numbers.pop()
    return tuple(numbers)
