"""The root of every error that a user can see, and the errors of the network package.

The tree, which goes on in the packages above::

    DeblurError
    ├── NetworkError
    │   ├── WeightsError
    │   ├── DataError
    │   └── TrainingError
    ├── TensorRTError          (trt.errors)
    │   ├── MissingError
    │   ├── ConversionError
    │   ├── BuildError
    │   ├── ParityError
    │   ├── CacheError
    │   └── PortableError
    ├── UsageError             (pipeline.errors)
    ├── InputError
    ├── OutputError
    ├── EngineError
    ├── DamagedInputError
    ├── LimitError
    ├── BatchError
    └── Cancelled

Every message is one line that says what is wrong and what to do.

A message names an option by the field or argument that holds it, between backticks: ``add `overwrite` to replace it``,
``raise `limits.width` to process it``. That is what a caller of the library can set. The command line puts its own
spelling there instead (``add --overwrite to replace it``): see :mod:`pipeline.cli.spelling`. No error knows a flag of
the command line or an exit code; :mod:`pipeline.cli.exit_codes` has the table.
"""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line that says something of the message of an error of others; the name of its type if none does."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


class DeblurError(Exception):
    """Root of the tree: whoever catches it catches every error that is not a bug.

    Attributes:
        field: Option that is wrong or that has to be changed, as the message names it; None where it is not one option.

    Args:
        message: Message in one line: what is wrong, and what to do.
        field: Option to change, as in the attribute.

    Example::

        try:
            deblur_video(job, load)
        except LimitError as error:
            print(error.field)  # limits.width
        except DeblurError as error:
            print(error)
    """

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    @classmethod
    def kind(cls, name: str) -> type[DeblurError] | None:
        """Finds a class of the tree that has been imported, for an error that comes from another process.

        Args:
            name: Name of the class, such as ``InputError``.

        Returns:
            The class; None if there is none of this name.
        """
        if cls.__name__ == name:
            return cls
        return next((found for below in cls.__subclasses__() if (found := below.kind(name)) is not None), None)


class NetworkError(DeblurError):
    """A network does not exist, can't be made, or can't be used as asked."""


class WeightsError(NetworkError):
    """A weights file is missing, truncated, tampered with, or made for another architecture."""


class DataError(NetworkError):
    """Training or evaluation data is missing, mismatched or unreadable."""


class TrainingError(NetworkError):
    """Training can't start or go on, such as a loss that is not a number."""
