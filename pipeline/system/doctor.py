"""Check of this machine by probes; a probe that fails does not stop the others."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
from av.codec.hwaccel import hwdevices_available

from network.processor import processor_name
from pipeline.system import codecs, machine
from pipeline.system.libraries import DISTRIBUTION, distributions_inside, installed_libraries
from pipeline.system.machine import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the check's result.

    Attributes:
        section: Kind of the thing, such as ``encoders``.
        name: Name of the thing.
        works: Whether the thing can be used here; None for a plain fact.
        detail: Details: a version, the name of a device, or the reason why the thing can't be used.
    """

    section: str
    name: str
    works: bool | None
    detail: str


def examine(probes: Mapping[str, Callable[[], Iterable[Check]]]) -> list[Check]:
    """Returns the findings of all probes in order; a probe that fails ends with a finding that says why.

    Args:
        probes: Probes, by the name that is shown if they fail.
    """
    findings: list[Check] = []
    for name, probe in probes.items():
        try:
            findings.extend(probe())
        except Exception as error:  # noqa: BLE001 - whatever a driver or a library raises is what is to be shown
            findings.append(Check(name, "probe", False, f"failed: {type(error).__name__}: {_one_line(error)}"))
    return findings


def find_machine() -> Iterator[Check]:
    """Yields findings on this program, the operating system, the processor and the memory."""
    known = versions()
    for name in (DISTRIBUTION, "system"):
        yield Check("software", name, None, known.get(name, "not installed: it runs from its source tree"))
    yield Check("software", "FFmpeg", None, str(av.ffmpeg_version_info))
    for name, others in distributions_inside().items():
        detail = f"{' and '.join(others)} has files in it too; install {DISTRIBUTION} in an environment of its own"
        yield Check("software", f"package {name}", False, detail)
    yield Check("processor", "name", None, processor_name())
    yield Check("processor", "cores for this process", None, str(machine.cores()))
    for name, has in machine.cpu_features().items():
        yield Check("processor", name, has, "" if has is not None else "this system does not tell")
    yield Check("processor", "memory", None, f"{machine.memory() / 2**30:.1f} GiB")


def find_libraries() -> Iterator[Check]:
    """Yields findings on the installed libraries, and which of their versions were tested."""
    for library in installed_libraries():
        yield Check("libraries", library.name, None, f"{library.version}; tested: {library.tested}")


def warnings(findings: Iterable[Check]) -> list[str]:
    """Lists likely causes of trouble, one line each: libraries of untested versions, and mixed installations.

    Args:
        findings: Findings of all probes.
    """
    untested = [library.warning for library in installed_libraries() if library.is_outside]
    mixed = [f"{row.name}: {row.detail}" for row in findings if row.section == "software" and row.works is False]
    return untested + mixed


def find_encoders() -> Iterator[Check]:
    """Yields findings on the encoders, each tried with a few frames."""
    for section, names in (("encoders", codecs.ENCODERS), ("hardware encoders", codecs.hardware_encoders())):
        for name in names:
            try:
                trial = codecs.try_encoder(name)
            except (OSError, av.codec.codec.UnknownCodecError) as error:
                yield Check(section, name, False, _one_line(error))
            else:
                yield Check(section, name, True, f"encoded a few frames, which {trial.decoder} decoded")
    if not codecs.hardware_encoders():
        yield Check("hardware encoders", "all", False, "this build of FFmpeg knows none")


def find_decoders() -> Iterator[Check]:
    """Yields findings on FFmpeg's decoders, and on devices that decode H.264, each tried with a few frames."""
    for name in codecs.DECODERS:
        is_there = codecs.has_decoder(name)
        yield Check("other decoders", name, is_there, "there, not tried" if is_there else "not in this FFmpeg")
    devices = hwdevices_available()
    clip = codecs.try_encoder("libx264").clip if devices else b""
    for device in devices:
        try:
            codecs.try_hardware_decoder(device, clip)
        except OSError as error:
            yield Check("hardware decoders", device, False, _one_line(error))
        else:
            yield Check("hardware decoders", device, True, "decoded a few frames of H.264")
    if not devices:
        yield Check("hardware decoders", "all", False, "this build of FFmpeg knows none")


def find_cameras() -> Iterator[Check]:
    """Yields the cameras that FFmpeg lists; none is opened, because that would switch it on."""
    api = {"linux": "video4linux2,v4l2", "darwin": "avfoundation", "win32": "dshow"}.get(sys.platform)
    if api is None or api not in av.formats_available:
        yield Check("cameras", "all", False, f"this build of FFmpeg lists no cameras on {sys.platform}")
        return
    cameras = [device for device in av.enumerate_input_devices(api) if "video" in (device.media_types or ["video"])]
    for camera in cameras:
        yield Check("cameras", camera.name, True, camera.description)
    if not cameras:
        yield Check("cameras", "all", False, f"none is connected, by {api.rpartition(',')[2]}")


MACHINE_PROBES: dict[str, Callable[[], Iterable[Check]]] = {
    "processor": find_machine,
    "libraries": find_libraries,
    "encoders": find_encoders,
    "decoders": find_decoders,
    "cameras": find_cameras,
}
"""Probes, by name, that need only the default install."""


def advice(findings: Iterable[Check]) -> list[Check]:
    """Advice, from the findings, on what to install or to type for more."""
    by_name = {(finding.section, finding.name): finding for finding in findings}

    def works(section: str, name: str) -> bool | None:
        finding = by_name.get((section, name))
        return finding.works if finding else None

    more: list[Check] = []

    def suggest(name: str, text: str) -> None:
        more.append(Check("for more", name, None, text))

    has_gpu = works("hardware decoders", "cuda") or works("engines", "torch on CUDA")
    if works("engines", "torch") is False:
        suggest("PyTorch", 'trains and evaluates, runs new weights: pip install "deblur-stream[train]"')
    if has_gpu and works("engines", "tensorrt") is False:
        suggest("TensorRT", 'the fastest engine on this GPU: pip install "deblur-stream[trt]"')
    if works("hardware decoders", "cuda"):
        suggest("decoding on the GPU", "deblur video --hwaccel cuda")
    for finding in findings:
        if finding.section == "hardware encoders" and finding.works:
            suggest(f"encoding by {finding.name}", f"deblur video --codec {finding.name}")
    if works("engines", "onnxruntime") is False:
        suggest("ONNX Runtime", "an opponent for deblur bench --compare: pip install onnxruntime")
    if not more:
        suggest("nothing", "all that this program can use on this hardware is installed")
    return more


def table(findings: Iterable[Check]) -> str:
    """Formats findings as plain text, with a heading for each section and a line for each finding.

    Only sections with things that work or don't have a column for that.
    """
    rows = list(findings)
    order = list(dict.fromkeys(row.section for row in rows))
    rows.sort(key=lambda row: order.index(row.section))
    width = max((len(row.name) for row in rows), default=0)
    marked = {row.section for row in rows if row.works is not None}
    lines: list[str] = []
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section] if lines else [section]
        mark = {True: "yes", False: "no", None: ""}[row.works]
        column = f"{mark:<3}  " if section in marked else ""
        lines.append(f"  {row.name:<{width}}  {column}{row.detail}".rstrip())
    return "\n".join(lines)


def _one_line(error: BaseException) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error)).split()) or type(error).__name__
