"""Time stamps that a muxer accepts."""

from fractions import Fraction

import pytest

from pipeline.media.timestamps import Timeline


@pytest.mark.parametrize(
    ("stamps", "wanted", "repaired", "jumps"),
    [
        ([0, 40, 80], [0, 40, 80], 0, 0),
        ([5, 7, 1000], [5, 7, 1000], 0, 0),
        ([-3, -2, 0], [-3, -2, 0], 0, 0),
        ([0, 0, 0, 40], [0, 1, 2, 40], 2, 0),
        ([0, 40, 39, 80], [0, 40, 41, 80], 1, 0),
        ([None, None, 80], [0, 40, 80], 2, 0),
        ([0, 40, None, 120], [0, 40, 80, 120], 1, 0),
        ([5000, 5040, 0, 40], [5000, 5040, 5080, 5120], 0, 1),
    ],
)
def test_stamps_are_changed_as_little_as_possible(
    stamps: list[int | None], wanted: list[int], repaired: int, jumps: int
) -> None:
    timeline = Timeline(40, jump=1000)
    assert [timeline.place(stamp) for stamp in stamps] == wanted
    assert (timeline.repaired, timeline.jumps) == (repaired, jumps)


def test_a_missing_stamp_takes_the_fallback_where_it_fits() -> None:
    timeline = Timeline(40, jump=1000)
    assert [timeline.place(None, 10), timeline.place(None, 50), timeline.place(None, 50)] == [10, 50, 90]


def test_a_missing_stamp_follows_the_duration() -> None:
    timeline = Timeline(40, jump=1000)
    assert [timeline.place(0, duration=25), timeline.place(None), timeline.place(None, duration=10)] == [0, 25, 50]


def test_a_leap_is_seen_and_what_goes_on_is_told_from_it() -> None:
    timeline = Timeline(40, jump=1000)
    assert not timeline.leaps(10**9)  # nothing to leap from
    assert [timeline.place(stamp) for stamp in (0, 40)] == [0, 40]
    assert timeline.leaps(5000)
    assert timeline.leaps(-5000)
    assert not timeline.leaps(1040)
    assert not timeline.leaps(None)
    assert timeline.continues(80)
    assert not any(timeline.continues(stamp) for stamp in (40, 1041, 5040, None))


def test_missing_stamps_before_the_first_known_one_are_counted_back() -> None:
    timeline = Timeline(33, jump=1000)
    timeline.count_back(3, 10, Fraction(1001, 30))
    assert [timeline.place(stamp) for stamp in (None, None, None, 10, 43)] == [-90, -57, -23, 10, 43]
    assert (timeline.repaired, timeline.jumps) == (3, 0)


def test_fewer_frames_than_were_counted_back_do_not_go_back() -> None:
    timeline = Timeline(40, jump=1000)
    timeline.count_back(3, 0, Fraction(40))
    assert [timeline.place(stamp) for stamp in (None, 0, None, 80)] == [-120, 0, 40, 80]


def test_a_stride_is_told_from_a_usual_step() -> None:
    timeline = Timeline(40, jump=1000)
    assert not timeline.strides(500)
    assert timeline.midway(500) is None
    assert [timeline.place(stamp) for stamp in (0, 40)] == [0, 40]
    assert timeline.strides(121)
    assert not any(timeline.strides(stamp) for stamp in (120, 0, None))
    assert timeline.midway(120) == 80
