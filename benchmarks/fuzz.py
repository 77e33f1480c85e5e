"""Breaks clips in thousands of ways, and shows that nothing but the damage is lost.

    python benchmarks/fuzz.py --clips 2400 --seed 1 --workers 2 --json docs/results/data/fuzz.json

Every mutated clip goes through the pipeline of `deblur video` with the network `identity` and a lossless codec, and
through a plain loop of PyAV. Checked for each: it ends in time; it ends well or with one of the documented errors;
the output is readable, holds as many frames as the report says, and no fewer than the plain loop decodes; where no
damage is reported, those very frames, sample by sample (but for those of another size than the first).
For all: the memory of the processes does not grow. A clip's mutation depends on the seed and its number alone:
`--only NUMBER` repeats one, and `--keep FOLDER` keeps the clips that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import threading
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from measure import table
from mutations import NAMES, PAIRS, mutate, write_clip

from network.files import write_json
from pipeline.engines.load import load_engine
from pipeline.errors import DeblurError
from pipeline.job import SinkOptions, SourceOptions, VideoJob
from pipeline.media.frames import plane_rows
from pipeline.media.pyav18 import open_media
from pipeline.system.machine import describe
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from pipeline.runner.protocols import Engine

GROWTH = 64 << 20
"""Bytes by which the memory of a process may grow over all its clips: what the allocator keeps, and one engine."""

WARM_UP = 20
"""Clips of a process before its memory is compared: libraries are loaded, and every kind of clip was there."""

INTERLACED = "--deinterlace"


@dataclass(frozen=True)
class Case:
    """One mutated clip.

    Attributes:
        number: Number of the clip in the run.
        pair: Container and codec, a key of ``mutations.PAIRS``.
        mutation: Name of the mutation, one of ``mutations.NAMES``.
    """

    number: int
    pair: str
    mutation: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of one mutated clip.

    Attributes:
        case: The mutated clip.
        ending: Kind of end: ``whole``, ``damaged`` (an output, and the damage reported), or the error's class.
        message: Message of the error.
        plain: Number of frames of a plain decode.
        frames: Number of frames of the output.
        faults: Faults that were found, a line each.
        memory: Resident bytes of the process afterwards; 0 where the system does not tell.
    """

    case: Case
    ending: str
    message: str = ""
    plain: int = 0
    frames: int = 0
    faults: tuple[str, ...] = ()
    memory: int = 0


def cases(count: int, seed: int, pairs: Sequence[str]) -> list[Case]:
    """The clips of a run, in rounds in which every pair meets every mutation once, each in a random order."""
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    grid = [(pair, mutation) for pair in pairs for mutation in NAMES]
    found: list[Case] = []
    while len(found) < count:
        rng.shuffle(grid)
        found += [Case(len(found) + place, *names) for place, names in enumerate(grid)]
    return found[:count]


def plain_decode(path: Path, *, reuse: bool = True) -> list[str]:
    """Size and digest of every frame that a plain loop of PyAV decodes from a file; faulty packets are passed over.

    Args:
        path: Path of the file.
        reuse: Whether to free each frame, so that a later one gets its memory; else every frame gets memory of its own.
    """
    frames: list[av.VideoFrame] = []
    found: list[str] = []
    with (
        contextlib.suppress(av.error.FFmpegError, ValueError, OSError),
        open_media(str(path)) as container,
    ):
        video = container.streams.best("video")
        if not isinstance(video, av.VideoStream) or video.codec_context is None:
            return []
        for packet in container.demux(video):
            with contextlib.suppress(av.error.FFmpegError):
                decoded = packet.decode()
                found += [f"{frame.width}x{frame.height} {digest(frame)}" for frame in decoded]
                if not reuse:
                    frames += decoded
    return found


def digest(frame: av.VideoFrame) -> str:
    """Digest of the samples of a frame."""
    return hashlib.sha256(b"".join(plane_rows(frame, i).tobytes() for i in range(len(frame.planes)))).hexdigest()


