"""One training run by several processes, as ``torchrun`` starts them.

Every process makes its share of a batch that is the same for any number of them; gradients are averaged by
DistributedDataParallel. On CUDA devices, batch normalisation is over the whole batch too, by PyTorch's SyncBatchNorm,
so that a run's result does not depend on the number of processes beyond rounding. PyTorch has no such layer for
processors: there, every process normalises its own share, and the first one's running statistics are kept.
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

from network.errors import TrainingError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that train together.

    Attributes:
        rank: Number of this process, from 0; the first one alone writes files.
        count: Number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files and prints."""
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
        """The module to call in training in place of ``network.forward_scales``.

        Args:
            network: The network. On CUDA devices and with several processes, its layers of batch normalisation are
                replaced by shared ones, in place; names and shapes in its state stay the same.
            device: Device of the network.
        """
        if self.count == 1:
            return _Scales(network)
        if device.type == "cuda":
            convert: Any = nn.SyncBatchNorm.convert_sync_batchnorm  # untyped in some versions of PyTorch
            network = convert(network)
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
        raise TrainingError(f"the processes of torchrun don't find each other ({first_line(error)})") from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


class _Scales(nn.Module):
    """A network whose call gives every scale: DistributedDataParallel follows calls alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Any:
        return self.network.forward_scales(*inputs)  # type: ignore[operator]
