"""What comes from users can't become markup."""

from __future__ import annotations

from tlx.core.report.markup import Markup, element, escape, join


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>"
    assert element("p", inner, "<i>") == "<p><b>a &lt; b &amp; c</b>&lt;i&gt;</p>"
    assert join(["<", Markup("<br>")], "&") == "&lt;&amp;<br>"


def test_attributes_are_escaped_named_and_rounded() -> None:
    assert element("a", title="\"'<x>") == '<a title="&quot;&#x27;&lt;x&gt;"></a>'
    assert (
        element("rect", class_="a b", stroke_width=1.23456, x=None) == '<rect class="a b" stroke-width="1.23"></rect>'
    )
    assert element("img", alt="") == '<img alt="">'


def test_characters_that_could_mislead_are_made_visible() -> None:
    assert escape("a\u202eb\n\udcff") == "a\\u202eb\\n\\udcff"
    assert escape("größe 猫") == "größe 猫"
