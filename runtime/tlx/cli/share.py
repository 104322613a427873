"""Shares on the command line: ``5%`` or ``0.05``."""

from __future__ import annotations

import typer


def parse_share(text: str) -> float:
    """A share from 0 to below 1.

    Raises:
        typer.BadParameter: If it's none; ``5`` could mean either and is refused.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise typer.BadParameter(f"expected a share as in 5% or 0.05, got {text!r}")
    return share
