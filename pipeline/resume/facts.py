"""The facts that shape an output: work of an earlier run counts only if all of them are the same.

A fact is stored under an identifier, which never changes with the wording of a message or the spelling of an option.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.system.machine import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.job import VideoJob
    from pipeline.resume.joined_sink import JoinedSink
    from pipeline.resume.segment_file import FileDigest
    from pipeline.runner.protocols import EngineInfo

_SETTING = "setting."

_LIBRARIES = ("deblur-stream", "av", "opencv-python-headless")
"""What makes frames beside the engine, whose own version is in its facts: OpenCV finds the motion."""

_WORDS = {
    "input": "input",
    "versions": "version of this program or its libraries",
    "engine": "engine or network",
    "part": "`start` or `duration`",
    "decoding": "`deinterlace`, `acceleration` or `isolation`",
    "format": "`format`",
    "encoder": "encoder or setting of it",
    "gate": "`gate.sharp` or `gate.duplicates`",
    "segment": "`segments.seconds`",
}


def facts_of(job: VideoJob, content: FileDigest, engine: EngineInfo, batch: int, joined: JoinedSink) -> dict[str, str]:
    """All that shapes the output, by identifier.

    Args:
        job: What to read and to write, with options for segments.
        content: Digest of the input.
        engine: Facts of the engine, its window among them.
        batch: Frames that the engine gets at a time.
        joined: Output, whose encoder is chosen.
    """
    source, sink, plan, options = job.source, job.sink, joined.plan, job.segments
    if options is None:
        raise ValueError("only work in segments is kept")
    header = joined.encoders.header.hex()
    known = versions()
    return {
        "input": content.sha256,
        "versions": json.dumps({name: known.get(name) for name in _LIBRARIES}),
        "engine": json.dumps({**asdict(engine), "batch": batch}),
        "part": json.dumps([source.start, source.duration]),
        "decoding": json.dumps([source.deinterlace, source.acceleration.value, source.isolation is not None]),
        "format": json.dumps([source.format, sink.format]),
        "encoder": json.dumps(
            [sink.codec, sink.crf, sink.preset, sink.bitrate, plan.encoder, plan.pixel_format, header]
        ),
        "gate": json.dumps(asdict(job.gate)),
        "segment": json.dumps(options.seconds),
        **{f"{_SETTING}{name}": value for name, value in options.settings},
    }


def words(names: Iterable[str]) -> str:
    """What a message calls some facts, such as "engine or network and another `format`".

    Args:
        names: Identifiers, as :func:`facts_of` gives them.
    """
    return " and another ".join(_WORDS.get(name, f"`{name.removeprefix(_SETTING)}`") for name in names)
