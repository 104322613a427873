"""Dataclasses from the plain values of a settings file, with errors that name the place.

Plain introspection in place of pydantic, whose messages would all need another wording and which would lose the place
of an error that a dataclass raises on its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from tlx.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")

NONE_WORD: Final = "none"
"""Stands for None where a value may be left out, since TOML has no word for it."""
_SHOWN_LENGTH: Final = 60
_EXPECTED: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    types.NoneType: NONE_WORD,
}


def build(cls: type[Settings], document: Mapping[str, Any], *, source: str, base: Settings | None = None) -> Settings:
    """Make a dataclass, with the dataclasses in it, of a table of plain values.

    Fields may be of the types bool, int, float, str, Literal, tuple, None, dataclasses, and unions of these.
    ``Annotated[float, "a number above 0"]`` gives an error its words. A whole number is taken for a float, but not
    the reverse; a list for a tuple.

    Args:
        cls: What is wanted; its own checks (``__post_init__``) raise InputError or ValueError.
        document: As it comes from TOML, YAML or JSON.
        source: The name of the file, for errors.
        base: Gives the values that the document leaves out, also those of tables within it. A list replaces all of
            the base's list.

    Raises:
        InputError: One line with the place of the first thing that's wrong, as in
            ``config.toml: phases[1].epochs: expected a whole number, got 'many'``.
    """
    made: Settings = _build_table(cls, document, _Place(source), base)
    return made


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a document: ``phases[1].epochs`` of its source."""

    source: str
    path: str = ""

    def key(self, name: str) -> _Place:
        return _Place(self.source, f"{self.path}.{name}" if self.path else name)

    def item(self, number: int) -> _Place:
        return _Place(self.source, f"{self.path}[{number}]")

    def error(self, message: str) -> InputError:
        return InputError(": ".join(filter(None, (self.source, self.path, message))))


def _build_table(cls: Any, document: Mapping[str, Any], place: _Place, base: Any) -> Any:
    kinds = _fields(cls)
    for key in document:
        if key not in kinds:
            raise place.error(_unknown(key, list(kinds)))
    values = {
        name: _convert(document[name], kind, place.key(name), getattr(base, name, None))
        for name, kind in kinds.items()
        if name in document
    }
    if base is None:
        missing = [name for name in _required(cls) if name not in values]
        if missing:
            raise place.error(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    else:
        values = {name: getattr(base, name) for name in kinds} | values
    try:
        return cls(**values)
    except (InputError, ValueError) as error:
        # Some dataclasses begin their messages with their own name.
        raise place.error(str(error).removeprefix(f"{place.path.rpartition('.')[2]}: ")) from error


def _convert(value: Any, kind: Any, place: _Place, base: Any) -> Any:
    """A plain value as the kind that a field has.

    Raises:
        InputError: If it doesn't fit.
    """
    if not _fits(value, kind):
        raise place.error(f"expected {_expected(kind)}, got {_shown(value)}")
    kind = _member(value, kind)
    if kind is types.NoneType:
        return None
    if kind is float:
        return float(value)
    if get_origin(kind) is tuple:
        kinds = _item_kinds(kind, len(value))
        return tuple(
            _convert(item, item_kind, place.item(number), None)
            for number, (item, item_kind) in enumerate(zip(value, kinds, strict=True))
        )
    if dataclasses.is_dataclass(kind):
        return _build_table(kind, value, place, base if isinstance(base, kind) else None)  # type: ignore[arg-type]
    return value


def _fits(value: Any, kind: Any) -> bool:
    """Whether the value is of this kind, without a look at what is in a list or table."""
    origin = get_origin(kind)
    if origin is Annotated or _is_union(kind):
        return any(_fits(value, member) for member in _members(kind))
    if origin is Literal:
        return any(type(choice) is type(value) and choice == value for choice in get_args(kind))
    if origin is tuple:
        return isinstance(value, list | tuple) and len(value) == len(_item_kinds(kind, len(value)))
    if dataclasses.is_dataclass(kind):
        return isinstance(value, Mapping)
    if kind not in _CHECKS:
        raise TypeError(f"settings can't hold a field of type {kind}")
    return _CHECKS[kind](value)


def _is_finite_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


_CHECKS: Final[Mapping[Any, Callable[[Any], bool]]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: _is_finite_number,
    str: lambda value: isinstance(value, str),
    types.NoneType: lambda value: value is None or value == NONE_WORD,
}


def _member(value: Any, kind: Any) -> Any:
    """The first member of a union that the value fits; None comes last, since its word may be another's text."""
    while get_origin(kind) is Annotated or _is_union(kind):
        members = sorted(_members(kind), key=lambda member: member is types.NoneType)
        kind = next(member for member in members if _fits(value, member))
    return kind


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _item_kinds(kind: Any, length: int) -> tuple[Any, ...]:
    kinds = get_args(kind)
    return kinds[:1] * length if kinds[1:] == (Ellipsis,) else kinds


def _expected(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *notes = get_args(kind)
        return next((note for note in notes if isinstance(note, str)), _expected(inner))
    if _is_union(kind):
        return " or ".join(map(_expected, get_args(kind)))
    if origin is Literal:
        return " or ".join(map(_shown, get_args(kind)))
    if origin is tuple:
        kinds = get_args(kind)
        return "a list" if Ellipsis in kinds else f"a list of {len(kinds)} values"
    return _EXPECTED.get(kind, "a table of keys with values")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 1]}…"


def _unknown(key: Any, known: list[str]) -> str:
    near = difflib.get_close_matches(str(key), known, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"no such key: {key}{hint} (known: {', '.join(known)})"


@cache
def _fields(cls: Any) -> dict[str, Any]:
    """The types of a dataclass's fields, by name, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _required(cls: Any) -> list[str]:
    absent = dataclasses.MISSING
    return [
        field.name
        for field in dataclasses.fields(cls)
        if field.init and field.default is absent and field.default_factory is absent
    ]
