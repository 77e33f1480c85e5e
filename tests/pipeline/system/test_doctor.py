"""What the machine offers: probes that fail, codecs that work, advice."""

from __future__ import annotations

import contextlib
import json
from importlib import metadata
from typing import TYPE_CHECKING

import av
import pytest
from click.testing import CliRunner

from pipeline.cli.doctor import doctor
from pipeline.engines.probes import ENGINE_PROBES
from pipeline.system import codecs, libraries, machine
from pipeline.system.doctor import MACHINE_PROBES, Check, advice, examine, find_cameras, find_machine, table, warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


def test_a_probe_that_fails_shows_its_error_and_takes_no_other_along() -> None:
    def half() -> Iterator[Check]:
        yield Check("disks", "first", True, "spins")
        raise RuntimeError("the driver\nis gone")

    def whole() -> Iterator[Check]:
        yield Check("fans", "only", True, "turns")

    assert examine({"disks": half, "fans": whole}) == [
        Check("disks", "first", True, "spins"),
        Check("disks", "probe", False, "failed: RuntimeError: the driver is gone"),
        Check("fans", "only", True, "turns"),
    ]


def test_the_table_keeps_sections_together() -> None:
    text = table(
        [Check("a", "one", True, "x"), Check("b", "two", False, "y"), Check("a", "three", None, "z")],
    )
    assert text.splitlines() == ["a", "  one    yes  x", "  three       z", "", "b", "  two    no   y"]
    assert table([]) == ""


