"""Choosing the encoder of the video and its settings, and noting what it can't keep of the frames."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.codec.codec import UnknownCodecError

from network.planes import Matrix
from pipeline.encode.container import keeps_times
from pipeline.encode.dolby_vision import with_dolby_vision
from pipeline.encode.encoder_plan import EncoderPlan
from pipeline.encode.orientation import Turn, is_upright
from pipeline.encode.pixel_formats import differs, encoder_format, formats_with_alpha, loses
from pipeline.encode.projection import with_projection
from pipeline.encode.read_back import keeps_alpha, keeps_matrix
from pipeline.encode.settings import merge_parameters, settings_of
from pipeline.errors import UsageError
from pipeline.media.frames import (
    RANGE_FULL,
    RANGE_LIMITED,
    SPACE_BT709,
    SPACE_RGB,
    SPACE_UNSPECIFIED,
    has_alpha,
    without_alpha,
)
from pipeline.media.side_data import hdr_options
from pipeline.notes import Note, NoteCode
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import OutputContainer

    from pipeline.media.source_info import SourceInfo

_ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "vp8": "libvpx",
    "prores": "prores_ks",
}
"""Encoders to use for codecs, by codec, where FFmpeg's own first choice is another encoder."""

_SPELLINGS = {"avc": "h264", "x264": "h264", "h265": "hevc", "x265": "hevc"}

_GPU_SUFFIX = "_nvenc"
"""End of the names of encoders that need an NVIDIA GPU; the codec's name stands before it."""

