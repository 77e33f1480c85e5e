"""The option that says from when on a frame is sharp enough to pass untouched."""

from __future__ import annotations

from typing import Any

import click

from pipeline.runner.skip import AUTO_THRESHOLD


class SkipSharp(click.ParamType[Any]):
    """``auto``, ``off``, or a threshold from 0 to 1; becomes the threshold, or None for off."""

    name = "auto|off|threshold"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Turns what was typed into a threshold."""
        if value == "off":
            return None
        if value == "auto":
            return AUTO_THRESHOLD
        try:
            threshold = float(value)
        except ValueError:
            threshold = -1.0
        if not 0 <= threshold <= 1:  # also false for NaN
            self.fail(f"{value!r} is no threshold; write auto, off, or a number from 0 to 1", param, ctx)
        return threshold
