"""What an engine is valid for: every fact that, changed, makes it another engine. Needs the standard library alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS = {
    "network": "the network",
    "network_digest": "the weights' digest",
    "architecture_digest": "the digest of the network's code",
    "gpu_name": "the GPU",
    "compute_capability": "the GPU's compute capability",
    "driver": "the driver",
    "cuda": "CUDA",
    "tensorrt": "TensorRT",
    "torch_tensorrt": "Torch-TensorRT",
    "torch": "PyTorch",
    "precision": "the precision",
    "layout": "the layout of the planes",
    "width": "the width",
    "height": "the height",
    "batch": "the batch",
    "window": "the window",
    "settings": "the set of other settings",
}
"""Name of each field of :class:`EngineKey` in messages."""


@dataclass(frozen=True, slots=True)
class EngineKey:
    """Facts for which an engine is valid. An engine is used only where every field is equal.

    Attributes:
        network: Name of the network, such as ``idc-video``.
        network_digest: SHA-256 of the tensors themselves, not of what a file says of them.
        architecture_digest: SHA-256 of the modules and of the source that runs in them.
        gpu_name: Name of the device.
        compute_capability: Compute capability of the device, such as ``8.9``.
        driver: Version of NVIDIA's driver.
        cuda: Version of CUDA.
        tensorrt: Edition of TensorRT, and its version.
        torch_tensorrt: Version of Torch-TensorRT.
        torch: Version of PyTorch.
        precision: ``fp16`` or ``fp32``.
        layout: Layout, depth, matrix and range of the planes in words; of a network over time, the working planes.
        width: Width of the planes in pixels.
        height: Height of the planes in pixels.
        batch: Number of frames of a call.
        window: Number of frames that the network looks at before and after the present one, such as ``1,1``; ``none``
            for a network for RGB.
        settings: Every other setting in words.
    """

    network: str
    network_digest: str
    architecture_digest: str
    gpu_name: str
    compute_capability: str
    driver: str
    cuda: str
    tensorrt: str
    torch_tensorrt: str
    torch: str
    precision: str
    layout: str
    width: int
    height: int
    batch: int
    window: str
    settings: str

    @property
    def digest(self) -> str:
        """SHA-256 over names and values of all fields, hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: EngineKey) -> tuple[str, ...]:
        """What is different in ``other``, in words: ``the driver was 570.1 and is 580.2`` where ``self`` is 580.2."""
        return tuple(
            f"{WORDS[name]} was {_short(then)} and is {_short(now)}"
            for name in (field.name for field in fields(self))
            if (now := getattr(self, name)) != (then := getattr(other, name))
        )

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EngineKey:
        """The key from a value of :meth:`to_json`.

        Raises:
            ValueError: If a field is missing, unknown, or of another type.
        """
        types = {field.name: int if field.type == "int" else str for field in fields(cls)}
        if set(values) != set(types):
            raise ValueError(f"fields differ: {', '.join(sorted(set(values) ^ set(types)))}")
        wrong = [name for name, kind in types.items() if type(values[name]) is not kind]
        if wrong:
            raise ValueError(f"fields of another type: {', '.join(wrong)}")
        return cls(**values)

    def __str__(self) -> str:
        return f"{self.network} {self.width}x{self.height} {self.layout} batch {self.batch} {self.precision}"


def _short(value: object) -> str:
    """A value for messages; digests are cut to their first digits."""
    text = str(value)
    return f"{text[:12]}..." if len(text) == hashlib.sha256().digest_size * 2 else text or "none"
