"""Settings with which an engine is built. Needs no more than numpy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from network.planes import MAX_STRENGTH


class Precision(StrEnum):
    """Arithmetic of the network. The plane arithmetic around it is float32 whatever this is."""

    FP16 = "fp16"
    FP32 = "fp32"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings with which an engine is built.

    Attributes:
        precision: Precision of the network.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`. It is a
            constant of the compiled graph.
        optimization_level: Effort of TensorRT's search for faster kernels, 0 to 5; None leaves it to TensorRT.
        workspace_bytes: Most scratch memory on the device that TensorRT may plan with, in bytes; 0 sets no limit.

    Raises:
        ValueError: If a value is outside its range.
    """

    precision: Precision = Precision.FP16
    strength: float = 1.0
    optimization_level: int | None = None
    workspace_bytes: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= MAX_STRENGTH:
            raise ValueError(f"the strength must be from 0 to {MAX_STRENGTH}, not {self.strength}")
        if self.optimization_level is not None and not 0 <= self.optimization_level <= 5:
            raise ValueError(f"the optimization level must be from 0 to 5, not {self.optimization_level}")
        if self.workspace_bytes < 0:
            raise ValueError(f"the workspace can't be {self.workspace_bytes} bytes; give 0 for no limit")
