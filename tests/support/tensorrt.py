"""The real converter and the real builder of TensorRT-RTX on a machine without a GPU.

TensorRT-RTX builds engines ahead of time and needs no GPU for it; Torch-TensorRT, which drives it, asks for one all the
same. What is replaced, and nothing else:

* five queries of ``torch.cuda``, which answer as for a made-up GPU;
* ``Runtime.deserialize_cuda_engine`` where Torch-TensorRT's interpreter calls it on what it has just built, since an
  engine can only be loaded on a device; the serialized engine is passed on as it is;
* ``Builder.build_serialized_network`` at the same place notes the layers of the network definition, and then builds.

Where there is a CUDA device, the first two are not replaced.
"""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from trt import library

if TYPE_CHECKING:
    from collections.abc import Iterator

Definitions = list[list[tuple[str, list[str]]]]
"""The network definitions that were built, a list of layers each: kind of layer, types of its outputs."""


class Deserialized:
    def __init__(self, serialized: Any) -> None:
        self._bytes = bytes(serialized)

    def serialize(self) -> bytes:
        return self._bytes

    def get_aliased_input_tensor(self, _name: str) -> None:
        return None


@contextlib.contextmanager
def recorded_builds() -> Iterator[Definitions]:
    """Lets :func:`trt.build.serialize` run; gives what it built."""
    if find_spec("torch_tensorrt") is None:
        pytest.skip("Torch-TensorRT is not installed: pip install 'deblur-stream[rtx]'")
    definitions: Definitions = []
    without_gpu = not torch.cuda.is_available()
    made_up = SimpleNamespace(name="none", major=8, minor=9, total_memory=1 << 34, uuid="none")
    with pytest.MonkeyPatch.context() as patch:
        if without_gpu:
            patch.setattr(torch.cuda, "current_device", lambda: 0)
            patch.setattr(torch.cuda, "get_device_capability", lambda *_: (8, 9))
            patch.setattr(torch.cuda, "get_device_name", lambda *_: "none")
            patch.setattr(torch.cuda, "get_device_properties", lambda *_: made_up)
            patch.setattr(torch.cuda, "mem_get_info", lambda *_: (1 << 34, 1 << 34))
        library.torch_tensorrt()
        import tensorrt
        from torch_tensorrt.dynamo.conversion import _TRTInterpreter

        class Builder:
            def __init__(self, logger: Any) -> None:
                self._real = tensorrt.Builder(logger)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._real, name)

            def build_serialized_network(self, network: Any, config: Any) -> Any:
                layers = [network.get_layer(index) for index in range(network.num_layers)]
                types = [[layer.get_output(i).dtype.name for i in range(layer.num_outputs)] for layer in layers]
                definitions.append([(layer.type.name, t) for layer, t in zip(layers, types, strict=True)])
                return self._real.build_serialized_network(network, config)

        replaced: dict[str, Any] = {**vars(tensorrt._target_module), "Builder": Builder}
        if without_gpu:
            replaced["Runtime"] = lambda *_: SimpleNamespace(deserialize_cuda_engine=Deserialized)
        patch.setattr(_TRTInterpreter, "trt", SimpleNamespace(**replaced))
        yield definitions
