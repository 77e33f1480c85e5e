"""What each container takes: codecs of video and sound, subtitles, data, and what else. For ``odd_files.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Video:
    """A way to encode video.

    Attributes:
        encoder: Encoder, by FFmpeg's name.
        formats: Pixel formats that it may get.
        options: Options of the encoder.
    """

    encoder: str
    formats: tuple[str, ...] = ("yuv420p",)
    options: dict[str, str] = field(default_factory=dict)


_X264 = {"preset": "ultrafast", "g": "8"}

VIDEOS = {
    "h264": Video("libx264", ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "gray", "nv12"), {**_X264, "bf": "0"}),
    "h264-bframes": Video("libx264", ("yuv420p", "yuv420p10le"), {"preset": "veryfast", "g": "12", "bf": "3"}),
    "h264-opengop": Video(
        "libx264", options={"preset": "veryfast", "g": "6", "bf": "2", "x264-params": "open-gop=1:scenecut=0"}
    ),
    "h264-rgb": Video("libx264rgb", ("bgr24", "rgb24"), {**_X264, "crf": "0"}),
    "hevc": Video("libx265", ("yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gray"), {"preset": "ultrafast"}),
    "av1": Video("libsvtav1", ("yuv420p", "yuv420p10le"), {"preset": "12", "svtav1-params": "lp=1"}),
    "vp8": Video("libvpx", options={"cpu-used": "8", "deadline": "realtime"}),
    "vp9": Video("libvpx-vp9", ("yuv420p", "yuv444p", "gbrp"), {"cpu-used": "8", "deadline": "realtime"}),
    "mpeg1": Video("mpeg1video", options={"g": "8", "bf": "2", "qmin": "1", "qmax": "2"}),
    "mpeg2": Video("mpeg2video", ("yuv420p", "yuv422p"), {"g": "8", "bf": "2", "qmin": "1", "qmax": "2"}),
    "mpeg4": Video("mpeg4", options={"g": "8", "qmin": "1", "qmax": "2"}),
    "mpeg4-bframes": Video("mpeg4", options={"g": "8", "bf": "2", "qmin": "1", "qmax": "2"}),
    "mjpeg": Video("mjpeg", ("yuvj420p", "yuvj422p", "yuvj444p"), {"qmin": "1", "qmax": "2"}),
    "prores": Video("prores_ks", ("yuv422p10le", "yuv444p10le", "yuva444p10le")),
    "ffv1": Video("ffv1", ("yuv420p", "yuv411p", "yuv440p", "yuva420p", "gbrp10le", "bgra", "gray16le", "yuv444p16le")),
    "huffyuv": Video("huffyuv", ("yuv422p", "rgb24", "bgra")),
    "ffvhuff": Video("ffvhuff", ("yuv420p", "yuv444p10le", "yuva444p", "gbrp12le")),
    "utvideo": Video("utvideo", ("yuv420p", "gbrp", "gbrap")),
    "magicyuv": Video("magicyuv", ("yuv422p", "gbrap")),
    "png": Video("png", ("rgb24", "rgba", "rgb48be", "gray", "pal8", "ya8")),
    "qtrle": Video("qtrle", ("rgb24", "argb", "rgb555be", "gray")),
    "rawvideo": Video("rawvideo", ("yuv420p", "uyvy422", "yuyv422", "gray")),
    "raw-packed": Video("rawvideo", ("uyvy422", "yuyv422", "gray")),
    "raw-rgb": Video("rawvideo", ("bgr24", "bgra", "rgb24")),
    "raw555": Video("rawvideo", ("rgb555le",)),
    "v210": Video("v210", ("yuv422p10le",)),
    "jpeg2000": Video("jpeg2000", ("yuv444p", "rgb24", "gray12le")),
    "wmv2": Video("wmv2", options={"qmin": "1", "qmax": "2"}),
    "msmpeg4": Video("msmpeg4", options={"qmin": "1", "qmax": "2"}),
    "flv1": Video("flv", options={"qmin": "1", "qmax": "2"}),
    "gif": Video("gif", ("bgr8", "pal8")),
}


@dataclass(frozen=True)
class Container:
    """What a container takes.

    Attributes:
        suffix: File extension, with the dot.
        videos: Keys of :data:`VIDEOS`.
        sounds: Encoders of sound, by FFmpeg's name.
        subtitles: Codecs of subtitles, by FFmpeg's name.
        data: Codecs of data tracks, by FFmpeg's name.
        bases: Units of the video's time stamps, in seconds; none for a container with a constant rate.
        extras: What else may be in it.
        stamps: Whether its stored time stamps can be made faulty (``odd_stamps.py``).
    """

    suffix: str
    videos: tuple[str, ...]
    sounds: tuple[str, ...] = ()
    subtitles: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    bases: tuple[Fraction, ...] = ()
    extras: tuple[str, ...] = ()
    stamps: bool = False


_MS, _TS = Fraction(1, 1000), Fraction(1, 90_000)
_FINE = (Fraction(1, 600), Fraction(1, 12_800), Fraction(1, 30_000), _TS)
_APPLE = ("h264", "h264-bframes", "h264-opengop", "hevc", "mpeg4", "mpeg4-bframes", "mpeg2", "mjpeg")
_MOST = (*_APPLE, "av1", "vp9")
_MOV_EXTRAS = ("chapters", "cover", "second", "rotation", "aspect", "box")
_MKV_EXTRAS = ("chapters", "cover", "second", "rotation", "aspect", "attachment")

CONTAINERS = {
    "mp4": Container(
        ".mp4",
        (*_MOST, "png", "jpeg2000"),
        ("aac", "ac3", "eac3", "libmp3lame", "flac", "libopus", "alac", "mp2"),
        ("mov_text",),
        ("bin_data",),
        _FINE,
        _MOV_EXTRAS,
        stamps=True,
    ),
    "mov": Container(
        ".mov",
        (*_APPLE, "png", "prores", "qtrle", "raw-packed", "raw-rgb", "v210", "h264-rgb"),
        ("aac", "alac", "pcm_s16le", "pcm_s24be", "pcm_mulaw", "adpcm_ima_qt", "ac3", "pcm_f32le"),
        ("mov_text",),
        (),
        _FINE,
        _MOV_EXTRAS,
        stamps=True,
    ),
    "mkv": Container(
        ".mkv",
        (*_MOST, "vp8", "ffv1", "rawvideo", "prores", "mpeg1", "h264-rgb"),
        (
            *("aac", "ac3", "flac", "libopus", "vorbis", "libmp3lame", "mp2", "pcm_s16le", "pcm_s24le", "pcm_f32le"),
            *("alac", "tta", "wavpack", "eac3"),
        ),
        ("subrip", "ass", "webvtt"),
        (),
        (_MS,),
        _MKV_EXTRAS,
        stamps=True,
    ),
    "webm": Container(
        ".webm", ("vp8", "vp9", "av1"), ("libopus", "vorbis"), ("webvtt",), (), (_MS,), ("chapters", "rotation"), True
    ),
    "ts": Container(
        ".ts",
        ("h264", "h264-bframes", "h264-opengop", "hevc", "mpeg2", "mpeg1", "mpeg4"),
        ("aac", "mp2", "ac3", "eac3", "libmp3lame", "libopus"),
        (),
        ("klv", "timed_id3", "bin_data"),
        (_TS,),
        ("second", "aspect"),
        stamps=True,
    ),
    "avi": Container(
        ".avi",
        (
            "mpeg4",
            "mpeg4-bframes",
            "h264",
            "mjpeg",
            "ffv1",
            "huffyuv",
            "ffvhuff",
            "utvideo",
            "rawvideo",
            "raw-rgb",
            "raw555",
            "msmpeg4",
            "png",
            "magicyuv",
        ),
        ("libmp3lame", "pcm_s16le", "ac3", "mp2", "pcm_alaw", "adpcm_ms", "wmav2", "aac"),
        extras=("second", "aspect"),
    ),
    "flv": Container(".flv", ("flv1", "h264", "h264-bframes"), ("aac", "libmp3lame"), bases=(_MS,), stamps=True),
    "nut": Container(
        ".nut",
        ("mpeg4", "ffv1", "rawvideo", "h264-bframes", "ffvhuff", "mjpeg"),
        ("pcm_s16le", "vorbis", "flac", "libmp3lame", "pcm_f32le"),
        bases=(_MS, _TS, Fraction(1, 25_000)),
        extras=("chapters", "second"),
    ),
    "wmv": Container(
        ".wmv",
        ("wmv2", "msmpeg4", "mpeg4"),
        ("wmav2", "wmav1", "pcm_s16le"),
        bases=(_MS,),
        extras=("chapters", "aspect"),
    ),
    "mpg": Container(".mpg", ("mpeg1", "mpeg2"), ("mp2", "ac3"), bases=(_TS,), extras=("aspect",)),
    "mxf": Container(".mxf", ("mpeg2",), ("pcm_s16le", "pcm_s24le")),
    "gif": Container(".gif", ("gif",), bases=(Fraction(1, 100),)),
}
