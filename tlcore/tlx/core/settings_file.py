"""Settings files, TOML or YAML, as plain values; :mod:`tlx.core.settings` makes dataclasses of them.

YAML is read by the rules of YAML 1.2, as people expect it today: ``1e-4`` is a number (PyYAML's own rules, those of
1.1, make it text), ``no`` and ``on`` are text, and a key that stands twice is an error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from tlx.errors import InputError, MissingDependencyError

_SUFFIXES: Final = (".toml", ".yaml", ".yml")
_TOML_PLACE: Final = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")
# Without YAML 1.1's octal, binary and base-60 numbers and its dates.
_YAML_SCALARS: Final = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))|\.nan",
        list("-+.0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"<<", ["<"]),
)


def read_settings(path: Path) -> dict[str, Any]:
    """Read a settings file; an empty one holds no settings.

    Args:
        path: Ends in ``.toml``, ``.yaml`` or ``.yml``; UTF-8.

    Raises:
        InputError: If there is no such file, it can't be read, its syntax is wrong (with line and column), or it
            doesn't hold a table of keys and values.
        MissingDependencyError: If it's YAML and PyYAML isn't installed.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path}: expected a settings file that ends in {', '.join(_SUFFIXES[:-1])} or .yml")
    text = _read_text(path)
    parse = _parse_toml if path.suffix.lower() == ".toml" else _parse_yaml
    try:
        document = parse(path, text)
    except RecursionError as error:
        raise InputError(f"{path}: lists and tables are nested too deeply") from error
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else repr(document)[:60]
        raise InputError(f"{path}: expected keys with values at the top, got {kind}")
    return document


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8, got the byte {error.object[error.start]:#04x}") from error


def _parse_toml(path: Path, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.fullmatch(str(error))
        if found is None:
            raise InputError(f"{path}: {error}") from error
        place = f"line {found['line']}, column {found['column']}" if found["line"] else "at the end"
        raise InputError(f"{path}: {place}: {found['what']}") from error


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: reading YAML needs PyYAML ({error}): run \"pip install 'tlx-edge[train]'\", or write TOML"
        ) from error
    try:
        document = yaml.load(text, Loader=_yaml_loader())  # noqa: S506 - a SafeLoader with fewer kinds of scalars
    except yaml.MarkedYAMLError as error:
        what = error.problem or error.context
        mark = error.problem_mark or error.context_mark
        raise InputError(f"{path}: {_place(mark)}: {what}" if mark else f"{path}: {what}") from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
        raise InputError(f"{path}: {place}: {str(error).splitlines()[0]}") from error
    return {} if document is None else document


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


@cache
def _yaml_loader() -> Any:
    """PyYAML's safe loader with the scalars of YAML 1.2, refusing keys that stand twice."""
    import yaml

    loader: Any = type("_Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, firsts in _YAML_SCALARS:
        loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), firsts)
    loader.add_constructor("tag:yaml.org,2002:map", _mapping_constructor(yaml))
    return loader


def _mapping_constructor(yaml: Any) -> Callable[[Any, Any], Any]:
    def construct(loader: Any, node: Any) -> Any:
        first: dict[str, Any] = {}
        # Before << is merged in, whose keys may be overridden.
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in first:
                problem = f"the key {key.value!r} stands here again, after line {first[key.value].line + 1}"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            first[key.value] = key.start_mark
        return loader.construct_yaml_map(node)

    return construct
