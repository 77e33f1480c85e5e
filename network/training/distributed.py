"""One training run by several processes, as ``torchrun`` starts them.

Every process makes its share of a batch that is the same for any number of them; gradients are averaged by
DistributedDataParallel. Batch normalisation is over the whole batch too: by PyTorch's SyncBatchNorm on CUDA devices,
and elsewhere, where PyTorch has none, by :class:`SharedBatchNorm`. So a run's result does not depend on the number of
processes beyond rounding.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from network.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Processes:
    """Those that train together.

    Attributes:
        rank: Of this one, from 0; the first one alone writes files.
        count: Of all.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of a batch.

        Args:
            batch: Size of the batch, divisible by :attr:`count`.
        """
        size = batch // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def mean(self, *values: float) -> list[float]:
        """Means of numbers over all processes; every process must call it."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return [float(value) for value in total / self.count]

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """What to call in training in place of ``network.forward_scales``.

        Args:
            network: Its layers of batch normalisation are replaced by shared ones, in place, if there are several
                processes; names and shapes in its state stay the same.
            device: Where it is.
        """
        if self.count == 1:
            return _Scales(network)
        if device.type == "cuda":
            convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm  # untyped in some versions of PyTorch
            network = convert(network)
        else:
            _share_normalisation(network, self.count)
        return DistributedDataParallel(_Scales(network))


ALONE = Processes()


@contextmanager
def joined(device: str) -> Iterator[tuple[Processes, str]]:
    """Joins the processes that ``torchrun`` started; a process that it did not start is alone.

    Args:
        device: A torch device; ``cuda`` becomes the one of this process's number on its machine.

    Yields:
        The processes, and the device for this one.

    Raises:
        TrainingError: If they don't find each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    try:
        # Tensors on the CPU go by gloo in any case: the numbers that all must agree on are there.
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"the processes of torchrun don't find each other ({str(error).splitlines()[0]})"
        ) from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


class _Scales(nn.Module):
    """A network whose call gives every scale: DistributedDataParallel follows calls alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        return self.network.forward_scales(images)  # type: ignore[operator]


class _Sum(torch.autograd.Function):
    """Sum over all processes, which every process then uses; so the gradients with respect to it add up as well."""

    @staticmethod
    def forward(_ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, each of the same size, on any backend.

    Args:
        like: The layer whose weights and running statistics it takes over, not copied.
        count: Processes.
    """

    def __init__(self, like: nn.BatchNorm2d, count: int) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, like.affine, like.track_running_stats)
        for name, parameter in like.named_parameters():
            setattr(self, name, parameter)
        for name, buffer in like.named_buffers():
            setattr(self, name, buffer)
        self.count = count

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape and type."""
        if not self.training:
            return super().forward(features)
        exact = features.float()
        places = (0, 2, 3)
        mean = self._mean(exact.mean(places))
        centred = exact - mean[:, None, None]
        # From centred values: a difference of large sums would lose what batch normalisation is about.
        variance = self._mean(centred.square().mean(places))
        self._remember(mean.detach(), variance.detach(), features.numel() // self.num_features * self.count)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(features.dtype)

    def _mean(self, value: Tensor) -> Tensor:
        summed: Callable[[Tensor], Tensor] = _Sum.apply  # typed in some versions of PyTorch, and not in others
        return summed(value) / self.count

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (samples / (samples - 1)), share)


def _share_normalisation(network: nn.Module, count: int) -> None:
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm(child, count))
