"""Every error that a user can see, and the exit code of each.

The command line prints the message as one line, and nothing else; so each message says what is wrong and what to do.
"""

from __future__ import annotations


class DeblurError(Exception):
    """Root of the tree. ``exit_code`` is what the command ends with."""

    exit_code = 1


class UsageError(DeblurError):
    """The request makes no sense as typed, or asks for something that is not there (weights, an extra)."""

    exit_code = 2


class InputError(DeblurError):
    """The input is missing, is not a video, or has nothing that can be decoded."""

    exit_code = 3


class OutputError(DeblurError):
    """The output can't be written: permissions, a full disk, a container that can't hold the streams."""

    exit_code = 4


class EngineError(DeblurError):
    """The engine can't be loaded or failed on a frame."""

    exit_code = 5


class DamagedInputError(DeblurError):
    """Part of the input could not be decoded; what could be was delivered. Raised after the output is complete."""

    exit_code = 6


class LimitError(DeblurError):
    """The input exceeds a limit that was set."""

    exit_code = 7


class BatchError(DeblurError):
    """Some inputs of a batch have no output. Raised after all the others were done."""

    exit_code = 8


class Cancelled(DeblurError):  # noqa: N818 - a cancellation is no error of anyone's
    """The caller ended the work. Nothing is left under the output's name."""

    exit_code = 130


class Interrupted(DeblurError):  # noqa: N818 - an interruption is no error of anyone's
    """The user pressed Ctrl-C. 130 is the shell's convention for SIGINT."""

    exit_code = 130
