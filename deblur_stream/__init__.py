"""Deblurs video: files, frames and arrays. Also the home of the command ``deblur`` (``python -m deblur_stream``).

Example::

    import deblur_stream

    report = deblur_stream.deblur_video("in.mp4", "out.mp4", overwrite=True)

    deblurrer = deblur_stream.Deblurrer()
    with deblur_stream.open_video("in.mp4", start=10, duration=5) as video:
        for frame in deblurrer.frames(video):
            print(frame.time, frame.rgb.shape)

    sharp = deblurrer(image)  # uint8 or uint16, (H, W, 3), (N, H, W, 3) or (H, W)

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
    from pipeline.api.deblurrer import Deblurrer
    from pipeline.api.files import Progress, deblur_video
    from pipeline.api.frame import Frame
    from pipeline.api.video import Video, VideoInfo, open_video
    from pipeline.errors import (
        Cancelled,
        DamagedInputError,
        DeblurError,
        EngineError,
        InputError,
        LimitError,
        OutputError,
        UsageError,
    )
    from pipeline.job import Acceleration, Isolation, Limits
    from pipeline.notes import Note, NoteCode
    from pipeline.report import Damage, Report
    from pipeline.runner.protocols import Engine, EngineInfo

    __version__: str
else:
    _HOMES = {
        "network.planes": ("Layout", "Matrix", "PlaneBatch", "PlaneSpec"),
        "pipeline.api.deblurrer": ("Deblurrer",),
        "pipeline.api.files": ("Progress", "deblur_video"),
        "pipeline.api.frame": ("Frame",),
        "pipeline.api.video": ("Video", "VideoInfo", "open_video"),
        "pipeline.errors": (
            "Cancelled",
            "DamagedInputError",
            "DeblurError",
            "EngineError",
            "InputError",
            "LimitError",
            "OutputError",
            "UsageError",
        ),
        "pipeline.job": ("Acceleration", "Isolation", "Limits"),
        "pipeline.notes": ("Note", "NoteCode"),
        "pipeline.report": ("Damage", "Report"),
        "pipeline.runner.protocols": ("Engine", "EngineInfo"),
    }

    def __getattr__(name: str) -> object:
        """Loads a public name (PEP 562).

        Raises:
            AttributeError: If there is no such name.
            HiddenPackageError: If another module hides a package of this program; an :class:`ImportError`.
        """
        home = next((module for module, names in _HOMES.items() if name in names), None)
        if home is None and name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if home is None:
            from importlib.metadata import version

            value = version("deblur-stream")
        else:
            from importlib import import_module

            from deblur_stream.own_packages import check_own_packages

            check_own_packages()
            value = getattr(import_module(home), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Acceleration",
    "Cancelled",
    "Damage",
    "DamagedInputError",
    "DeblurError",
    "Deblurrer",
    "Engine",
    "EngineError",
    "EngineInfo",
    "Frame",
    "InputError",
    "Isolation",
    "Layout",
    "LimitError",
    "Limits",
    "Matrix",
    "Note",
    "NoteCode",
    "OutputError",
    "PlaneBatch",
    "PlaneSpec",
    "Progress",
    "Report",
    "UsageError",
    "Video",
    "VideoInfo",
    "__version__",
    "deblur_video",
    "open_video",
]
