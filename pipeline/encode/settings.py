"""Settings of encoders: the defaults of this program, and the options that the user's settings become."""

from __future__ import annotations

from typing import Any

import av

from pipeline.errors import UsageError
from pipeline.system.machine import cpu_features

# Quality by default is close to transparent: the next generation of the clip should show the network's work, not
# the encoder's. Speed by default is high: a network takes 50 ms or more a frame on a processor, and an encoder
# that took as long again would double the wait for a few per cent of file size.
_DEFAULTS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "18"},
    "libx265": {"preset": "superfast", "crf": "20"},
    "libsvtav1": {"preset": "9", "crf": "24"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "5", "row-mt": "1", "crf": "24", "b": "0"},
    # VP8 has no constant quality without a rate: a rate that is never reached makes the quality constant.
    "libvpx": {"deadline": "good", "cpu-used": "4", "crf": "8", "b": "50000000"},
    "ffv1": {"level": "3", "slicecrc": "1"},
    "libwebp": {"quality": "90"},
    "gif": {"global_palette": "0"},  # each frame has its own, also the first one of a segment
}

# Constant quality within a variable rate that nothing limits; p5 is the last preset that keeps up with networks.
_NVENC = {"preset": "p5", "tune": "hq", "rc": "vbr", "cq": "19", "b": "0"}
_DEFAULTS |= {f"{codec}_nvenc": dict(_NVENC) for codec in ("h264", "hevc", "av1")}

_FIXED_QUANTISER = {"mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "h263", "h263p", "flv", "msmpeg4", "wmv1", "wmv2"}
"""Encoders without a rate factor; their default here is quantiser 2, the finest that works reliably."""

_QUANTISER_2 = {"flags": "+qscale", "global_quality": str(2 * 118)}


_X264 = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_PRESETS = {"libx264": _X264, "libx265": _X264}
"""Presets by encoder, fastest first, where FFmpeg does not know them."""

_RATE_FACTORS = {"libx264": (0, 51), "libx265": (0, 51), "libvpx-vp9": (0, 63), "libvpx": (0, 63)}
"""Ranges of rate factors, where FFmpeg's own are wider than the encoder's."""

_BITRATES = {"libsvtav1": (1, 100_000_000), "libx264": (1000, 2**31 - 1)}
"""Ranges of bit rates, in bits a second. Encoders that are not named here take any up to the limit of FFmpeg."""


def settings_of(
    encoder: av.Codec, crf: float | None, preset: str | None, bitrate: int | None
) -> tuple[dict[str, str], list[str]]:
    """Builds the options of an encoder: this program's defaults, replaced by the user's settings.

    Args:
        encoder: FFmpeg's encoder.
        crf: Constant rate factor; None for this program's default.
        preset: Name of the encoder's preset; None for this program's default.
        bitrate: Bit rate in bits a second, used instead of a rate factor; None for a rate factor.

    Returns:
        Options by FFmpeg's names, and notes for the user, one line each.

    Raises:
        UsageError: If the encoder has no such setting, or another range for it.
    """
    context: Any = av.CodecContext.create(encoder.name, "w")
    known = {option.name: option for option in context.supported_options.private}
    options = dict(_DEFAULTS.get(encoder.name, {}))
    if encoder.name in _FIXED_QUANTISER:
        options.update(_QUANTISER_2)
    if preset is not None:
        if "preset" not in known:
            raise UsageError(f"{encoder.name} has no presets; leave out `preset`", field="preset")
        _check_preset(encoder.name, known["preset"], preset)
        options["preset"] = preset
    if crf is not None:
        name = next((name for name in ("crf", "cq") if name in known), None)
        if name is None:
            raise UsageError(f"{encoder.name} has no rate factor; leave out `crf`, or use `bitrate`", field="crf")
        lowest, highest = _RATE_FACTORS.get(encoder.name, (known[name].min, known[name].max))
        _check_range(encoder.name, "crf", crf, lowest, highest)
        options[name] = f"{crf:g}"
    if bitrate is not None:
        lowest, highest = _BITRATES.get(encoder.name, (1, 2**31 - 1))
        _check_range(encoder.name, "bitrate", bitrate, lowest, highest)
        for name in ("crf", "cq", "flags", "global_quality"):
            options.pop(name, None)
        options["b"] = str(bitrate)
        if encoder.lossless and not encoder.lossy:
            return options, [f"{encoder.name} is lossless; `bitrate` has no effect"]
    return options, []


def _check_preset(encoder: str, option: Any, preset: str) -> None:
    """Refuses a preset that an encoder does not know. Encoders do so too, but say it in many lines."""
    names = _PRESETS.get(encoder) or [choice.name for choice in option.choices]
    if preset in names:
        return
    number = int(preset) if preset.lstrip("-").isdecimal() else None
    if names:
        # Some count their presets as well; FFmpeg takes such a number for a value of the option.
        if number is not None and 0 <= number < len(names):
            return
        raise UsageError(f"{encoder} has no `preset` {preset!r}; choose one of {', '.join(names)}", field="preset")
    if number is None or not option.min <= number <= option.max:
        raise UsageError(
            f"{encoder} takes a `preset` from {option.min:g} to {option.max:g}, not {preset!r}", field="preset"
        )


def _check_range(encoder: str, setting: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        text = f"{encoder} takes a `{setting}` from {lowest:,.0f} to {highest:,.0f}, not {value:,.12g}"
        raise UsageError(text, field=setting)


def repeatable(encoder: str, options: dict[str, str]) -> dict[str, str]:
    """Adds the options with which an encoder writes the same file from the same frames each time, on this machine.

    With AVX-512, x264 sometimes encodes small pictures differently (seen with the x264 in PyAV 18.1). With AVX2 it
    writes the same file as without either, at the same speed. A resumed run and a cluster rely on this: both must
    write the same file as one run without interruption.

    Args:
        encoder: FFmpeg's name of the encoder.
        options: Options of the encoder, by FFmpeg's names; they are copied, not changed.
    """
    repeated = dict(options)
    if encoder == "libx264" and cpu_features()["AVX-512"]:
        merge_parameters(repeated, {"x264-params": "asm=avx2"})
    return repeated


def merge_parameters(options: dict[str, str], extra: dict[str, str]) -> None:
    """Appends to options whose values are lists separated by colons; entries that are there already stay."""
    for name, value in extra.items():
        options[name] = f"{options[name]}:{value}" if name in options else value
