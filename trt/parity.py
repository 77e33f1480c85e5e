"""Whether an engine computes what PyTorch computes in FP32: on samples like those it is for, and on the worst ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from network.parity import Difference, Parity
from trt.compiled import TorchCompiled
from trt.errors import ParityError
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from trt.compiled import Compiled
    from trt.samples import Sample
    from trt.signature import Signature


def verify(
    compiled: Compiled,
    network: nn.Module,
    settings: EngineSettings,
    device: torch.device | str,
    samples: Sequence[Sample] | None = None,
) -> str:
    """Compares an engine with PyTorch, and refuses an engine that is wrong.

    Args:
        compiled: Engine to judge.
        network: Network that the engine should compute, float32.
        settings: Settings of the build, of which the strength counts.
        device: Device on which ``compiled`` runs.
        samples: Samples to compare on; None for :func:`trt.samples.samples_for`.

    Returns:
        The figures in one line.

    Raises:
        ParityError: If the engine must not be used.
        torch.OutOfMemoryError: If the device's memory does not suffice for the engine itself.
    """
    parity = compare(compiled, network, settings, device, samples)
    if parity.problem:
        raise ParityError(parity.problem)
    return str(parity)


def compare(
    compiled: Compiled,
    network: nn.Module,
    settings: EngineSettings,
    device: torch.device | str,
    samples: Sequence[Sample] | None = None,
) -> Parity:
    """Runs samples through an engine and through PyTorch in FP32. Arguments as for :func:`verify`."""
    signature, device, highest = compiled.signature, torch.device(device), compiled.signature.highest
    samples = samples_for(signature) if samples is None else samples
    results, not_finite = _run(compiled, samples, device)
    reference = _Reference(signature, network, settings, device)
    differences = []
    for sample, result in zip(samples, results, strict=True):
        errors = torch.cat(
            [
                (one.double() - other.double()).abs().flatten() * port.scale
                for port, one, other in zip(signature.outputs, result, reference(sample.inputs), strict=True)
            ]
        )
        errors = errors.nan_to_num(highest, highest)
        mean_square = float(errors.square().mean())
        differences.append(Difference.of(sample.name, float(errors.max()), mean_square, highest))
    return Parity(tuple(differences), highest, not_finite)


class _Reference:
    """PyTorch in true FP32, on the device or, where its memory does not suffice beside the engine, on the processor."""

    def __init__(
        self, signature: Signature, network: nn.Module, settings: EngineSettings, device: torch.device
    ) -> None:
        self._what = replace(signature, batch=1), network, EngineSettings(Precision.FP32, settings.strength)
        self._device = device
        self._compiled: TorchCompiled | None = None

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Computes one sample, in host memory."""
        # By default, PyTorch's convolutions round FP32 to TF32, which is no better than FP16.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            try:
                return self._run(inputs)
            except torch.OutOfMemoryError:
                self._device, self._compiled = torch.device("cpu"), None
                return self._run(inputs)

    def _run(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self._compiled is None:
            self._compiled = TorchCompiled(*self._what, self._device)
        return tuple(made.cpu() for made in self._compiled(tuple(tensor.to(self._device) for tensor in inputs)))


def _run(
    compiled: Compiled, samples: Sequence[Sample], device: torch.device
) -> tuple[list[tuple[Tensor, ...]], tuple[str, ...]]:
    """Results of an engine for samples, and the names of those where it computes NaN or infinity."""
    results: list[tuple[Tensor, ...]] = []
    not_finite: list[str] = []
    module = getattr(compiled, "module", None)  # float32 in and out, where there is one
    batch = compiled.signature.batch
    for first in range(0, len(samples), batch):
        group = samples[first : first + batch]
        filled = [*group, *[group[-1]] * (batch - len(group))]
        inputs = tuple(torch.cat(parts).to(device) for parts in zip(*(item.inputs for item in filled), strict=True))
        made = tuple(result.cpu() for result in compiled(inputs))
        results += [tuple(result[index : index + 1] for result in made) for index in range(len(group))]
        if module is not None:
            not_finite += _not_finite(module, group, inputs)
    return results, tuple(not_finite)


def _not_finite(module: Any, group: Sequence[Sample], inputs: tuple[Tensor, ...]) -> list[str]:
    """Names of samples whose results hold NaN or infinity, checked in floating point: integers can't hold these."""
    with torch.no_grad():
        made = module(*(tensor.to(torch.float32) for tensor in inputs))
    made = (made,) if isinstance(made, torch.Tensor) else made
    finite = [all(bool(result[index].isfinite().all()) for result in made) for index in range(len(group))]
    return [sample.name for sample, is_finite in zip(group, finite, strict=True) if not is_finite]
