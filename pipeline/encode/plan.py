"""Choosing the encoder of the video and its settings, and noting what it can't keep of the frames."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from network.planes import Layout, Matrix
from pipeline.encode.colours import Colours
from pipeline.encode.constant_rate import constant_rate
from pipeline.encode.container import keeps_times
from pipeline.encode.dolby_vision import with_dolby_vision
from pipeline.encode.encoder_plan import EncoderPlan
from pipeline.encode.encoder_variants import nominal_rate, variants
from pipeline.encode.encoders import candidates, find_encoder, is_picture, is_playable, is_widely_played
from pipeline.encode.orientation import Turn, is_upright
from pipeline.encode.pixel_formats import differs, encoder_format, encoder_formats, holds_alpha, loses
from pipeline.encode.projection import with_projection
from pipeline.encode.read_back import keeps_alpha, keeps_matrix
from pipeline.encode.self_check import check_picture, opens
from pipeline.encode.settings import merge_parameters, settings_of
from pipeline.errors import UsageError
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, SPACE_BT709, SPACE_RGB, SPACE_UNSPECIFIED
from pipeline.media.native_formats import has_alpha, without_alpha
from pipeline.media.side_data import hdr_options
from pipeline.media.timestamps import COUNTING_PACKETS
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from av.container import OutputContainer

    from pipeline.media.source_info import SourceInfo

_GPU_SUFFIX = "_nvenc"
"""End of the names of encoders that need an NVIDIA GPU; the codec's name stands before it."""

_FULL_RANGE_ONLY = {"mjpeg"}

_SHOWN_LATE = {"mpeg1video"}
"""Codecs that can't say that no frame is reordered: decoders show each when the next has come."""


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
    for name in (codec,) if codec else candidates(info, container):
        encoder = find_encoder(name)
        if encoder is None:
            if codec:
                raise UsageError(f"unknown codec {codec!r}; try h264, hevc, vp9, av1 or ffv1")
            continue
        if not is_playable(container, encoder):
            problem = problem or f"{container.format.name} can't hold {encoder.canonical_name}"
            continue
        if codec is None and container.format.name in COUNTING_PACKETS and name in _SHOWN_LATE:
            continue
        plan = _plan(info, container, encoder, crf, preset, bitrate, named=codec is not None)
        if isinstance(plan, str):
            problem = problem or plan
            continue
        if codec is None and plan.codec != info.codec:
            text = f"{info.codec} can't be written here as it is; encoding as {plan.codec}"
            plan = replace(plan, notes=(Note(NoteCode.ENCODER_CHANGED, text), *plan.notes))
        if codec is None and loses(info.pixel_format, plan.pixel_format):
            second_choice = second_choice or plan
            continue
        return plan
    return second_choice or problem


def _plan(
    info: SourceInfo,
    container: OutputContainer,
    encoder: av.Codec,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
    *,
    named: bool,
) -> EncoderPlan | str:
    """The plan with one encoder, or what is wrong with it."""
    options, setting_notes = settings_of(encoder, crf, preset, bitrate)
    usual, _ = settings_of(encoder, None, None, None)
    size, name = f"{info.spec.width}x{info.spec.height}", container.format.name
    problem = f"{name} can't hold {encoder.canonical_name}, or {encoder.name} refuses {size} at this frame rate"
    for pixel_format in _formats(info, name, encoder, named=named):
        plan = _with_format(info, name, encoder, pixel_format)
        plan = replace(plan, notes=(*plan.notes, *(Note(NoteCode.ENCODER_CHANGED, text) for text in setting_notes)))
        fixed_rate = not keeps_times(name)
        for variant in variants(plan, encoder, fixed_rate=fixed_rate):
            wanted, plain = (_with_options(variant, each, info, name) for each in (options, usual))
            if not opens(wanted, info, name):
                if options != usual and opens(plain, info, name):
                    raise UsageError(f"{encoder.name} refuses these settings; check `preset`, `crf` and `bitrate`")
                continue
            right = _checked(plain, info, name)
            if right is not None and (not has_alpha(info.pixel_format) or _treats_alpha(right, info, name)):
                return replace(right, options=wanted.options)
            problem = f"a test picture does not survive {encoder.name} in {name}"
    return problem


def _treats_alpha(plan: EncoderPlan, info: SourceInfo, format_name: str) -> bool:
    """Whether transparency comes back, or is dropped on purpose."""
    return not holds_alpha(plan.pixel_format) or keeps_alpha(plan, info, format_name)


def _formats(info: SourceInfo, format_name: str, encoder: av.Codec, *, named: bool) -> list[str]:
    formats = encoder_formats(info.pixel_format, info.coded_pixel_format, encoder, width=info.spec.width)
    if not named and is_picture(info) and not is_widely_played(format_name, encoder.canonical_name, formats[0]):
        # Whoever makes a video of pictures wants to see it anywhere. One who names the codec gets all colours.
        reduced = encoder_format("yuv420p", encoder)
        if is_widely_played(format_name, encoder.canonical_name, reduced):
            return [reduced]
    return formats


