"""Works a plan off, several videos at a time, none of which stops the others."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from pipeline.batch.plan import Outcome, PlannedState, State
from pipeline.errors import Cancelled, DamagedInputError, DeblurError, OutputError
from pipeline.resume.segment_file import FileDigest
from pipeline.resume.work_folder import discard_work
from pipeline.system.unexpected import explain
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.batch.finished import FinishedOutputs
    from pipeline.batch.plan import Plan, PlannedVideo
    from pipeline.batch.progress import BatchDisplay
    from pipeline.job import VideoJob
    from pipeline.progress import Display
    from pipeline.resume.workers import SegmentWorkers
    from pipeline.runner.protocols import Engine

_POLL = 0.1
"""Seconds after which the main thread finds that all is done. It sleeps in between, from which Ctrl-C wakes it on every
system."""


class BatchScheduler:
    """Works a plan off.

    Attributes:
        outcomes: Outcomes that are known so far, by the place of the video in the plan.
    """

    def __init__(
        self,
        plan: Plan,
        job: Callable[[PlannedVideo], VideoJob],
        load: Callable[[], Engine],
        finished: FinishedOutputs,
        display: BatchDisplay,
        *,
        jobs: int = 1,
        fail_fast: bool = False,
        workers: SegmentWorkers | None = None,
    ) -> None:
        """Prepares the work.

        Args:
            plan: Plan with inputs and outputs.
            job: Function that makes the job of a planned video.
            load: Function that makes an engine. It is called once for each of the ``jobs``.
            finished: Database that records finished outputs.
            display: Display of the progress.
            jobs: Number of videos at a time, at least 1.
            workers: Workers that make the segments, which are only joined here; None to make them here.
            fail_fast: Whether to stop at the first failure. Finished segments of interrupted videos are kept.
        """
        self._plan, self._job, self._load, self._finished, self._display = plan, job, load, finished, display
        self._jobs, self._fail_fast, self._workers = jobs, fail_fast, workers
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.outcomes: dict[int, Outcome] = {}

    def run(self) -> None:
        """Does all videos of the plan.

        Raises:
            KeyboardInterrupt: If the user interrupted; running videos are stopped, and finished segments are kept.
        """
        self._display.begin(self._plan)
        for number, video in enumerate(self._plan.videos):
            if video.state is PlannedState.TODO:
                self._waiting.put(number)
            else:
                if video.state is PlannedState.FINISHED:
                    discard_work(video.output)
                self._note(number, _known(video))
        count = min(self._jobs, len(self._plan.of(PlannedState.TODO)))
        threads = [threading.Thread(target=self._work, name=f"batch-{number}") for number in range(count)]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                time.sleep(_POLL)
        except KeyboardInterrupt:
            self._stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        finally:
            self._display.end()
            for number, video in enumerate(self._plan.videos):
                self.outcomes.setdefault(number, Outcome(video, State.NOT_DONE))

    def _work(self) -> None:
        engine: list[Engine] = []

        def load() -> Engine:
            if not engine:
                engine.append(self._load())
            return engine[0]

        while not self._stop.is_set():
            try:
                number = self._waiting.get_nowait()
            except queue.Empty:
                return
            video = self._plan.videos[number]
            try:
                outcome = self._deblur(video, load, self._display.of(number, video))
            except Exception as error:  # noqa: BLE001 - a bug that one file brings out must not stop the others
                line = f"unexpected error, please report it: {explain(error)}"
                outcome = Outcome(video, State.FAILED, error=line, kind=type(error))
            self._note(number, outcome)

    def _deblur(self, video: PlannedVideo, load: Callable[[], Engine], display: Display) -> Outcome:
        try:
            video.output.parent.mkdir(parents=True, exist_ok=True)
            content = FileDigest.of_all(video.files)
            report = deblur_video(
                self._job(video),
                load,
                display,
                lambda report: self._finished.add(content, video.output, damaged=bool(report.damage)),
                self._workers,
                cancel=self._stop,
            )
        except Cancelled as error:
            return Outcome(video, State.NOT_DONE, error=str(error))
        except DeblurError as error:
            return Outcome(video, State.FAILED, error=str(error), kind=type(error))
        except OSError as error:
            name = error.filename or video.output
            return Outcome(video, State.FAILED, error=f"{name}: {error.strerror or error}", kind=OutputError)
        try:
            report.raise_if_damaged()
        except DamagedInputError as error:
            return Outcome(video, State.DAMAGED, report, str(error), type(error))
        return Outcome(video, State.DONE, report)

    def _note(self, number: int, outcome: Outcome) -> None:
        with self._lock:
            self.outcomes[number] = outcome
        self._display.finished(number, outcome)
        if outcome.state is State.FAILED and self._fail_fast:
            self._stop.set()


def _known(video: PlannedVideo) -> Outcome:
    """The outcome of a video for which there is nothing to do."""
    if video.state is PlannedState.FAILED:
        return Outcome(video, State.FAILED, error=video.reason, kind=video.kind)
    if video.is_damaged:
        return Outcome(video, State.DAMAGED, error="finished before", kind=DamagedInputError)
    return Outcome(video, State.FINISHED)