_TRANSPORT_STREAM = {"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "av1"}
"""Codecs that the MPEG transport stream has identifiers for.

FFmpeg's muxer takes any other codec as well, but no player could read the file.
"""

_FULL_RANGE_ONLY = {"mjpeg"}


def plan_encoder(
    info: SourceInfo,
    container: OutputContainer,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    bitrate: int | None = None,
) -> EncoderPlan:
    """Chooses the encoder and proves that it opens.

    Where the container can't say how a player is to turn the picture, the plan turns the picture itself.

    Args:
        info: Description of the input that the frames come from.
        container: Container of the output; nothing is added to it.
        codec: FFmpeg's name of a codec (``hevc``) or an encoder (``libx265``). None takes the input's codec where it
            can be encoded and the container takes it, else H.264, else the container's own default. An encoder for
            NVIDIA GPUs (``hevc_nvenc``) that is not available here is replaced by an encoder on the processor.
        crf: Constant rate factor; a lower value gives a better picture. None for this program's default.
        preset: Name of the encoder's preset, which trades speed against file size; None for this program's default.
        bitrate: Bit rate in bits a second, used instead of a rate factor; None for a rate factor.

    Raises:
        UsageError: If the codec is unknown, the container can't take it, or the encoder refuses the settings.
    """
    if bitrate is not None and crf is not None:
        raise UsageError("choose either `crf` (constant quality) or `bitrate` (constant size), not both", field="crf")
    chosen = _choose(info, container, codec, crf, preset, bitrate)
    if isinstance(chosen, EncoderPlan):
        turn, notes = _lost_turn(chosen, info, container.format.name)
        if turn is None:
            chosen = with_dolby_vision(chosen, info, container.format.name)
            chosen = with_projection(chosen, info, container.format.name)
            return replace(chosen, notes=(*chosen.notes, *notes))
        turned = plan_encoder(turn.applied_to(info), container, codec, crf, preset, bitrate)
        return replace(turned, turn=turn, notes=(*turned.notes, *notes))
    if codec and codec.lower().endswith(_GPU_SUFFIX):
        software = codec.lower().removesuffix(_GPU_SUFFIX)
        plan = plan_encoder(info, container, software, crf, preset, bitrate)
        text = f"{codec.lower()} can't be had here (no NVIDIA GPU, or it has no such encoder); {plan.encoder} encodes"
        return replace(plan, notes=(Note(NoteCode.ENCODER_CHANGED, text), *plan.notes))
    hint = "choose another `codec`, or another extension for the output" if codec else "choose a `codec`"
    raise UsageError(f"{chosen or 'no encoder fits'}; {hint}", field="codec")


def _lost_turn(plan: EncoderPlan, info: SourceInfo, format_name: str) -> tuple[Turn | None, list[Note]]:
    """How to turn the picture because its container can't have players do it, with notes; None for not at all."""
    matrix = info.display_matrix
    if matrix is None or is_upright(matrix) or keeps_matrix(plan, info, format_name, matrix):
        return None, []
    turn = Turn.of(matrix)
    if turn is None:
        text = f"{format_name} can't say that the picture is shown at an angle or scaled; left out"
        return None, [Note(NoteCode.SIDE_DATA_DROPPED, text)]
    text = f"{format_name} can't have players turn the picture; the picture itself is {turn}"
    return turn, [Note(NoteCode.PICTURE_TURNED, text)]


def _choose(
    info: SourceInfo,
    container: OutputContainer,
    codec: str | None,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
) -> EncoderPlan | str:
    """Returns the plan, or the reason why there is none."""
    problem = ""
    second_choice: EncoderPlan | None = None
    for name in _candidates(info, container, codec):
        encoder = _find(name)
        if encoder is None:
            if codec:
                raise UsageError(f"unknown codec {codec!r}; try h264, hevc, vp9, av1 or ffv1")
            continue
        if not _takes(container, encoder):
            problem = f"{container.format.name} can't hold {encoder.canonical_name}"
            continue
        plan = _first_that_fits(info, container, encoder, crf, preset, bitrate)
        if plan is None:
            size = f"{info.spec.width}x{info.spec.height}"
            problem = f"{container.format.name} can't hold {encoder.canonical_name}, or {encoder.name} refuses {size}"
            continue
        if codec is None and plan.codec != info.codec:
            text = f"{info.codec} can't be written here as it is; encoding as {plan.codec}"
            plan = replace(plan, notes=(Note(NoteCode.ENCODER_CHANGED, text), *plan.notes))
        if codec is None and loses(info.pixel_format, plan.pixel_format):
            second_choice = second_choice or plan
            continue
        return plan
    return second_choice or problem


def _candidates(info: SourceInfo, container: OutputContainer, codec: str | None) -> Iterable[str]:
    if codec:
        return (codec,)
    # The last ones are there for what H.264 and the container's own codec can't hold: 12 bits, a WebM of 10 bits.
    return dict.fromkeys((info.codec, "h264", container.default_video_codec, "hevc", "av1"))


def _find(name: str) -> av.Codec | None:
    name = _SPELLINGS.get(name.lower(), name.lower())
    try:
        encoder = av.Codec(_ENCODERS.get(name, name), "w")
    except (UnknownCodecError, RuntimeError, ValueError):
        return None
    return encoder if encoder.type == "video" else None


def _takes(container: OutputContainer, encoder: av.Codec) -> bool:
    if container.format.name == "mpegts":
        return encoder.canonical_name in _TRANSPORT_STREAM
    return True  # the header, written to try, tells


def _first_that_fits(
    info: SourceInfo,
    container: OutputContainer,
    encoder: av.Codec,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
) -> EncoderPlan | None:
    """The plan of an encoder, with transparency if there is any, and if encoder and container keep it."""
    for pixel_format in formats_with_alpha(info.pixel_format, encoder):
        plan = _plan(info, container, encoder, crf, preset, bitrate, pixel_format)
        if plan is not None and keeps_alpha(plan, info, container.format.name):
            return plan
    pixel_format = encoder_format(without_alpha(info.pixel_format), encoder)
    return _plan(info, container, encoder, crf, preset, bitrate, pixel_format)


def _plan(
    info: SourceInfo,
    container: OutputContainer,
    encoder: av.Codec,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
    pixel_format: str,
) -> EncoderPlan | None:
    spec, first = info.spec, info.first_frame
    notes: list[Note] = []
    if has_alpha(info.pixel_format) and not has_alpha(pixel_format):
        text = f"{encoder.canonical_name} in {container.format.name} holds no transparency; it is dropped"
        notes.append(Note(NoteCode.ALPHA_DROPPED, text))
    if differs(info.pixel_format, pixel_format):
        text = f"{encoder.name} takes no {info.pixel_format}; encoding as {pixel_format}"
        notes.append(Note(NoteCode.PIXEL_FORMAT, text))
    full_range, colorspace, colour_notes = _colour_of(info, encoder, pixel_format)
    notes += colour_notes
    options, setting_notes = settings_of(encoder, crf, preset, bitrate)
    notes += [Note(NoteCode.ENCODER_CHANGED, text) for text in setting_notes]
    merge_parameters(options, hdr_options(encoder.name, first.side_data))
    if encoder.name == "libx265":
        merge_parameters(options, {"x265-params": "log-level=error"})
    if encoder.name == "libvpx" and has_alpha(pixel_format):
        options["auto-alt-ref"] = "0"  # frames that are not shown have no alpha, and the encoder refuses both
    if encoder.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors alone; the library reads nothing else
    plan = EncoderPlan(
        encoder=encoder.name,
        codec=encoder.canonical_name,
        pixel_format=pixel_format,
        width=spec.width,
        height=spec.height,
        full_range=full_range,
        colorspace=colorspace,
        time_base=info.time_base,
        rate=_rate(info.average_rate),
        options=options,
        notes=tuple(notes),
    )
    fixed_rate = not keeps_times(container)
    for variant in _variants(plan, encoder, fixed_rate=fixed_rate):
        if _opens(variant, info, container.format.name):
            return variant
    if crf is not None or preset is not None or bitrate is not None:
        without, _ = settings_of(encoder, None, None, None)
        plain = _variants(replace(plan, options=without), encoder, fixed_rate=fixed_rate)
        if any(_opens(variant, info, container.format.name) for variant in plain):
            raise UsageError(f"{encoder.name} refuses these settings; check `preset`, `crf` and `bitrate`")
    return None


def _colour_of(info: SourceInfo, encoder: av.Codec, pixel_format: str) -> tuple[bool | None, int, list[Note]]:
    """Range and matrix of the encoded samples, and notes on what is converted for that."""
    spec, first, encoded = info.spec, info.first_frame, av.VideoFormat(pixel_format)
    if spec.matrix is Matrix.RGB and not encoded.is_rgb:
        return False, SPACE_BT709, [Note(NoteCode.COLOUR_CONVERTED, "RGB is converted to BT.709")]
    colorspace = first.colorspace
    if colorspace == SPACE_RGB and not encoded.is_rgb and len(encoded.components) > 2:
        colorspace = SPACE_UNSPECIFIED  # as grey pictures say it; of luma and chroma it can't be true
    if encoder.name in _FULL_RANGE_ONLY and not spec.full_range:
        text = f"{encoder.name} has full range only; the samples are stretched to it"
        return True, colorspace, [Note(NoteCode.COLOUR_CONVERTED, text)]
    return {RANGE_FULL: True, RANGE_LIMITED: False}.get(first.color_range), colorspace, []


def _variants(plan: EncoderPlan, encoder: av.Codec, *, fixed_rate: bool) -> Iterator[EncoderPlan]:
    """Yields the plan, then variants to try where an encoder does not take the time base or an odd size."""
    rate = plan.rate.limit_denominator(10_000)
    while rate.numerator > 65_000:
        rate = rate.limit_denominator(max(rate.denominator // 2, 1))
        if rate.denominator == 1:
            break
    rates = [Fraction(known.numerator, known.denominator) for known in encoder.frame_rates or ()]
    if rates:
        rate = min(rates, key=lambda known: abs(known - plan.rate))
    counted = replace(plan, rate=rate, time_base=1 / rate, counts_frames=True)
    clocks = (counted,) if fixed_rate else (plan, counted)
    yield from clocks
    width, height = plan.width + plan.width % 2, plan.height + plan.height % 2
    if (width, height) != (plan.width, plan.height):
        text = f"{plan.encoder} needs even sizes; padded from {plan.width}x{plan.height} to {width}x{height}"
        note = Note(NoteCode.SIZE_PADDED, text)
        for clock in clocks:
            yield replace(clock, width=width, height=height, notes=(*plan.notes, note))


def _opens(plan: EncoderPlan, info: SourceInfo, format_name: str) -> bool:
    """Whether the encoder and the container both accept the plan; tested by writing a header into memory."""
    try:
        with ordinary_scheduling(), av.open(io.BytesIO(), "w", format=format_name) as scratch:
            stream: Any = scratch.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
            scratch.start_encoding()
    except (av.error.FFmpegError, ValueError, OverflowError):
        return False
    return True


def _rate(rate: Fraction | None) -> Fraction:
    # A rate is a hint for the encoder; files whose tracks lie about it say hundreds of frames a second.
    return rate if rate and 1 <= rate <= 240 else Fraction(25 if not rate else 60)
