"""The Muon optimiser for convolutions: momentum whose update is made orthogonal.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the step's size follows Liu et al. 2025,
"Muon is Scalable for LLM Training", so that rates are comparable with AdamW's. PyTorch's own ``torch.optim.Muon``
takes matrices alone and computes in bfloat16, which a CPU without such arithmetic emulates slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial of degree 5 that Jordan et al. iterate; singular values end within 0.7 to 1.2."""
ITERATIONS = 5
UPDATE_SIZE = 0.2
"""Root mean square of an update at rate 1, about that of AdamW's."""


class Muon(torch.optim.Optimizer):
    """Momentum, then the nearest orthogonal matrix, for weights of convolutions.

    Args:
        parameters: Weights (outputs, inputs, height, width), each seen as a matrix of ``outputs`` rows.
        rate: Learning rate; values that suit AdamW suit it.
        momentum: Decay of the gradient's moving average.
        weight_decay: Share of the weights taken away a step, times the rate.
    """

    def __init__(
        self, parameters: Iterable[Tensor], rate: float, *, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Moves every weight that has a gradient.

        Args:
            closure: Function that recomputes the loss, as for any PyTorch optimiser.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        average = state["momentum_buffer"]
        average.lerp_(weight.grad, 1 - group["momentum"])
        ahead = weight.grad.lerp(average, group["momentum"])  # type: ignore[union-attr]
        # Channels last, so that weights in that memory format are not copied.
        rows = ahead.permute(0, 2, 3, 1).reshape(len(ahead), -1)
        outputs, inputs, height, width = weight.shape
        update = orthogonal(rows).view(outputs, height, width, inputs).permute(0, 3, 1, 2)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"] * UPDATE_SIZE * max(rows.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """Close to the nearest matrix with orthonormal rows (or columns, where there are more rows).

    The Newton-Schulz iteration multiplies by polynomials of ``M Mᵀ`` alone, so all of it is done on that small square
    matrix and applied once at the end.

    Args:
        matrix: Matrix in floating point, (rows, columns).

    Returns:
        The same shape; singular values within about 0.7 to 1.2, but those below a hundredth of the largest.
    """
    scaled = matrix / (matrix.norm() + 1e-7)
    tall = scaled.shape[0] > scaled.shape[1]
    if tall:
        scaled = scaled.mT
    gram = scaled @ scaled.mT
    a, b, c = NEWTON_SCHULZ
    identity = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    product = identity
    for _ in range(ITERATIONS):
        present = product @ product @ gram
        product = (a * identity + b * present + c * (present @ present)) @ product
    result: Tensor = product @ scaled
    return result.mT if tall else result