def judge(case: Case, clip: Path, output: Path, engine: Engine) -> Outcome:
    """Sends one clip through the pipeline and compares the result with a plain decode.

    Args:
        case: The mutated clip.
        clip: Path of the clip.
        output: Path of the output, which is written and deleted.
        engine: Engine that returns frames as they are.
    """
    plain = plain_decode(clip)
    for deinterlace in (False, True):
        job = VideoJob(
            clip, output, SourceOptions(deinterlace=deinterlace), SinkOptions(codec="ffv1", format="matroska")
        )
        try:
            report = deblur_video(job, lambda: engine)
        except DeblurError as error:
            message = str(error)
            if INTERLACED in message and not deinterlace:
                continue  # a bit that is flipped makes a progressive stream an interlaced one, which is refused
            faults = [] if "\n" not in message else [f"a message of several lines: {message!r}"]
            if plain:
                faults.append(f"no output, but a plain decode gives {len(plain)} frames")
            return Outcome(case, type(error).__name__, message, len(plain), 0, tuple(faults))
        except Exception:  # noqa: BLE001 - that is what is looked for
            return Outcome(case, "crash", "", len(plain), 0, (traceback.format_exc(),))
        break
    written = plain_decode(output)
    output.unlink()
    faults = []
    if len(written) < len(plain):
        faults.append(f"{len(written)} frames in the output, but a plain decode gives {len(plain)}")
    if len(written) != report.result.frames_out:
        faults.append(f"{len(written)} frames in the output, but the report says {report.result.frames_out}")
    # What a decoder leaves out of a damaged frame shows what was in its memory before: such frames can't be compared.
    sure = Counter(plain) & Counter(plain_decode(clip, reuse=False))
    missing = Counter({frame: count for frame, count in sure.items() if frame.split()[0] == written[0].split()[0]})
    missing -= Counter(written)
    if missing and not report.damage and not deinterlace:
        faults.append(f"{missing.total()} frames of a plain decode are not in the output")
    return Outcome(case, "damaged" if report.damage else "whole", "", len(plain), len(written), tuple(faults))


def work(connection: Connection, clips: Path, folder: Path, seed: int) -> None:
    """Judges the cases that come through a pipe. Runs in a process of its own.

    Args:
        connection: Pipe that brings cases and takes their outcomes.
        clips: Folder of the whole clips.
        folder: Folder for this process alone.
        seed: Seed of the run.
    """
    engine = load_engine("openvino", "identity", threads=1)
    with contextlib.suppress(EOFError):
        while True:
            case = Case(**connection.recv())
            clip = folder / f"clip{PAIRS[case.pair].suffix}"
            rng = random.Random(f"{seed}/{case.number}")  # noqa: S311 - repeatable on purpose
            mutate(clips / f"{case.pair}{clip.suffix}", clip, case.mutation, rng)
            outcome = judge(case, clip, folder / "output.mkv", engine)
            connection.send({**asdict(outcome), "memory": resident_bytes()})


