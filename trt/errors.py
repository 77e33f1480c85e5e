"""Every error of the TensorRT package.

The package knows nothing of the command line, which turns these into errors with an exit code.
"""

from __future__ import annotations


class TensorRTError(Exception):
    """Root of the tree; the message says in one line what is wrong and what to do."""


class MissingError(TensorRTError):
    """TensorRT, its PyTorch side or a CUDA device is not there."""


class ConversionError(TensorRTError):
    """The graph does not become one TensorRT engine whole: an operator would be left to PyTorch."""


class BuildError(TensorRTError):
    """TensorRT refused to build an engine, or could not be loaded with one."""


class ParityError(TensorRTError):
    """An engine does not compute what the PyTorch network computes, and must not be used."""


class CacheError(TensorRTError):
    """The cache folder can't be used."""


class PortableError(TensorRTError):
    """A portable engine file is damaged, or made by another version or for another network."""
