"""Every error of the network package."""

from __future__ import annotations


class NetworkError(Exception):
    """Root of the tree; the message says what is wrong and what to do."""


class WeightsError(NetworkError):
    """A weights file is missing, truncated, tampered with, or made for another architecture."""


class DataError(NetworkError):
    """Training or evaluation data is missing, mismatched or unreadable."""


class TrainingError(NetworkError):
    """Training can't start or go on, such as a loss that is not a number."""
