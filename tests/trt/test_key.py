"""One changed field makes another engine, and is named."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from trt.key import WORDS, EngineKey

KEY = EngineKey(
    network="idc-video",
    network_digest="1" * 64,
    architecture_digest="2" * 64,
    gpu_name="NVIDIA RTX 4090",
    compute_capability="8.9",
    driver="580.95.05",
    cuda="13.0",
    tensorrt="tensorrt 11.1.0",
    torch_tensorrt="2.14.0",
    torch="2.14.1",
    precision="fp16",
    layout="yuv420p 8 bits bt709 limited range",
    width=1280,
    height=720,
    batch=1,
    window="1,1",
    settings="strength 1.0, optimization level None, workspace 0",
)
FIELDS = [field.name for field in fields(EngineKey)]


def changed(name: str) -> EngineKey:
    value = getattr(KEY, name)
    return EngineKey.from_json({**KEY.to_json(), name: value + 1 if isinstance(value, int) else f"{value} other"})


@pytest.mark.parametrize("name", FIELDS)
def test_one_changed_field_makes_another_digest(name: str) -> None:
    assert changed(name).digest != KEY.digest


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_field_is_named_and_no_other(name: str) -> None:
    (difference,) = changed(name).differences(KEY)
    assert difference.startswith(WORDS[name])
    assert KEY.differences(replace(KEY)) == ()


def test_a_difference_tells_what_was_and_what_is() -> None:
    (difference,) = replace(KEY, driver="581.1").differences(KEY)
    assert difference == "the driver was 580.95.05 and is 581.1"
    (difference,) = replace(KEY, network_digest="a" * 64).differences(KEY)
    assert difference == "the weights' digest was 111111111111... and is aaaaaaaaaaaa..."


def test_a_key_comes_back_from_json() -> None:
    assert EngineKey.from_json(KEY.to_json()) == KEY


@pytest.mark.parametrize(
    "values", [{}, {"network": "x"}, {**KEY.to_json(), "extra": 1}, {**KEY.to_json(), "width": "1"}]
)
def test_json_that_is_no_key_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fields"):
        EngineKey.from_json(values)
