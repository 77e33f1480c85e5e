"""`--set NAME=VALUE`: changes to the fields of a frozen dataclass, typed on the command line."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from network.errors import NetworkError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


def changed(record: Record, assignments: tuple[str, ...]) -> Record:
    """A copy with ``name=value`` changes; values are Python literals, or plain words.

    Args:
        record: A frozen dataclass, each field of which keeps the type of its value.
        assignments: Such as ``("steps=100", "rate=1e-3")``; the last one of a name counts.

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
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        if kinds[name] is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kinds[name]):
            raise click.BadParameter(f"{name} is a {kinds[name].__name__}, not {text!r}", param_hint="--set")
        changes[name] = value
    try:
        return replace(record, **changes)
    except NetworkError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
