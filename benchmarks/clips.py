"""The outcome of every clip of a batch, as a table: frames, streams that came along, and what the notes say.

    deblur batch CLIPS OUT --network identity --report clips.json
    python benchmarks/clips.py clips.json

The report says more; the table is for documents.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def row(video: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """The cells of one clip: name, outcome, frames, streams, remarks."""
    path, run = str(video["input"]), video.get("run") or {}
    frames = run.get("frames")
    # Such as "stream 1 (audio, aac, eng)": what and how is enough.
    streams = [" ".join(stream.split("(", 1)[-1].rstrip(")").split(", ")[:2]) for stream in video["other_streams"]]
    remarks = [video["error"], *(run.get("notes") or ())]
    return (
        Path(path).name,
        str(video["state"]),
        f"{frames['out']} of {frames['in']}" if frames else "",
        ", ".join(streams) if frames else "",
        "; ".join(remark.replace(path, "it") for remark in remarks if remark),
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("report", type=Path, help="written by `deblur batch --report`")
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    rows = [row(video) for video in report["videos"]]
    head = ("clip", "outcome", "frames", "streams beside the video", "told")
    print("\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)))


if __name__ == "__main__":
    main()
