"""What a job says of itself."""

from __future__ import annotations

from pipeline.job import segment_settings


def test_work_of_another_scale_does_not_count_and_work_of_before_there_was_one_does() -> None:
    whole = segment_settings(1.0, keep_text=False)
    assert whole == (("strength", "1"), ("keep_text", "False"))
    assert segment_settings(1.0, keep_text=False, scale=1.0) == whole
    assert dict(segment_settings(1.0, keep_text=False, scale=0.5))["scale"] == "0.5"
