"""What is installed is the package itself and nothing of an extra, and all of it can be imported."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import sysconfig
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from media import write

if TYPE_CHECKING:
    from conftest import CommandLine

PACKAGES = ("deblur_stream", "network", "pipeline", "trt")
LIGHT = (
    *("video", "image", "best", "sample", "compare", "live", "info", "batch", "bench", "doctor"),
    *("synth", "pack", "export", "engine", "completion"),
)
HEAVY = ("train", "evaluate")

IMPORT_ALL = f"""
import importlib, json, pkgutil
missing, count = set(), 0
for package in {PACKAGES!r}:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
            count += 1
        except ModuleNotFoundError as error:
            missing.add(error.name.partition(".")[0])
print(json.dumps([count, sorted(missing)]))
"""


@pytest.mark.parametrize("name", PACKAGES)
def test_the_package_under_test_is_the_installed_one(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    assert Path(file).resolve().parents[1] in installed, f"{file} is no installed file: install a wheel first"


def test_the_default_install_has_nothing_of_an_extra() -> None:
    found = [name for name in ("torch", "onnx", "onnxruntime", "aiortc", "ray", "nncf") if util.find_spec(name)]
    assert found == []


def test_every_module_can_be_imported_or_lacks_a_library_of_an_extra() -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", IMPORT_ALL], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    count, missing = json.loads(done.stdout)
    assert count > 100
    assert {"torch", "onnx"} <= set(missing)
    assert not set(missing) & {*PACKAGES, *sys.stdlib_module_names, "av", "click", "cv2", "numpy", "openvino", "rich"}


def test_the_command_says_its_version(deblur: CommandLine) -> None:
    lines = deblur.run("--version").out.decode().splitlines()
    assert lines[0] == f"deblur {metadata.version('deblur-stream')}"
    assert f"openvino {metadata.version('openvino')}" in lines


def test_help_lists_every_command(deblur: CommandLine) -> None:
    text = deblur.run("--help").out.decode()
    listed = text.partition("Commands:")[2].split("\n\n")[0].splitlines()
    assert {line.split()[0] for line in listed if line.strip()} == {*LIGHT, *HEAVY}


@pytest.mark.parametrize("name", LIGHT)
def test_a_command_of_the_default_install_has_help(deblur: CommandLine, name: str) -> None:
    assert f"Usage: deblur {name}" in deblur.run(name, "--help").out.decode()


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        *(((name, "--help"), "train") for name in HEAVY),
        (("export", "--weights", "in.safetensors", "out.onnx"), "train"),
        (("engine", "build"), "trt"),
        (("video", "in.mp4", "out.mp4", "--engine", "torch"), "train"),
        (("video", "in.mp4", "out.mp4", "--engine", "tensorrt"), "trt"),
        (("live", "in.mp4", "--window"), "live"),
        (("live", "in.mp4", "--serve"), "live"),
        (("live", "in.mp4", "--virtual-camera"), "live"),
        (("batch", "in.mp4", "out", "--ray", "auto"), "cluster"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_needs_an_extra_says_in_one_line_which(
    deblur: CommandLine, tmp_path: Path, arguments: tuple[str, ...], extra: str
) -> None:
    write(tmp_path / "in.mp4")
    (tmp_path / "in.safetensors").touch()
    error = deblur.run(*arguments, code=2).err.splitlines()[-1].replace("'", '"')
    assert f'pip install "deblur-stream[{extra}]"' in error