def resident_bytes() -> int:
    """Memory of this process in bytes, on Linux; else 0."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.is_file() else 0


class Worker:
    """A process that judges one case after the other, and is replaced when it hangs or dies."""

    def __init__(self, clips: Path, seed: int, timeout: float, keep: Path | None) -> None:
        self._clips, self._seed, self._timeout, self._keep = clips, seed, timeout, keep
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._process: Any = None
        self._connection: Any = None
        self.memory: list[list[int]] = []

    def judge(self, case: Case) -> Outcome:
        """The outcome of a case; a hang and the death of the process are outcomes as well."""
        if self._process is None:
            self._start()
        self._connection.send(asdict(case))
        try:
            if not self._connection.poll(self._timeout):
                outcome = Outcome(case, "hang", faults=(f"no end after {self._timeout:g} s",))
                self._stop()
            else:
                said = self._connection.recv()
                outcome = Outcome(**{**said, "case": case, "faults": tuple(said["faults"])})
                self.memory[-1].append(outcome.memory)
        except (EOFError, OSError):
            self._process.join()
            outcome = Outcome(case, "death", faults=(f"the process died (exit code {self._process.exitcode})",))
            self._stop()
        if outcome.faults and self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            clip = self._folder / f"clip{PAIRS[case.pair].suffix}"
            shutil.copy(clip, self._keep / f"{case.number}-{case.pair}-{case.mutation}{clip.suffix}")
        return outcome

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._clips, self._folder, self._seed)
        self._process = context.Process(target=work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.memory.append([])

    def _stop(self) -> None:
        self._connection.close()
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None


def growth(memory: Sequence[int]) -> int:
    """Bytes by which the memory of a process grew: the median of its last fifth over that of its first."""
    settled = memory[WARM_UP:]
    part = len(settled) // 5
    if part < 1 or not all(settled):
        return 0
    return round(statistics.median(settled[-part:]) - statistics.median(settled[:part]))


def fuzz(todo: Sequence[Case], seed: int, workers: int, timeout: float, keep: Path | None = None) -> Fuzzed:
    """Judges all cases in a pool of processes.

    Args:
        todo: The cases.
        seed: Seed of the run.
        workers: Number of processes at a time.
        timeout: Most seconds for one clip.
        keep: Folder for clips that fail; None keeps none.
    """
    outcomes: list[Outcome] = []
    memory: list[list[int]] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-clips-") as folder:
        for name in sorted({case.pair for case in todo}):
            write_clip(Path(folder) / f"{name}{PAIRS[name].suffix}", PAIRS[name])
        rest = iter(todo)
        lock = threading.Lock()

        def drive() -> None:
            worker = Worker(Path(folder), seed, timeout, keep)
            try:
                while True:
                    with lock:
                        case = next(rest, None)
                    if case is None:
                        return
                    outcome = worker.judge(case)
                    with lock:
                        outcomes.append(outcome)
                        _show(outcome, len(outcomes), len(todo))
            finally:
                memory.extend(worker.memory)
                worker.close()

        threads = [threading.Thread(target=drive) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return Fuzzed(outcomes, max(map(growth, memory), default=0))


def _show(outcome: Outcome, done: int, total: int) -> None:
    for fault in outcome.faults:
        print(f"FAULT {outcome.case}: {fault}", flush=True)
    if done % 100 == 0:
        print(f"{done} of {total}", flush=True)


@dataclass(frozen=True)
class Fuzzed:
    """The outcomes of a run.

    Attributes:
        outcomes: Outcomes of all clips.
        growth: Greatest growth of a process's memory, in bytes.
    """

    outcomes: list[Outcome]
    growth: int

    @property
    def faults(self) -> list[str]:
        """Faults of the run, a line each."""
        lines = [f"{outcome.case}: {fault}" for outcome in self.outcomes for fault in outcome.faults]
        if self.growth > GROWTH:
            lines.append(f"the memory of a process grew by {self.growth} bytes")
        return lines

    def rows(self, attribute: str) -> Iterator[tuple[str, ...]]:
        """A row of counts for each pair or mutation, and one for all."""
        names = sorted({getattr(outcome.case, attribute) for outcome in self.outcomes})
        for name in (*names, "all"):
            some = [outcome for outcome in self.outcomes if name in ("all", getattr(outcome.case, attribute))]
            endings = Counter(outcome.ending for outcome in some)
            refused = len(some) - endings["whole"] - endings["damaged"]
            yield (
                name,
                str(len(some)),
                str(endings["whole"]),
                str(endings["damaged"]),
                str(refused),
                str(sum(outcome.plain for outcome in some)),
                str(sum(outcome.frames for outcome in some)),
                str(sum(bool(outcome.faults) for outcome in some)),
            )


HEAD = ("clips", "whole", "damaged", "refused", "frames of a plain decode", "frames of the output", "faults")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=120, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one clip")
    parser.add_argument("--pairs", nargs="+", choices=sorted(PAIRS), default=sorted(PAIRS))
    parser.add_argument("--only", type=int, nargs="+", help="numbers of clips to repeat")
    parser.add_argument("--keep", type=Path, help="folder for the clips that fail")
    parser.add_argument("--json", type=Path, help="file for the counts")
    given = parser.parse_args(arguments)
    todo = [case for case in cases(given.clips, given.seed, given.pairs) if not given.only or case.number in given.only]
    done = fuzz(todo, given.seed, given.workers, given.timeout, given.keep)
    for attribute in ("pair", "mutation"):
        print(table([(attribute, *HEAD), *done.rows(attribute)]))
    print(f"memory grew by {done.growth / 2**20:.1f} MiB in a process at most")
    if given.json:
        found = {
            "machine": describe(),
            "arguments": {"clips": given.clips, "seed": given.seed, "pairs": given.pairs},
            "head": HEAD,
            "pairs": list(done.rows("pair")),
            "mutations": list(done.rows("mutation")),
            "memory_growth_bytes": done.growth,
            "faults": done.faults,
        }
        write_json(given.json, found)
    print(f"{len(done.faults)} faults in {len(done.outcomes)} clips")
    return 1 if done.faults else 0


if __name__ == "__main__":
    sys.exit(main())
