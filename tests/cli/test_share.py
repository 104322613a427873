from __future__ import annotations

import pytest
import typer

from tlx.cli.share import parse_share


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("0", 0.0), ("0.5%", 0.005)])
def test_parse_share(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "1", "100%", "-1%", "much", "", "nan"])
def test_parse_share_refuses_what_is_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a share as in 5% or 0"):
        parse_share(text)
