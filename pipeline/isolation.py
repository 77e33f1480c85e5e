"""How decoding in a process of its own is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Isolation:
    """Decoding in a process of its own.

    Attributes:
        timeout: Seconds without any progress after which that process is given up, above 0. Enough for the slowest
            single step: to open the input, or to decode one frame.

    Raises:
        ValueError: If ``timeout`` is not above 0.
    """

    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"the time-out must be above 0 seconds, not {self.timeout}")
