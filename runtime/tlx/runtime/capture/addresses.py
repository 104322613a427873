"""Addresses of streams, and how to speak of them: never with what lets anyone in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_IN_TEXT: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_SECRET_NAME: Final = re.compile(
    r"pass|pwd|pw$|user|usr|login|auth|token|secret|key|sig|cred|session|^sid$", re.IGNORECASE
)
_PARAMETER: Final = re.compile(r"(?<=[?&;])([^=&;#]+)=([^&;#]*)")
_HIDDEN: Final = "***"
_WORD_LENGTH: Final = 4


def without_password(address: str) -> str:
    """The address without user, password and the values of parameters that sound like them.

    What looks odd is rather cut too much than too little: an ``@``, ``/`` or ``?`` in a password should be written
    ``%40``, ``%2F`` or ``%3F``, but often isn't.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        return address
    scheme, rest = match.groups()
    _, place = _split_userinfo(rest)
    return f"{scheme}://{_PARAMETER.sub(_hide_parameter, place)}"


def without_secrets(text: str, address: str) -> str:
    """A text about an address, as libraries print them, without what is secret in that or any other address."""
    text = text.replace(address, without_password(address))
    for secret in _secrets(address):
        # A password of a letter or two is part of every word.
        pattern = re.escape(secret) if len(secret) >= _WORD_LENGTH else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, _HIDDEN, text)
    return _IN_TEXT.sub(lambda match: without_password(match[0]), text)


def split_credentials(address: str) -> tuple[str, str | None, str | None]:
    """An address as HTTP clients want it.

    Returns:
        The address without user and password, the user and the password, decoded; None where there are none.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        return address, None, None
    scheme, rest = match.groups()
    userinfo, place = _split_userinfo(rest)
    if not userinfo:
        return f"{scheme}://{place}", None, None
    user, _, password = userinfo.partition(":")
    return f"{scheme}://{place}", unquote(user), unquote(password)


def _split_userinfo(rest: str) -> tuple[str, str]:
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    if "@" not in authority and ":" not in authority:
        return "", rest  # an @ further on belongs to the path
    userinfo, _, place = rest.rpartition("@")
    return userinfo, place


def _hide_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={_HIDDEN}" if _SECRET_NAME.search(match[1]) else match[0]


def _secrets(address: str) -> Iterator[str]:
    """What must not be shown of an address, the longest forms first."""
    match = ADDRESS.fullmatch(address)
    if match is None:
        return
    userinfo, place = _split_userinfo(match[2])
    values = [parameter[2] for parameter in _PARAMETER.finditer(place) if _SECRET_NAME.search(parameter[1])]
    for value in [userinfo, userinfo.partition(":")[2], *values]:
        yield from sorted({value, unquote(value)} - {""}, key=len, reverse=True)
