"""What is said where a library, a device or a driver is missing, and what importing must not do."""

from __future__ import annotations

import io
import logging
from importlib.util import find_spec

import pytest
import torch

from trt.errors import MissingError
from trt.library import NOISY, driver_version, environment, errors_logged, reason, require_cuda, torch_tensorrt

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@pytest.mark.skipif(find_spec("torch_tensorrt") is not None, reason="Torch-TensorRT is installed")
def test_without_torch_tensorrt_the_extra_is_named() -> None:
    with pytest.raises(MissingError, match=r"deblur-stream\[trt\]"):
        torch_tensorrt()


@without_gpu
def test_without_a_device_it_is_said_in_one_line() -> None:
    for ask in (require_cuda, environment):
        with pytest.raises(MissingError, match="no CUDA device") as caught:
            ask()
        assert "\n" not in str(caught.value)


@without_gpu
def test_without_a_driver_it_is_said_in_one_line() -> None:
    with pytest.raises(MissingError, match=r"nvidia-ml-py|does not answer"):
        driver_version()


def test_a_processor_is_no_device_for_engines() -> None:
    with pytest.raises(MissingError, match="not on cpu"):
        require_cuda("cpu")


def test_what_libraries_log_is_kept_and_not_shown() -> None:
    logger = logging.getLogger(NOISY[1])
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logging.getLogger().addHandler(handler)
    try:
        with errors_logged() as messages:
            logger.error("Error Code 2: out of memory")
            logger.warning("not kept")
            logging.getLogger("torch_tensorrt.dynamo").error("a whole graph")
        assert messages == ["Error Code 2: out of memory", "a whole graph"]
        logger.error("shown again")
        assert "shown again" in shown.getvalue()
        assert "graph" not in shown.getvalue()
    finally:
        logging.getLogger().removeHandler(handler)


def test_the_reason_is_the_innermost_first_line() -> None:
    outside = RuntimeError("outside")
    outside.__cause__ = ValueError("\n the cause\nand more")
    assert reason(outside) == "the cause"
    assert reason(KeyError()) == "KeyError"


@pytest.mark.gpu
def test_a_gpu_says_what_it_is() -> None:
    facts = environment()
    assert facts.gpu_name
    assert float(facts.compute_capability) >= 7.5
    assert facts.driver.split(".")[0].isdecimal()
    assert facts.tensorrt.split()[0] in {"tensorrt", "tensorrt_rtx"}
