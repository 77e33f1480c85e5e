"""The errors of the TensorRT package. The whole tree and what holds for its messages is in :mod:`network.errors`."""

from __future__ import annotations

from network.errors import DeblurError


class TensorRTError(DeblurError):
    """TensorRT can't be used as asked."""


class MissingError(TensorRTError):
    """TensorRT, its PyTorch side or a CUDA device is not there."""


class ConversionError(TensorRTError):
    """The graph can't become one TensorRT engine, because TensorRT does not support an operator of it."""


class BuildError(TensorRTError):
    """TensorRT refused to build an engine, or could not be loaded with one."""


class ParityError(TensorRTError):
    """An engine does not compute what the PyTorch network computes, and must not be used."""


class CacheError(TensorRTError):
    """The cache folder can't be used."""


class PortableError(TensorRTError):
    """A portable engine file is damaged, or made by another version or for another network."""
