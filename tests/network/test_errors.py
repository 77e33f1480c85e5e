"""The tree of errors: one root, and what travels between processes."""

from __future__ import annotations

import pickle

from network.errors import DataError, DeblurError, first_line
from pipeline.errors import LimitError
from trt.errors import CacheError


def test_one_root_catches_the_errors_of_every_package() -> None:
    assert all(issubclass(kind, DeblurError) for kind in (DataError, LimitError, CacheError))


def test_an_error_keeps_its_field_on_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(LimitError("too wide", field="limits.width")))  # noqa: S301 - made here
    assert (type(error), str(error), error.field) == (LimitError, "too wide", "limits.width")


def test_a_kind_of_error_is_found_by_its_name() -> None:
    assert DeblurError.kind("LimitError") is LimitError
    assert DeblurError.kind("CacheError") is CacheError
    assert DeblurError.kind("OSError") is None


def test_an_error_of_others_is_told_in_one_line() -> None:
    assert first_line(RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`")) == (
        "CUDA error: out of memory"
    )
    assert first_line(ValueError("\n  what is wrong \n")) == "what is wrong"
    assert [first_line(error) for error in (OSError(), ValueError(" \n"))] == ["OSError", "ValueError"]