@pytest.fixture(scope="module")
def found() -> list[dict[str, object]]:
    done = CliRunner().invoke(doctor, ["--json"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stderr == "", "all that is installed beside the tests was tested"
    parsed = json.loads(done.stdout)
    assert parsed["schema"] == 1
    findings: list[dict[str, object]] = parsed["findings"]
    return findings


def of(findings: list[dict[str, object]], section: str) -> dict[str, tuple[object, object]]:
    return {str(row["name"]): (row["works"], row["detail"]) for row in findings if row["section"] == section}


def test_no_probe_fails_on_this_machine(found: list[dict[str, object]]) -> None:
    assert [row for row in found if row["name"] == "probe"] == []


def test_the_choice_of_auto_is_the_one_that_a_run_makes(found: list[dict[str, object]]) -> None:
    from pipeline.engines.load import load_engine

    works, detail = of(found, "engines")["auto"]
    info = load_engine("auto").info
    assert works is True
    assert str(detail).startswith(f"{info.backend}, {info.precision}, on {info.device}")
    assert of(found, "engines")["openvino on CPU"][0] is True


def test_devices_that_were_never_tested_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from pipeline.engines import onnxruntime as engine
    from pipeline.engines import openvino_core

    def lines() -> dict[str, str]:
        return {row.name: row.detail for name in ("openvino", "onnxruntime") for row in ENGINE_PROBES[name]()}

    assert "untested" not in lines()["openvino on CPU"]
    assert ", ".join(onnxruntime.get_available_providers()) in lines()["onnxruntime"]
    other = next((name for name in onnxruntime.get_available_providers() if name != engine.CPU_PROVIDER), None)
    monkeypatch.setattr(openvino_core, "PROCESSOR", "another")
    assert lines()["openvino on CPU"].endswith("untested, to be tried by --device CPU")
    if other is not None:
        monkeypatch.setitem(engine.PROVIDERS, "cloud", other)
        expected = f"{other}; untested, to be tried by --engine onnxruntime --device cloud"
        assert lines()["onnxruntime on cloud"] == expected


def test_encoders_are_tried_and_what_they_wrote_is_decoded(found: list[dict[str, object]]) -> None:
    encoders = of(found, "encoders")
    assert set(encoders) == set(codecs.ENCODERS)
    assert {name for name, (works, _) in encoders.items() if works} >= {"libx264", "ffv1", "mjpeg", "prores_ks"}
    assert encoders["libx264"][1] == "encoded a few frames, which h264 decoded"
    for section in ("hardware encoders", "hardware decoders", "cameras", "for more", "processor"):
        assert of(found, section), section


def test_versions_and_processor_are_named(found: list[dict[str, object]]) -> None:
    assert str(of(found, "libraries")["av"][1]).startswith(f"{av.__version__}; tested: ")
    assert "deblur-stream" in of(found, "software")
    assert of(found, "processor")["cores for this process"][1] == str(machine.cores())


def test_a_library_of_an_untested_version_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is the real one; what was tested is said to be older."""
    monkeypatch.setitem(libraries.TESTED, "click", ("6.1", "7"))
    version = metadata.version("click")
    done = CliRunner().invoke(doctor, [], catch_exceptions=False)
    assert done.exit_code == 0
    expected = f"click {version} is outside the tested versions, 6.1 to 7.x"
    assert [line for line in done.stderr.splitlines() if "click" in line] == [
        f'warning: {expected}; to install a tested one: pip install "click>=6.1,<8"'
    ]
    assert f"{version}; tested: 6.1 to 7.x" in done.stdout


def test_another_distribution_in_a_package_of_this_program_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "trt_tools-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: trt-tools\nVersion: 1.2\n")
    (information / "top_level.txt").write_text("trt\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (line,) = warnings(find_machine())
    assert line.startswith("package trt: trt-tools has files in it too; install deblur-stream in")


def test_an_encoder_without_its_hardware_is_an_error_not_a_crash() -> None:
    for name in codecs.hardware_encoders():
        with contextlib.suppress(OSError):
            assert codecs.try_encoder(name).decoder


def test_a_clip_that_does_not_decode_is_an_error() -> None:
    with pytest.raises(OSError, match=r"."):
        codecs.try_hardware_decoder("cuda", b"no video")


def test_cameras_are_listed_or_their_absence_is_said() -> None:
    cameras = list(find_cameras())
    assert cameras
    assert all(camera.section == "cameras" and camera.name for camera in cameras)


def finding(section: str, name: str, works: bool) -> Check:
    return Check(section, name, works, "")


def test_advice_names_what_is_missing() -> None:
    bare = [finding("engines", name, False) for name in ("torch", "tensorrt", "onnxruntime")]
    texts = {row.name: row.detail for row in advice(bare)}
    assert 'pip install "deblur-stream[train]"' in texts["PyTorch"]
    assert "pip install onnxruntime" in texts["ONNX Runtime"]
    assert "TensorRT" not in texts  # without a GPU it would be of no use


def test_advice_on_a_machine_with_a_gpu() -> None:
    gpu = [
        finding("engines", "torch", True),
        finding("engines", "torch on CUDA", True),
        finding("engines", "tensorrt", False),
        finding("engines", "onnxruntime", True),
        finding("hardware decoders", "cuda", True),
        finding("hardware encoders", "hevc_nvenc", True),
        finding("hardware encoders", "hevc_qsv", False),
    ]
    texts = {row.name: row.detail for row in advice(gpu)}
    assert set(texts) == {"TensorRT", "decoding on the GPU", "encoding by hevc_nvenc"}
    assert "--codec hevc_nvenc" in texts["encoding by hevc_nvenc"]
    complete = [finding("engines", name, True) for name in ("torch", "tensorrt", "onnxruntime")]
    assert [row.name for row in advice(complete)] == ["nothing"]


def test_every_probe_has_a_name_of_its_own() -> None:
    assert not set(MACHINE_PROBES) & set(ENGINE_PROBES)


def test_memory_and_features_are_plausible() -> None:
    size, peak = machine.memory(), machine.peak_memory()
    assert peak is not None
    assert 10 * 2**20 < peak < size
    assert set(machine.cpu_features()) == set(machine.FEATURES)
    assert machine.describe()["cores"] >= 1
