"""The errors of the pipeline. The whole tree and what holds for its messages is in :mod:`network.errors`."""

from __future__ import annotations

from network.errors import DeblurError

__all__ = [
    "BatchError",
    "Cancelled",
    "DamagedInputError",
    "DeblurError",
    "EngineError",
    "InputError",
    "LimitError",
    "OutputError",
    "UsageError",
]


class UsageError(DeblurError):
    """The request makes no sense, or asks for something that is not there (weights, an extra)."""


class InputError(DeblurError):
    """The input is missing, is not a video, or has nothing that can be decoded."""


class OutputError(DeblurError):
    """The output can't be written: permissions, a full disk, a container that can't hold the streams."""


class EngineError(DeblurError):
    """The engine can't be loaded or failed on a frame."""


class DamagedInputError(DeblurError):
    """Part of the input could not be decoded; what could be was delivered. Raised after the output is complete."""


class LimitError(DeblurError):
    """The input exceeds a limit that was set."""


class BatchError(DeblurError):
    """Some inputs of a batch have no output. Raised after all the others were done."""


class Cancelled(DeblurError):  # noqa: N818 - a cancellation is no error of anyone's
    """The caller set the event that cancels the work. Finished segments of a long video are kept.

    Ctrl-C is not this: it stays :class:`KeyboardInterrupt`, which an ``except Exception`` lets through.
    """
