"""Types of options: what may be typed, and what becomes of it."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from network.errors import NetworkError
from network.planes import SCALES
from pipeline.runner.skip import AUTO_THRESHOLD

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


class Size(click.ParamType[Any]):
    """Width and height in pixels, such as 1280x720."""

    name = "WxH"

    def __init__(
        self,
        *,
        wanted: str = "width and height such as 1280x720",
        smallest: int = 1,
        largest: float = math.inf,
        is_even: bool = False,
    ) -> None:
        """Prepares the type.

        Args:
            wanted: Description of a valid value, for error messages.
            smallest: Least width and least height.
            largest: Largest width and largest height.
            is_even: Whether width and height must be even.
        """
        self._wanted, self._smallest, self._largest, self._is_even = wanted, smallest, largest, is_even

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Turns what was typed into width and height."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)[xX](\d+)", value, re.ASCII)
        lengths = tuple(map(int, match.groups())) if match else ()
        if not lengths or not all(self._fits(length) for length in lengths):
            self.fail(f"{value!r} is no size; write {self._wanted}", param, ctx)
        return lengths[0], lengths[1]

    def _fits(self, length: int) -> bool:
        return self._smallest <= length <= self._largest and not (self._is_even and length % 2)


class Rectangle(click.ParamType[Any]):
    """Part of a picture, as LEFT,TOP,WIDTH,HEIGHT in pixels."""

    name = "l,t,w,h"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Four numbers."""
        if not isinstance(value, str):
            return value
        try:
            left, top, width, height = map(int, value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not LEFT,TOP,WIDTH,HEIGHT in pixels, such as 100,80,320,120", param, ctx)
        if left < 0 or top < 0 or width < 1 or height < 1:
            self.fail(f"{value!r} is no part of a picture", param, ctx)
        return left, top, width, height


class Time(click.ParamType[Any]):
    """Seconds, or [HH:]MM:SS, either with a fraction."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Turns what was typed into seconds."""
        if not isinstance(value, str):
            return float(value)
        parts = value.split(":")
        seconds = 0.0
        try:
            for part in parts:
                seconds = 60 * seconds + float(part)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf") or len(parts) > 3:  # also false for NaN
            self.fail(f"{value!r} is no time; write seconds or [HH:]MM:SS", param, ctx)
        return seconds


class Bitrate(click.ParamType[Any]):
    """Bits a second, with k or M for thousands and millions."""

    name = "bitrate"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turns what was typed into bits a second."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", value)
        bits = round(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]) if match else 0
        if bits < 1:
            self.fail(f"{value!r} is no bitrate; write bits a second such as 8M, 800k or 8000000", param, ctx)
        return bits


class Limit(click.ParamType[Any]):
    """A number above 0, with K, M, G or T for thousands and so on; or ``none``."""

    name = "limit"

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole

    def convert(
        self, value: str | float | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | int | None:
        """Turns what was typed into a number; ``none`` into None."""
        if value is None or str(value).lower() == "none":
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)", str(value).lower())
        number = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if number <= 0 or (self._is_whole and number < 1):
            self.fail(f"{value!r} is no limit; write a number such as 4000 or 2G, or none", param, ctx)
        return int(number) if self._is_whole else number


class Scale(click.ParamType[Any]):
    """Scale of the size at which a correction is computed."""

    name = "1|0.5"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Turns what was typed into one of the scales."""
        try:
            scale = float(value)
        except ValueError:
            scale = math.nan
        if scale not in SCALES:
            self.fail(f"{value!r} is no scale; write 1 or 0.5", param, ctx)
        return scale


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


def changed(record: Record, assignments: tuple[str, ...]) -> Record:
    """A copy with ``name=value`` changes; values are Python literals, or plain words.

    Args:
        record: Frozen dataclass, each field of which keeps the type of its value.
        assignments: Changes such as ``("steps=100", "rate=1e-3")``; the last one of a name counts.

    Raises:
        click.BadParameter: If an assignment has no known name, a value of another type, or one that the dataclass
            refuses.
    """
    kinds = {field.name: type(getattr(record, field.name)) for field in fields(record)}
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise click.BadParameter(
                f"{assignment!r} is not NAME=VALUE with a NAME of {', '.join(kinds)}", param_hint="--set"
            )
        value = literal(text)
        if kinds[name] is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kinds[name]):
            raise click.BadParameter(f"{name} is a {kinds[name].__name__}, not {text!r}", param_hint="--set")
        changes[name] = value
    try:
        return replace(record, **changes)
    except NetworkError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error


def literal(text: str) -> Any:
    """The value of a Python literal; other words stand for themselves."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
