"""Feed files of every kind become rows that know their line."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.feed import column_name, read_table

ROWS = [["a1", "Bottle"], ["a2", "Mug, large"], ["a3", 'Say "hi"\nand\r\ngo'], ["a4", "قارورة"]]
LINES = [2, 3, 4, 7]  # a3 takes three lines


def as_csv(rows, delimiter=",", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=quoting).writerows([["id", "title"], *rows])
    return text.getvalue()


def written(folder, name, body):
    path = folder / name
    body = body if isinstance(body, bytes) else body.encode()
    path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return path


def problems_of(path, required=("id", "title")):
    with pytest.raises(CatalogError) as caught:
        read_table(path, required)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["feed.csv", "feed.CSV.gz"])
def test_every_delimiter_and_encoding_reads_alike(tmp_path, delimiter, encoding, name):
    """Rows after a quoted line break still know the line where they start."""
    body = as_csv(ROWS, delimiter).encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(body) if name.lower().endswith(".gz") else body)

    table = read_table(path, ("id", "title"))

    assert table.frame.reset_index().to_numpy().tolist() == [[n, *row] for n, row in zip(LINES, ROWS, strict=True)]
    assert table.problems == ()


def test_json_lines_keep_what_was_written(tmp_path):
    """Numbers are not rounded, lists join with commas, a missing field is empty."""
    lines = [
        '{"id": 12, "price": 19.90, "tags": ["a", "b"], "ok": true, "none": null}',
        "",
        '{"id": "b", "Sale Price": "1 USD"}',
    ]
    path = written(tmp_path, "feed.jsonl", "\n".join(lines))

    frame = read_table(path, ("id",)).frame

    assert frame.index.tolist() == [1, 3]
    assert frame.iloc[0].to_dict() == {
        "id": "12",
        "price": "19.90",
        "tags": "a,b",
        "ok": "true",
        "none": "",
        "sale_price": "",
    }
    assert frame.iloc[1]["sale_price"] == "1 USD"


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ('{"id": ', "is not JSON at character"),
        ("[1]", "is not an object"),
        ('{"id": "a", "id": "b"}', "names a field twice"),
        ("[" * 100_000, "is nested too deep"),
    ],
)
def test_a_broken_json_line_is_named_and_costs_no_other(tmp_path, line, fact):
    """The file goes on after a line that cannot be read."""
    path = written(tmp_path, "feed.jsonl", f'{{"id": "a"}}\n{line}\n{{"id": "z"}}\n')

    table = read_table(path, ("id",))

    assert table.frame["id"].tolist() == ["a", "z"]
    assert [problem.place for problem in table.problems] == ["feed.jsonl:2"]
    assert fact in table.problems[0].fact
    assert table.rows == 3


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("feed.csv", "", "feed.csv: is empty. Write a heading line and one line per product."),
        ("feed.csv", " \n\n", "feed.csv: is empty. Write a heading line and one line per product."),
        ("feed.jsonl", "", "feed.jsonl: holds no product. Write at least one."),
        (
            "feed.xlsx",
            "x",
            "feed.xlsx: is no kind of feed. Known: .csv .tsv .txt .jsonl .ndjson .xml .rss .atom; .gz may follow.",
        ),
        ("feed.csv", "id,title,ID \n", "feed.csv:1: there are 2 columns 'id'. Rename or remove one."),
        ("feed.csv", "id,,title\n", "feed.csv:1: column 2 has no name. Name it or remove it."),
        ("feed.csv", "\nsku,title\n", "feed.csv:2: there is no column 'id', only sku, title. Rename 'sku' to 'id'."),
        (
            "feed.csv",
            "id,titel\n",
            "feed.csv:1: there is no column 'title', only id, titel. Rename 'titel' to 'title'.",
        ),
        ("feed.csv", 'id,"title\n', "feed.csv:1: the heading is broken: unexpected end of data. Check its quotes."),
        (
            "feed.csv",
            "id,title\na,Fl\nb,Fl\xfcgel\n".encode("cp1252"),
            "feed.csv:3: byte 0xFC at offset 18 is not UTF-8. Save the file as UTF-8 (in Excel: 'CSV UTF-8').",
        ),
        (
            "feed.csv",
            "id,title\n".encode("utf-16-le"),
            "feed.csv: is neither UTF-8 nor UTF-16 with its mark. Save it as UTF-8.",
        ),
        ("feed.csv", b"id,title\na,\xe2\x82", "feed.csv:2: ends inside a character. Upload it again."),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, name, body, message):
    """One message with place, fact and cure."""
    assert problems_of(written(tmp_path, name, body)) == [message]


def test_the_first_wrong_byte_is_found_beyond_the_first_block(tmp_path):
    """Line and offset are those of the file, not of what was read at once."""
    good = "id,title\n" + "a,ü\n" * 40_000

    problems = problems_of(written(tmp_path, "feed.csv", good.encode() + b"b,\xff\n"))

    assert problems[0].startswith(f"feed.csv:40002: byte 0xFF at offset {len(good.encode()) + 2} is not UTF-8.")


def test_a_missing_file_is_named(tmp_path):
    """A wrong path is a problem of the catalog, not a traceback."""
    assert problems_of(tmp_path / "none.csv") == ["none.csv: no such file or directory. Check the path."]


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b"id,title\na,b\n" * 1000, mtime=0)[:-20]],
    ids=["no archive", "half an archive"],
)
def test_a_broken_archive_is_named(tmp_path, body):
    """Half an archive is not half a catalog."""
    path = tmp_path / "feed.csv.gz"
    path.write_bytes(body)

    assert problems_of(path)[0].startswith("feed.csv.gz: cannot be unpacked")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("feed.csv", "id,title," + ",".join(f"c{number}" for number in range(1000)) + "\n"),
        ("feed.jsonl", "\n".join(f'{{"id": "a", "c{number}": "x"}}' for number in range(2000))),
    ],
)
def test_a_feed_has_columns_not_one_field_per_row(tmp_path, name, body):
    """Rows times columns must stay a table that fits into memory."""
    assert "there are more than 1000 fields" in problems_of(written(tmp_path, name, body))[0]


def test_an_endless_line_is_refused(tmp_path):
    """It would have to fit into memory."""
    path = written(tmp_path, "feed.csv", "id,title\na," + "x" * 1_000_001)

    assert problems_of(path) == ["feed.csv:2: has more than 1,000,000 characters. Write one product per line."]


@pytest.mark.slow
def test_a_small_archive_cannot_fill_the_disk_or_the_memory(tmp_path):
    """A megabyte that unfolds to a gigabyte is refused."""
    path = tmp_path / "feed.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(1011):
            file.write(b" " * 990_000 + b"\n")

    assert "more than 1,000,000,000 bytes unpacked" in problems_of(path)[0]


@pytest.mark.parametrize(
    ("body", "ids", "places", "subjects"),
    [
        ("id,title\na,b,c\nd,e\n", ["d"], ["feed.csv:2"], ["a"]),
        ("id,title\na\nd,e\n", ["d"], ["feed.csv:2"], ["a"]),
        ('id,title\na,"b\nd,e\nf,g\n', ["d", "f"], ["feed.csv:2"], ["a"]),
        ('id,title\na,"b"x\nd,"e"\n', ["d"], ["feed.csv:2"], ["a"]),
        ('id,title\n"a"x,b\n"d",e', ["d"], ["feed.csv:2"], [""]),
        ('id,title\na,b\nd,"e', ["a"], ["feed.csv:3"], ["d"]),
        ("id,title,\na,b,\n,,\n\nd,e,\n", ["a", "d"], [], []),
        ("id,title\na,b,\n", ["a"], [], []),
        ("id,title\n", [], [], []),
    ],
)
def test_a_ragged_or_broken_record_costs_only_itself(tmp_path, body, ids, places, subjects):
    """It is named with its line, and its id where that can be seen; trailing delimiters and empty rows do no harm."""
    table = read_table(written(tmp_path, "feed.csv", body), ("id", "title"))

    assert table.frame["id"].tolist() == ids
    assert [problem.place for problem in table.problems] == places
    assert [problem.subject for problem in table.problems] == subjects
    assert table.rows == len(ids) + len(places)


def test_an_open_quote_in_a_long_file_costs_one_row(tmp_path):
    """The reader goes back to the line after the quote instead of swallowing the rest."""
    rows = [f"{number},title {number}\n" for number in range(20_000)]
    rows[5] = '5,"title 5\n'

    table = read_table(written(tmp_path, "feed.csv", "id,title\n" + "".join(rows)), ("id", "title"))

    assert len(table.frame) == 19_999
    assert table.frame.index[-1] == 20_001
    assert [problem.place for problem in table.problems] == ["feed.csv:7"]


@pytest.mark.parametrize("written_as", ["sale_price", "Sale Price", " SALE-PRICE ", "g:sale_price", "sale  price"])
def test_headings_are_read_in_every_spelling(written_as):
    """Merchant Center's own templates differ in case and spaces."""
    assert column_name(written_as) == "sale_price"


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}", fullmatch=True), CELL), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
)
def test_whatever_csv_writes_is_read_back(tmp_path_factory, rows, delimiter):
    """Any text survives quoting, and every row knows the line where a plain line count finds it."""
    path = Path(tmp_path_factory.mktemp("feed")) / "feed.csv"
    starts, text = [], as_csv([], delimiter, csv.QUOTE_ALL)
    for row in rows:
        starts.append(len(io.StringIO(text, newline="").readlines()) + 1)
        text += as_csv([row], delimiter, csv.QUOTE_ALL).split("\n", 1)[1]
    path.write_text(text, encoding="utf-8", newline="")

    table = read_table(path, ("id", "title"))

    assert table.frame.to_numpy().tolist() == [[cell.strip() for cell in row] for row in rows]
    assert table.frame.index.tolist() == starts


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=200) | st.text(alphabet='ab,;"\n\r\t<>/g:id', max_size=200).map(str.encode),
    name=st.sampled_from(["feed.csv", "feed.jsonl", "feed.xml", "feed.csv.gz"]),
)
def test_no_bytes_break_the_reader(tmp_path_factory, body, name):
    """Whatever stands in the file: rows or a problem with a cure, never another exception."""
    path = Path(tmp_path_factory.mktemp("feed")) / name
    path.write_bytes((b"id,title\n" if name == "feed.csv" else b"") + body)
    table, problems = None, ()
    try:
        table = read_table(path, ("id",))
    except CatalogError as error:
        problems = error.problems

    assert all(problem.fact and problem.cure for problem in problems)
    assert problems if table is None else len(table.frame) + len(table.problems) == table.rows


def test_json_items_of_any_shape_keep_their_ids(tmp_path):
    """Columns that appear late are empty in the rows before."""
    items = [{"id": "a"}, {"id": "b", "color": "red"}, {"id": "c"}]
    path = written(tmp_path, "feed.ndjson.gz", "\n".join(json.dumps(item) for item in items))

    assert read_table(path, ("id",)).frame["color"].tolist() == ["", "red", ""]
