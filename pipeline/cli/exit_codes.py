"""The exit code of every error. `docs/reference/exit-codes.md` says the same for users."""

from __future__ import annotations

from network.errors import DataError, DeblurError, NetworkError, TrainingError, WeightsError
from pipeline.errors import (
    BatchError,
    Cancelled,
    DamagedInputError,
    EngineError,
    InputError,
    LimitError,
    OutputError,
    UsageError,
)
from trt.errors import (
    BuildError,
    CacheError,
    ConversionError,
    MissingError,
    ParityError,
    PortableError,
    TensorRTError,
)

BUG = 1
"""Exit code of everything that has no row in the table."""

INTERRUPTED = 130
"""Exit code of an interruption, by the shell's convention for a program that SIGINT (Ctrl-C) ended."""

EXIT_CODES: dict[type[BaseException], int] = {
    DeblurError: BUG,
    UsageError: 2,
    NetworkError: 2,
    WeightsError: 2,
    MissingError: 2,
    InputError: 3,
    DataError: 3,
    OutputError: 4,
    CacheError: 4,
    EngineError: 5,
    TrainingError: 5,
    TensorRTError: 5,
    ConversionError: 5,
    BuildError: 5,
    ParityError: 5,
    PortableError: 5,
    DamagedInputError: 6,
    LimitError: 7,
    BatchError: 8,
    Cancelled: INTERRUPTED,
    KeyboardInterrupt: INTERRUPTED,
}
"""Exit code of each class of error."""


def exit_code(kind: type[BaseException] | None) -> int:
    """The exit code of an error.

    Args:
        kind: Class of the error; None for no error.

    Returns:
        The code in the row of the class, or of the nearest class above it that has one; :data:`BUG` if none has.
    """
    if kind is None:
        return 0
    return next((EXIT_CODES[each] for each in kind.__mro__ if each in EXIT_CODES), BUG)
