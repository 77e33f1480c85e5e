"""The shipped network does no harm around lamps at night."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import lamps
import numpy as np
import pytest

from network import catalogue

PHOTOS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "eval" / "photos"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lamps_and_their_trails_do_not_ring() -> None:
    if not PHOTOS.is_dir():
        pytest.skip("the evaluation photographs are not beside this checkout")
    weights = catalogue.weights_file(catalogue.DEFAULT)
    assert weights is not None
    found = lamps.measure(PHOTOS, weights, pairs=12, size=256)
    assert len(found) >= 6
    assert fmean(each.gain_at_lamps for each in found) > 0.2
    # Codes of 255, of which nobody sees so few beside a lamp.
    assert max(each.darker for each in found) <= 6
    assert max(each.brighter for each in found) <= 6


def test_ringing_is_seen_where_there_is_some() -> None:
    sharp = np.full((64, 64, 3), 30, np.uint8)
    sharp[30:34, 30:34] = 255
    blurred = sharp.copy()
    blurred[30:34, 20:44] = 120
    blurred[32, 31:33] = 255
    ringing = sharp.copy()
    ringing[24:28, 24:40] = 5
    calm, rings = lamps.judge(blurred, sharp, sharp), lamps.judge(blurred, ringing, sharp)
    assert calm is not None
    assert rings is not None
    assert (calm.darker, calm.brighter) == (0, 0)
    assert rings.darker == 25
    assert calm.gain_at_lamps > rings.gain_at_lamps
    assert lamps.judge(sharp // 2, sharp, sharp) is None
