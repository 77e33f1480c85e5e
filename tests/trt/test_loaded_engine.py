"""How an engine is set up, by the real Torch-TensorRT, as far as that goes without a device."""

from __future__ import annotations

import tomllib
import warnings
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from network.planes import PlaneSpec
from network.window.windows import Window
from trt.loaded_engine import prepared
from trt.signature import Signature

SIGNATURE = Signature(PlaneSpec(64, 48), 2, Window(1, 1))


@pytest.mark.usefixtures("builder")
def test_kernels_are_kept_where_only_the_user_writes(tmp_path: Path) -> None:
    import torch_tensorrt

    if not torch_tensorrt.ENABLED_FEATURES.tensorrt_rtx:
        pytest.skip("TensorRT proper has no kernels to keep")
    path = tmp_path / "one.kernels"
    path.write_bytes(b"kernels of an earlier start")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = prepared(b"engine", SIGNATURE, 0, path)
        without = prepared(b"engine", SIGNATURE, 0, None)
    assert caught == []
    settings = module.runtime_settings
    assert settings.runtime_cache.path == str(path)
    assert settings.runtime_cache.autosave_on_del, "or nothing is kept"
    assert without.runtime_settings.runtime_cache is None, "the default is a folder that all users share"
    for each in settings, without.runtime_settings:
        assert each.cuda_graph_strategy == "whole_graph_capture"
        assert each.dynamic_shapes_kernel_specialization_strategy == "eager", "or other kernels run than were compared"
    assert module.engine is None
    assert module.input_binding_names == ["luma", "chroma", "motion"]
    del module, settings
    assert path.read_bytes() == b"kernels of an earlier start", "nothing was compiled, so nothing is written"


@pytest.mark.usefixtures("builder")
def test_tensorrt_proper_keeps_no_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_tensorrt
    from torch_tensorrt.runtime import _runtime_config

    features = torch_tensorrt.ENABLED_FEATURES._replace(tensorrt_rtx=False)
    monkeypatch.setattr(torch_tensorrt, "ENABLED_FEATURES", features)
    monkeypatch.setattr(_runtime_config, "ENABLED_FEATURES", features)
    module = prepared(b"engine", SIGNATURE, 0, tmp_path / "one.kernels")
    assert module.runtime_settings.runtime_cache is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("builder")
def test_the_extra_pins_the_tensorrt_rtx_that_torch_tensorrt_is_built_for() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    named = {
        Requirement(line).name: Requirement(line) for line in project["project"]["optional-dependencies"]["rtx"][1:]
    }
    theirs = [Requirement(line) for line in requires("torch-tensorrt-rtx") or ()]
    (wanted,) = [each for each in theirs if each.name == "tensorrt_rtx"]
    ours = named["tensorrt_rtx"].specifier
    versions = {"1.6.1.119": False, "1.6.1.120": True, "1.6.9": True, "1.7.0.0": False, "1.7.1.116": False}
    for version, fits in versions.items():
        assert ours.contains(version) == wanted.specifier.contains(version) == fits