def _with_format(info: SourceInfo, format_name: str, encoder: av.Codec, pixel_format: str) -> EncoderPlan:
    spec = info.spec
    notes: list[Note] = []
    chosen = av.VideoFormat(pixel_format)
    if has_alpha(info.pixel_format) and not holds_alpha(pixel_format):
        text = f"{encoder.canonical_name} in {format_name} holds no transparency; it is dropped"
        notes.append(Note(NoteCode.ALPHA_DROPPED, text))
    if differs(info.pixel_format, pixel_format):
        notes.append(Note(NoteCode.PIXEL_FORMAT, _why(info, format_name, encoder, pixel_format)))
    is_played = is_widely_played(format_name, encoder.canonical_name, pixel_format)
    if not is_played and (encoder.canonical_name, pixel_format) != (info.codec, info.pixel_format):
        text = f"few players take {encoder.canonical_name} as {pixel_format} in {format_name}"
        notes.append(Note(NoteCode.FEW_PLAYERS, text))
    full_range, matrix, colorspace, colour_notes = _colours_of(info, encoder, chosen)
    return EncoderPlan(
        encoder=encoder.name,
        codec=encoder.canonical_name,
        pixel_format=pixel_format,
        width=spec.width,
        height=spec.height,
        full_range=full_range,
        matrix=matrix,
        colorspace=colorspace,
        time_base=info.time_base,
        rate=nominal_rate(info.average_rate) if keeps_times(format_name) else constant_rate(info),
        notes=(*notes, *colour_notes),
    )


def _colours_of(
    info: SourceInfo, encoder: av.Codec, encoded: av.VideoFormat
) -> tuple[bool | None, Matrix, int, list[Note]]:
    """Range, matrix and matrix tag of the encoded samples, and notes on what is converted for that."""
    spec, first = info.spec, info.first_frame
    is_rgb = encoded.is_rgb or encoded.has_palette
    needs_full = encoder.name in _FULL_RANGE_ONLY
    if spec.matrix is Matrix.RGB and not is_rgb:
        return needs_full, Matrix.BT709, SPACE_BT709, [Note(NoteCode.COLOUR_CONVERTED, "RGB is converted to BT.709")]
    if is_rgb and spec.matrix is not Matrix.RGB:
        text = f"{Colours(spec.matrix, spec.full_range)} is converted to RGB"
        return True, Matrix.RGB, SPACE_RGB, [Note(NoteCode.COLOUR_CONVERTED, text)]
    has_chroma = not is_rgb and len(encoded.components) > 2
    colorspace = first.colorspace
    if colorspace == SPACE_RGB and has_chroma:
        colorspace = SPACE_UNSPECIFIED  # as grey pictures say it; of luma and chroma it can't be true
    if needs_full and not spec.full_range:
        text = f"{encoder.name} has full range only; the samples are stretched to it"
        return True, spec.matrix, colorspace, [Note(NoteCode.COLOUR_CONVERTED, text)]
    if spec.layout is Layout.GRAY and has_chroma:
        # Where nothing is said, a player takes grey for full range and colours for limited.
        return spec.full_range, spec.matrix, colorspace, []
    return {RANGE_FULL: True, RANGE_LIMITED: False}.get(first.color_range), spec.matrix, colorspace, []


def _why(info: SourceInfo, format_name: str, encoder: av.Codec, pixel_format: str) -> str:
    if not encoder.video_formats:
        return f"{format_name} has no name for uncompressed {info.pixel_format}; writing {pixel_format}"
    if av.VideoFormat(pixel_format).has_palette:
        return f"{encoder.name} has 256 colours a frame; the picture is reduced to them"
    best = encoder_format(without_alpha(info.pixel_format), encoder)
    if best != pixel_format and not is_widely_played(format_name, encoder.canonical_name, best):
        return f"few players take {encoder.canonical_name} as {best}; encoding as {pixel_format}"
    return f"{encoder.name} takes no {info.pixel_format}; encoding as {pixel_format}"


def _with_options(plan: EncoderPlan, options: dict[str, str], info: SourceInfo, format_name: str) -> EncoderPlan:
    options = dict(options)
    merge_parameters(options, hdr_options(plan.encoder, info.first_frame.side_data))
    if plan.encoder == "libx265":
        # It prints by itself what a trial of an odd size comes to; what counts comes back as an error.
        merge_parameters(options, {"x265-params": "log-level=none"})
    if plan.encoder == "libvpx" and has_alpha(plan.pixel_format):
        options["auto-alt-ref"] = "0"  # frames that are not shown have no alpha, and the encoder refuses both
    if plan.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors alone; the library reads nothing else
    if plan.encoder.startswith("libwebp") and plan.matrix is Matrix.RGB:
        options["lossless"] = "1"  # else it would make YUV of it
    if format_name in COUNTING_PACKETS:  # frames that are reordered would all be shown late
        options["bf"] = "0"
        if plan.encoder == "mpeg2video":
            # Else decoders wait for frames that are shown before, and show all late.
            options["flags"] = options.get("flags", "") + "+low_delay"
    return replace(plan, options=options)


def _checked(plan: EncoderPlan, info: SourceInfo, format_name: str) -> EncoderPlan | None:
    """The plan if a test picture comes back as it was, with other colours where the output can state no others."""
    check = check_picture(plan, info, format_name)
    if check.is_right:
        return _noting(plan, check.untold, format_name)
    shown = check.shown
    if shown is None or shown == plan.colours(info.spec) or Matrix.RGB in (shown.matrix, plan.matrix):
        return None
    text = f"{plan.codec} in {format_name} stands for {shown}; the colours are converted"
    notes = [note for note in plan.notes if note.code is not NoteCode.COLOUR_CONVERTED]
    converted = replace(
        plan,
        matrix=shown.matrix,
        full_range=shown.full_range,
        colorspace=check.colorspace,
        notes=(*notes, Note(NoteCode.COLOUR_CONVERTED, text)),
    )
    if not opens(converted, info, format_name):
        return None
    check = check_picture(converted, info, format_name)
    return _noting(converted, check.untold, format_name) if check.is_right else None


def _noting(plan: EncoderPlan, untold: tuple[str, ...], format_name: str) -> EncoderPlan:
    if not untold:
        return plan
    text = f"{plan.codec} in {format_name} can't say of the colours: {', '.join(untold)}"
    return replace(plan, notes=(*plan.notes, Note(NoteCode.COLOUR_TAGS_DROPPED, text)))
