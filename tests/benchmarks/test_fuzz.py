"""The fuzz run: that it repeats itself, that it finds what it looks for, and a short form of it."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fuzz import GROWTH, WARM_UP, Case, Fuzzed, Outcome, cases, fuzz, growth, judge, main
from mutations import NAMES, PAIRS, mutate, write_clip

from pipeline.engines.load import load_engine
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from network.planes import PlaneBatch
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine

pytestmark = pytest.mark.timeout(280)
PAIR = "mkv-ffv1"


@pytest.fixture(scope="module")
def identity() -> Engine:
    return load_engine("openvino", "identity", threads=1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    write_clip(path, PAIRS[PAIR])
    return path


def test_every_pair_meets_every_mutation() -> None:
    pairs = sorted(PAIRS)
    found = cases(len(pairs) * len(NAMES), 1, pairs)
    assert {(case.pair, case.mutation) for case in found} == {(pair, name) for pair in pairs for name in NAMES}
    assert found == cases(len(found), 1, pairs) != cases(len(found), 2, pairs)


@pytest.mark.parametrize("name", NAMES)
def test_a_mutation_depends_on_its_seed_alone(name: str, clip: Path, tmp_path: Path) -> None:
    written = []
    for seed in ("1/5", "1/5", "1/6"):
        output = tmp_path / f"broken{len(written)}.mkv"
        mutate(clip, output, name, random.Random(seed))  # noqa: S311 - repeatable on purpose
        written.append(output.read_bytes())
    assert written[0] == written[1]
    assert clip.read_bytes() != written[0] != written[2]


def test_a_whole_clip_is_found_to_be_whole(clip: Path, tmp_path: Path, identity: Engine) -> None:
    outcome = judge(Case(0, PAIR, "none"), clip, tmp_path / "out.mkv", identity)
    assert (outcome.ending, outcome.plain, outcome.frames, outcome.faults) == ("whole", 24, 24, ())


class FaultyEngine(CopyingEngine):
    """Changes the first sample."""

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        super().run(batch, out, windows)
        out.planes[0].flat[0] ^= 1


def crash(_batch: int) -> None:
    """Fails as no engine may."""
    raise ZeroDivisionError


def test_other_frames_and_tracebacks_are_found(clip: Path, tmp_path: Path) -> None:
    case = Case(0, PAIR, "none")
    changed = judge(case, clip, tmp_path / "out.mkv", FaultyEngine())
    assert changed.faults == ("24 frames of a plain decode are not in the output",)
    crashed = judge(case, clip, tmp_path / "out.mkv", CopyingEngine(before=crash))
    assert crashed.ending == "crash"
    assert "ZeroDivisionError" in crashed.faults[0]


def test_growing_memory_is_found() -> None:
    warm = [10**9] * WARM_UP
    steady = [10**8 + number % 7 for number in range(50)]
    assert growth(warm + steady) < 10
    assert growth(warm + [10**8 + number * 10**6 for number in range(50)]) == 40 * 10**6
    assert growth(warm) == 0
    outcome = Outcome(Case(0, PAIR, "truncate"), "whole")
    assert Fuzzed([outcome], GROWTH).faults == []
    assert len(Fuzzed([replace(outcome, faults=("one",))], GROWTH + 1).faults) == 2


def test_a_hang_is_found_and_costs_one_clip() -> None:
    done = fuzz(cases(1, 1, [PAIR]), 1, 1, 0.001)
    assert [outcome.ending for outcome in done.outcomes] == ["hang"]
    assert len(done.faults) == 1


@pytest.mark.slow
def test_the_short_form_finds_nothing(tmp_path: Path) -> None:
    """``DEBLUR_FUZZ_CLIPS`` makes it longer."""
    clips = int(os.environ.get("DEBLUR_FUZZ_CLIPS", "60"))
    assert main(["--clips", str(clips), "--seed", "20", "--json", str(tmp_path / "fuzz.json")]) == 0
    assert '"faults": []' in (tmp_path / "fuzz.json").read_text()
