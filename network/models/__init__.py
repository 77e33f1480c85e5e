"""Architectures, and the registry that makes a network by its name.

A network of your own joins those of the package, and is then known to every engine that PyTorch can feed::

    from torch import nn
    from network import models

    class Sharper(nn.Module):
        def forward(self, rgb):  # float, (N, 3, H, W), nominally in [0, 1], to the same shape
            ...

    models.register("sharper", Sharper)
"""

from network.models.registry import create, names, register

__all__ = ["create", "names", "register"]
