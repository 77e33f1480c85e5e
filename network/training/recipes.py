"""Training recipes. Every choice of a run is a field here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from network.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Preset:
    """One recipe.

    Attributes:
        network: Name of the network in the registry.
        options: Options of the network's constructor.
        loss: Name of the loss in :data:`network.training.losses.LOSSES`.
        optimiser: Name of the optimiser: ``adam``, ``adamw``, or ``muon``: Muon for the hidden convolutions, AdamW for
            the rest.
        weight_decay: Weight decay of ``adamw``, and of the hidden convolutions with ``muon``.
        rate: Learning rate after the warm-up.
        final_rate: Learning rate at the end.
        muon_factor: Muon's learning rate over the learning rate.
        warmup: Number of steps of this run over which the rate rises from zero.
        schedule: Course of the learning rate: ``exponential`` falls from ``rate`` to ``final_rate`` over the whole run;
            ``trapezoid`` holds ``rate`` up to ``fall_from`` and falls linearly from there, so that a run can be
            prolonged.
        until: Number of patches over all runs, those of the starting weights included, after which training ends.
        fall_from: Number of patches over all runs from which the trapezoid falls.
        batch: Number of patches in a step.
        patch: Height and width of a training patch in pixels, divisible by 16.
        noise: Standard deviation, in codes of 255, of the normal distribution from which the standard deviation of
            the noise on a blurred picture is drawn; windows hold their noise already.
        clip: Largest norm of the gradient.
        precision: Precision of the network's arithmetic in training: ``fp32``, ``bf16``, ``fp16`` (with scaled
            gradients) or ``auto``, which is bf16 on a CUDA device or x86 processor that multiplies such numbers, fp16
            on any other CUDA device, and fp32 elsewhere. Weights, averages and the loss are fp32 in every case.
        ema: Decay of the exponential moving average of the weights.
        seed: Seed of initial weights, sampling and augmentation.

    Raises:
        TrainingError: If a field that names a choice names none of them.
    """

    network: str = "idc-video"
    options: dict[str, Any] = field(default_factory=dict)
    loss: str = "deviation"
    optimiser: Literal["adam", "adamw", "muon"] = "muon"
    weight_decay: float = 0.02
    rate: float = 5e-4
    final_rate: float = 0.0
    muon_factor: float = 5.0
    warmup: int = 200
    schedule: Literal["exponential", "trapezoid"] = "trapezoid"
    until: int = 500_000
    fall_from: int = 350_000
    batch: int = 16
    patch: int = 256
    noise: float = 0.0
    clip: float = 5.0
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "auto"
    ema: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            choices, value = get_args(kind), getattr(self, name)
            if get_origin(kind) is Literal and value not in choices:
                raise TrainingError(f"{name} is one of {', '.join(choices)}, not {value!r}")


GOPRO_TRAINING_PAIRS = 2103

PRESETS: dict[str, Preset] = {
    # The paper's recipe: 1000 epochs of GoPro in batches of 16.
    "idc-gopro": Preset(
        network="idc",
        loss="mixed",
        optimiser="adam",
        weight_decay=0.0,
        rate=1e-4,
        final_rate=1e-6,
        warmup=0,
        schedule="exponential",
        until=1000 * (GOPRO_TRAINING_PAIRS // 16) * 16,
        noise=2.0,
    ),
    "idc-video": Preset(),
    "idc-video-small": Preset(network="idc-video-small"),
    "idc-video-large": Preset(network="idc-video-large"),
}
"""Recipes by name."""
