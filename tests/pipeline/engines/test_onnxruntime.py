"""ONNX Runtime as an opponent computes what the default engine does."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine
from pipeline.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)
needs_it = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="ONNX Runtime is not installed")


def filled(batch: PlaneBatch) -> PlaneBatch:
    random = np.random.default_rng(0)
    for plane in batch.planes:
        plane[...] = random.integers(0, 1 << batch.spec.depth, plane.shape) << batch.spec.code_shift
    return batch


@needs_it
@pytest.mark.parametrize(
    "spec",
    [
        PlaneSpec(66, 51),
        PlaneSpec(66, 50, Layout.NV12, 10),
        PlaneSpec(40, 32, Layout.GRAY),
        PlaneSpec(40, 32, Layout.YUV444P, 12, Matrix.RGB, full_range=True),
    ],
    ids=str,
)
def test_it_agrees_with_openvino(spec: PlaneSpec) -> None:
    ours = load_engine("openvino", threads=1, precision="fp32")
    theirs = load_engine("onnxruntime", threads=1)
    assert isinstance(ours, OpenVinoEngine)
    assert (theirs.info.network, theirs.info.digest) == (ours.info.network, ours.info.digest)
    blurred = filled(ours.buffers(spec, 2))
    results = []
    for engine in (ours, theirs):
        engine.reset()
        results.append(engine.buffers(spec, 2))
        engine.run(blurred, results[-1])
    for one, other in zip(results[0].planes, results[1].planes, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1 << spec.code_shift


@needs_it
def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    engine = load_engine("onnxruntime", "identity")
    first, second = engine.buffers(PlaneSpec(16, 16), 1), engine.buffers(PlaneSpec(18, 16), 1)
    with pytest.raises(EngineError, match="differ"):
        engine.run(first, second)
    with pytest.raises(EngineError, match="at least one frame"):
        engine.buffers(PlaneSpec(16, 16), 0)
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"rubbish")
    with pytest.raises(EngineError, match="can't load"):
        load_engine("onnxruntime", weights=rubbish)
    trained = tmp_path / "weights.safetensors"
    trained.touch()
    with pytest.raises(UsageError, match="reads ONNX"):
        load_engine("onnxruntime", weights=trained)


@pytest.mark.skipif(find_spec("onnxruntime") is not None, reason="ONNX Runtime is installed")
def test_without_it_the_way_to_get_it_is_named() -> None:
    with pytest.raises(UsageError, match="pip install onnxruntime"):
        load_engine("onnxruntime")
