"""Makes files as odd as they come, and shows that what is lost on their way through the program is named.

    python benchmarks/odd_files.py --files 1000 --seed 1 --workers 2 --json docs/results/data/odd_files.json

Each file mixes containers, codecs, pixel formats, time stamps (variable, late, negative, wrapped, repeated, missing),
side data, several sounds, subtitles, data, attachments, covers, tags and dispositions. It goes through the pipeline of
``deblur video`` with the network ``identity``, and PyAV alone reads input and output. What differs has to be named by a
note of its kind, or the file has to be refused before the work starts. All else is a fault.
A file depends on the seed and its number alone: ``--only NUMBER`` repeats one, and ``--keep FOLDER`` keeps those with
faults, with their outputs.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av.error
from measure import table
from odd_comparing import compare
from odd_containers import CONTAINERS
from odd_reading import read
from odd_recipes import Recipe, recipe
from odd_writing import write_odd_file

from network.files import write_json
from pipeline.engines.load import load_engine
from pipeline.errors import DeblurError, InputError
from pipeline.job import SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.progress import SilentDisplay
from pipeline.system.machine import describe
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.notes import Note
    from pipeline.runner.protocols import Engine

SEGMENT = 0.4
"""Seconds of a segment, where the work is done in segments."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one odd file.

    Attributes:
        recipe: What is in the file.
        ending: ``whole`` (nothing is lost), ``named`` (a note names what is lost), ``refused``, or ``fault``.
        notes: Codes of the notes.
        message: Why it was refused.
        faults: Area and text of each difference without a note.
    """

    recipe: Recipe
    ending: str
    notes: tuple[str, ...] = ()
    message: str = ""
    faults: tuple[tuple[str, str], ...] = ()


class _Watch(SilentDisplay):
    """Remembers whether the work has begun."""

    begun = False

    def begin(self, name: str, expected: int | None, notes: Sequence[Note]) -> None:
        """Records the beginning."""
        self.begun = True
        super().begin(name, expected, notes)


def judge(made: Recipe, seed: int, folder: Path, engine: Engine) -> Outcome:
    """Writes the file of a recipe, sends it through the pipeline, and compares.

    Args:
        made: The recipe.
        seed: Seed of the run.
        folder: Folder for input and output.
        engine: Engine that returns frames as they are.
    """
    source = folder / f"{made.number}{CONTAINERS[made.container].suffix}"
    output = folder / f"{made.number}.out{made.output}"
    write_odd_file(source, made, seed)
    return judge_file(made, source, output, engine)


def judge_file(made: Recipe, source: Path, output: Path, engine: Engine) -> Outcome:
    """Sends a file through the pipeline and compares.

    Args:
        made: The recipe of the file.
        source: The file.
        output: Path of the output.
        engine: Engine that returns frames as they are.
    """
    try:
        given = read(source)
    except (av.error.FFmpegError, ValueError) as error:
        return Outcome(made, "fault", (), "", (("generator", f"the input can't be read: {error}"),))
    watch = _Watch()
    job = VideoJob(
        source,
        output,
        SourceOptions(deinterlace=made.interlaced),
        SinkOptions(codec=made.codec, crf=made.crf),
        segments=SegmentOptions(SEGMENT, always=True) if made.segments else None,
    )
    try:
        report = deblur_video(job, lambda: engine, watch)
    except DeblurError as error:
        message = str(error).replace(str(source), "IN").replace(str(output), "OUT")
        faults = []
        if watch.begun:
            faults.append(("late error", message))
        elif isinstance(error, InputError) and given.pictures:
            faults.append(("input refused", message))
        return Outcome(made, "fault" if faults else "refused", (), message, tuple(faults))
    except Exception:  # noqa: BLE001 - that is what is looked for
        return Outcome(made, "fault", (), "", (("crash", traceback.format_exc()),))
    codes = tuple(sorted({str(note.code) for note in report.notes}))
    try:
        back = read(output)
    except (av.error.FFmpegError, ValueError) as error:
        if NoteCode.OUTPUT_UNREADABLE in codes:
            return Outcome(made, "named", codes)
        return Outcome(made, "fault", codes, "", (("unreadable", f"the output can't be read: {error}"),))
    faults = compare(given, back, report.notes, made)
    if report.damage:
        faults.append(("damage", f"damage that is none: {report.damage}"))
    ending = "fault" if faults else "named" if report.notes else "whole"
    return Outcome(made, ending, codes, "", tuple(faults))


def _work(seed: int, numbers: Sequence[int], keep: Path | None) -> list[Outcome]:
    """Judges some files, in a process of its own."""
    engine = load_engine("openvino", "identity", threads=1)
    found = []
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="odd-") as name:
            folder = Path(name)
            outcome = judge(recipe(seed, number), seed, folder, engine)
            if outcome.faults and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                for path in folder.iterdir():
                    if path.is_file():
                        shutil.copy(path, keep / path.name)
        found.append(outcome)
    return found


def judge_all(seed: int, numbers: Sequence[int], workers: int = 1, keep: Path | None = None) -> list[Outcome]:
    """Judges files in a pool of processes; 1 judges them here.

    Args:
        seed: Seed of the run.
        numbers: Numbers of the files.
        workers: Number of processes.
        keep: Folder for files with faults and their outputs; None keeps none.
    """
    if workers == 1:
        return _work(seed, numbers, keep)
    parts = [numbers[place : place + 10] for place in range(0, len(numbers), 10)]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = [pool.submit(_work, seed, part, keep) for part in parts]
        return [outcome for job in jobs for outcome in job.result()]


HEAD = ("files", "whole", "named by notes", "refused", "differ without a note")


def rows(outcomes: Sequence[Outcome], attribute: str) -> Iterator[tuple[str, ...]]:
    """A row of counts for each container or output, and one for all."""
    names = sorted({str(getattr(outcome.recipe, attribute)) for outcome in outcomes})
    for name in (*names, "all"):
        some = [one for one in outcomes if name in ("all", str(getattr(one.recipe, attribute)))]
        endings = Counter(outcome.ending for outcome in some)
        yield (name, str(len(some)), *(str(endings[ending]) for ending in ("whole", "named", "refused", "fault")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script; 1 if anything differs without a note."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of files to repeat")
    parser.add_argument("--keep", type=Path, help="folder for files with faults, and their outputs")
    parser.add_argument("--json", type=Path, help="file for the counts")
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    outcomes = judge_all(given.seed, given.only or list(range(given.files)), given.workers, given.keep)
    seconds = time.perf_counter() - started
    faulty = [outcome for outcome in outcomes if outcome.faults]
    for outcome in faulty:
        print(f"{outcome.recipe.number}: {outcome.recipe}")
        for area, text in outcome.faults:
            print(f"    {area}: {text}")
    for attribute, word in (("container", "input"), ("output", "output")):
        print(table([(word, *HEAD), *rows(outcomes, attribute)]))
    areas = Counter(area for outcome in faulty for area in {area for area, _ in outcome.faults})
    print(table([("area", "files"), *((area, str(count)) for area, count in areas.most_common())]))
    refusals = Counter(outcome.message for outcome in outcomes if outcome.ending == "refused")
    if given.json:
        found = {
            "machine": describe(),
            "arguments": {"files": given.files, "seed": given.seed},
            "head": HEAD,
            "inputs": list(rows(outcomes, "container")),
            "outputs": list(rows(outcomes, "output")),
            "notes": Counter(code for outcome in outcomes for code in outcome.notes),
            "refusals": dict(refusals.most_common()),
            "areas": areas,
            "faults": [
                {"number": outcome.recipe.number, "recipe": str(outcome.recipe), "faults": outcome.faults}
                for outcome in faulty
            ],
        }
        write_json(given.json, found)
    print(f"{len(faulty)} of {len(outcomes)} files differ without a note; {seconds / len(outcomes):.2f} s a file")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
