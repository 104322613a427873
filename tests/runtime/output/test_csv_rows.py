from __future__ import annotations

import csv
import io

import pytest
from tests.runtime.output.sample_items import ALL, BAD_PHOTO, LABELS, LIVE, PHOTO, PREDICTION, STALLED

from tlx.runtime.frames import Frame
from tlx.runtime.output.csv_rows import CsvSink
from tlx.runtime.output.items import Item, Result


def text_of(*items: Item, topk: int = 1) -> str:
    out = io.StringIO(newline="")
    sink = CsvSink(out, LABELS, topk)
    for item in items:
        sink.write(item)
    return out.getvalue()


def rows_of(*items: Item, topk: int = 1) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(*items, topk=topk), newline=""), strict=True))


def test_every_item_is_a_row_with_the_same_columns() -> None:
    text = text_of(*ALL, topk=3)
    assert text.count("\r\n") == len(ALL) + 1
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[0][:5] == ["kind", "source", "frame", "label", "probability"]


def test_cells() -> None:
    photo, bad, live, stalled = rows_of(PHOTO, BAD_PHOTO, LIVE, STALLED)
    assert (photo["source"], photo["frame"], photo["label"], photo["probability"]) == ("a.jpg", "", "dog", "0.75")
    assert (photo["error"], photo["inference_ms"], photo["changed"]) == ("", "20.0", "")
    assert (bad["label"], bad["error"]) == ("", "is empty")
    assert (live["label"], live["unsmoothed_label"], live["changed"], live["state"]) == ("cat", "dog", "true", "live")
    assert (stalled["kind"], stalled["state"], stalled["error"]) == ("state", "stalled", "no picture for 2.1 s")


def test_topk_has_two_columns_for_each_class_there_is() -> None:
    (row,) = rows_of(PHOTO, topk=7)
    assert [row[f"top{place}_label"] for place in (1, 2, 3)] == ["dog", "cat", "guinea pig"]
    assert row["top3_probability"] == "0.05"
    assert "top4_label" not in row
    assert "top1_label" not in rows_of(PHOTO)[0]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("a,b.jpg", "a,b.jpg"),
        ('a"b.jpg', 'a"b.jpg'),
        ("a\r\nb.jpg", "a\\r\\nb.jpg"),
        ("\udcff.jpg", "\\udcff.jpg"),
        ("=1+1.jpg", "'=1+1.jpg"),
        ("-1.jpg", "'-1.jpg"),
        ("+1.jpg", "'+1.jpg"),
        ("@SUM(A1).jpg", "'@SUM(A1).jpg"),
        ("\uff1dA1.jpg", "'\uff1dA1.jpg"),
        ("\t=A1.jpg", "\\t=A1.jpg"),
        ("a=1.jpg", "a=1.jpg"),
    ],
)
def test_a_name_is_one_cell_on_one_line_and_never_a_formula(name: str, cell: str) -> None:
    item = Result(Frame(name, None, None, None, 1.0), PREDICTION, None, "")
    assert rows_of(item)[0]["source"] == cell
    assert len(text_of(item).splitlines()) == 2
