"""Choosing the encoder of the video and its settings, and noting what it can't keep of the frames."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.codec.codec import UnknownCodecError

from network.planes import Matrix
from pipeline.encode.container import MOV_FAMILY
from pipeline.encode.pixel_formats import differs, encoder_format, loses
from pipeline.encode.settings import merge_parameters, repeatable, settings_of
from pipeline.errors import UsageError
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, SPACE_BT709
from pipeline.media.pyav18 import set_chroma_location
from pipeline.media.side_data import hdr_options
from pipeline.notes import Note, NoteCode
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import OutputContainer
    from av.video.codeccontext import VideoCodecContext

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


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """Encoder and settings of the video, tested by opening the encoder once.

    Attributes:
        encoder: FFmpeg's name of the encoder, such as ``libx264``.
        codec: FFmpeg's name of the codec, such as ``h264``.
        pixel_format: FFmpeg's name of the pixel format that the encoder takes.
        width: Width of the encoded picture, in pixels: that of the input, or one more where the encoder needs even
            sizes.
        height: Height of the encoded picture, in pixels, with the same rounding as the width.
        full_range: Whether the encoded samples have full range; None if the input does not say and nothing is
            converted.
        colorspace: FFmpeg's ``AVColorSpace`` of the encoded samples.
        time_base: Unit of the encoder's time stamps, in seconds.
        counts_frames: Whether the encoder gets the number of each frame instead of its time, because it can't take the
            input's time base. The time is put back on the packets.
        rate: Nominal frame rate, in frames a second.
        options: Options of the encoder, by FFmpeg's names.
        notes: Notes for the user on what changes, one line each.
    """

    encoder: str
    codec: str
    pixel_format: str
    width: int
    height: int
    full_range: bool | None
    colorspace: int
    time_base: Fraction
    rate: Fraction
    counts_frames: bool = False
    options: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def configure(self, context: VideoCodecContext, info: SourceInfo) -> None:
        """Sets size, format, clock, colour and options on an encoder context that is not open yet."""
        first = info.first_frame
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.pixel_format
        context.time_base = self.time_base
        context.framerate = self.rate
        context.color_range = {None: 0, True: RANGE_FULL, False: RANGE_LIMITED}[self.full_range]
        context.colorspace = self.colorspace
        context.color_primaries = first.color_primaries
        context.color_trc = first.color_trc
        set_chroma_location(context, first.chroma_location)
        aspect = info.stream.sample_aspect_ratio
        if aspect:
            context.sample_aspect_ratio = aspect
        context.thread_count = 0
        context.options = repeatable(self.encoder, self.options)


def plan_encoder(
    info: SourceInfo,
    container: OutputContainer,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    bitrate: int | None = None,
) -> EncoderPlan:
    """Chooses the encoder and proves that it opens.

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
        return chosen
    if codec and codec.lower().endswith(_GPU_SUFFIX):
        software = codec.lower().removesuffix(_GPU_SUFFIX)
        plan = plan_encoder(info, container, software, crf, preset, bitrate)
        text = f"{codec.lower()} can't be had here (no NVIDIA GPU, or it has no such encoder); {plan.encoder} encodes"
        return replace(plan, notes=(Note(NoteCode.ENCODER_CHANGED, text), *plan.notes))
    hint = "choose another `codec`, or another extension for the output" if codec else "choose a `codec`"
    raise UsageError(f"{chosen or 'no encoder fits'}; {hint}", field="codec")


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
        plan = _plan(info, container, encoder, crf, preset, bitrate)
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


def keeps_times(container: OutputContainer) -> bool:
    """Whether the container keeps the time of each frame. If not, the frame rate is constant."""
    flag: Any = av.format.Flags.variable_fps.value
    # FFmpeg sets the flag for some of the formats of one muxer and forgets the others.
    return container.format.name in MOV_FAMILY or bool(container.format.flags & flag)


def _plan(
    info: SourceInfo,
    container: OutputContainer,
    encoder: av.Codec,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
) -> EncoderPlan | None:
    spec, first = info.spec, info.first_frame
    notes: list[Note] = []
    pixel_format = encoder_format(info.pixel_format, encoder)
    if differs(info.pixel_format, pixel_format):
        text = f"{encoder.name} takes no {info.pixel_format}; encoding as {pixel_format}"
        notes.append(Note(NoteCode.PIXEL_FORMAT, text))
    full_range: bool | None = {RANGE_FULL: True, RANGE_LIMITED: False}.get(first.color_range)
    colorspace = first.colorspace
    if encoder.name in _FULL_RANGE_ONLY and not spec.full_range:
        full_range = True
        text = f"{encoder.name} has full range only; the samples are stretched to it"
        notes.append(Note(NoteCode.COLOUR_CONVERTED, text))
    if spec.matrix is Matrix.RGB and not av.VideoFormat(pixel_format).is_rgb:
        full_range, colorspace = False, SPACE_BT709
        notes.append(Note(NoteCode.COLOUR_CONVERTED, "RGB is converted to BT.709"))
    options, setting_notes = settings_of(encoder, crf, preset, bitrate)
    notes += [Note(NoteCode.ENCODER_CHANGED, text) for text in setting_notes]
    merge_parameters(options, hdr_options(encoder.name, first.side_data))
    if encoder.name == "libx265":
        merge_parameters(options, {"x265-params": "log-level=error"})
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
