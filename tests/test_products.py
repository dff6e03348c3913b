"""Rows of a feed become products, or problems with file, line, field and cure."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.money import Money
from catalog.products import Product, local_feed_for, read_overrides, read_products

SAMPLE = Path(__file__).parents[1] / "catalog" / "sample" / "aurora" / "products.csv"
GOOD = {"id": "a1", "title": "Bottle", "image_link": "https://cdn.example/a1.png", "price": "34.90 USD"}


def feed_of(folder, *rows, name="products.jsonl"):
    path = folder / name
    path.write_text("\n".join(json.dumps(GOOD | row) for row in rows), encoding="utf-8")
    return path


def read_one(folder, **fields):
    return read_products(feed_of(folder, fields))


def only_product(folder, **fields):
    feed = read_one(folder, **fields)

    assert [str(problem) for problem in feed.problems] == []
    return feed.products[0]


def only_problem(folder, **fields):
    feed = read_one(folder, **fields)

    assert feed.products == ()
    assert [problem.subject for problem in feed.problems] == ["a1"]
    return str(feed.problems[0]).removeprefix("products.jsonl:1: ")


def test_the_sample_feed_is_flawless():
    """18 products, each with its picture beside the feed."""
    feed = read_products(SAMPLE)

    assert feed.problems == ()
    assert (len(feed.products), feed.rows) == (18, 18)
    bottle = feed.products[0]
    assert (bottle.id, bottle.source) == ("aur-bottle-750", "products.csv:2")
    assert bottle.price == Money(amount=Decimal("34.90"), currency="USD")
    assert bottle.attributes == {"custom_label_0": "Cold for 24 hours", "custom_label_1": "Steel Bottle 750"}
    assert Path(bottle.image_link).is_file()


def test_the_sample_says_everything_in_every_language():
    """Each local feed names all products and is itself flawless."""
    ids = {product.id for product in read_products(SAMPLE).products}
    tags = [path.name.split(".")[1] for path in SAMPLE.parent.glob("products.*.csv")]

    assert len(tags) == 10
    for tag in tags:
        rows, problems = read_overrides(local_feed_for(SAMPLE, tag))
        assert (rows.keys(), problems) == (ids, ())


def test_a_wrong_row_costs_only_itself(tmp_path):
    """Every problem of the row is named; the rows around it go on."""
    feed = read_products(feed_of(tmp_path, {}, {"id": "a2", "price": "19,90 EUR", "title": ""}, {"id": "a3"}))

    assert [product.id for product in feed.products] == ["a1", "a3"]
    assert [str(problem) for problem in feed.problems] == [
        "products.jsonl:2: title: is empty. Name the product.",
        "products.jsonl:2: price: '19,90 EUR' is not an amount. Write '19.90 EUR'.",
    ]
    assert {problem.subject for problem in feed.problems} == {"a2"}
    assert feed.rows == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"sale_price": "34.90 USD"},
            "sale_price: 34.90 USD is not below the price, 34.90 USD. Lower it, or leave it empty.",
        ),
        (
            {"sale_price": "9.90 EUR"},
            "sale_price: 9.90 EUR is in another currency than the price, 34.90 USD. Write it in USD.",
        ),
        (
            {"sale_price": "9,90"},
            "sale_price: '9,90' is not an amount. Write number, space and currency, such as '19.90 EUR'.",
        ),
        (
            {"availability": "maybe"},
            "availability: 'maybe' is unknown. Write in_stock, out_of_stock, preorder or backorder.",
        ),
        (
            {"link": "javascript:alert(1)"},
            "link: 'javascript:alert(1)' is no web address. Write https:// and the address of the page.",
        ),
        ({"title": "x" * 151}, "title: has 151 characters. At most 150 fit."),
        ({"description": "x" * 5001}, "description: has 5001 characters. At most 5000 fit."),
        ({"title": "a\u202eb"}, "title: holds U+202E RIGHT-TO-LEFT OVERRIDE at character 2. Remove it."),
        ({"title": "a\ufffab"}, "title: holds U+FFFA INTERLINEAR ANNOTATION SEPARATOR at character 2. Remove it."),
        ({"title": "Caf\ufffd"}, "title: holds U+FFFD REPLACEMENT CHARACTER at character 4. Remove it."),
        ({"title": "a\nb"}, "title: holds U+000A LINE FEED at character 2. Remove it."),
        ({"custom_label_0": "a\0b"}, "custom_label_0: holds U+0000 at character 2. Remove it."),
        ({"brand": "\ud800"}, "brand: holds U+D800 at character 1. Remove it."),
    ],
)
def test_a_wrong_field_is_named(tmp_path, fields, message):
    """Place, fact and cure of each."""
    assert only_problem(tmp_path, **fields) == message


@pytest.mark.parametrize("product_id", ["../x", "a b", "a/b", ".a", "x" * 51])
def test_an_id_must_fit_into_a_file_name(tmp_path, product_id):
    """Ids name variants and files, so none may lead elsewhere."""
    feed = read_products(feed_of(tmp_path, {"id": product_id}))

    assert feed.products == ()
    assert feed.problems[0].place == "products.jsonl:1: id"


def test_a_row_without_id_is_lost_but_counted(tmp_path):
    """Its subject is empty, its line is not."""
    feed = read_products(feed_of(tmp_path, {"id": ""}, {"id": ""}))

    assert [problem.subject for problem in feed.problems] == ["", ""]
    assert str(feed.problems[1]) == "products.jsonl:2: id: is empty. Give every product its own id."


@pytest.mark.parametrize("written", ["in stock", "in_stock", "In Stock", "InStock", "in-stock", ""])
def test_availability_is_read_in_every_spelling(tmp_path, written):
    """Feeds of ten years of Merchant Center differ; saying nothing means in stock."""
    assert only_product(tmp_path, availability=written).availability == "in_stock"


def test_a_sale_has_its_dates(tmp_path):
    """Offsets count: the sale starts at midnight in California."""
    window = "2026-11-20T00:00-0800/2026-12-01T23:59-0800"
    product = only_product(tmp_path, sale_price="27.90 USD", sale_price_effective_date=window)

    assert product.sale_price_at(datetime(2026, 11, 20, 7, 59, tzinfo=UTC)) is None
    assert product.sale_price_at(datetime(2026, 11, 20, 8, 0, tzinfo=UTC)) == product.sale_price
    assert product.sale_price_at(datetime(2026, 12, 2, 7, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "window",
    [
        "2026-11-20T00:00/2026-12-01T00:00",  # no offset
        "2026-11-20/2026-12-01",
        "2026-11-20T00:00-0800",
        "2026-02-30T00:00Z/2026-03-01T00:00Z",  # no such day
        "2026-12-01T00:00Z/2026-11-01T00:00Z",  # ends before it starts
        "next week",
    ],
)
def test_a_sale_without_certain_dates_is_refused(tmp_path, window):
    """A price shown on the wrong day is a false claim."""
    assert only_problem(tmp_path, sale_price_effective_date=window).startswith("sale_price_effective_date: ")


@pytest.mark.parametrize(
    "link", ["https://cdn.example/a.png?v=1", "s3://bucket/a.png", "https://cdn.example:8443/ä.png"]
)
def test_addresses_of_pictures_stay_as_they_are(tmp_path, link):
    """They are fetched later, by whoever may."""
    assert only_product(tmp_path, image_link=link).image_link == link


def test_a_relative_picture_lies_beside_the_feed(tmp_path):
    """The path becomes absolute."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a 1.png").touch()

    assert only_product(tmp_path, image_link="images/a 1.png").image_link == str(tmp_path / "images" / "a 1.png")


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/etc/passwd",
        "../secret.png",
        "images/../../secret.png",
        "images/../there.png",
        "~/a.png",
        "C:\\a.png",
        "images\\a.png",
        "gone.png",
        "http://cdn.example/a.png",
        "https://",
        "https://cdn.example",
        "https://u:p@cdn.example/a.png",
        "ftp://x/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AA",
        "https://cdn.example/a b.png",
        "s3://bucket",
        ".",
    ],
)
def test_pictures_from_elsewhere_are_refused(tmp_path, link):
    """A feed cannot make us read files of the machine or send it over an open line."""
    (tmp_path / "secret.png").touch()
    (tmp_path / "shop" / "images").mkdir(parents=True)
    (tmp_path / "shop" / "there.png").touch()
    feed = read_products(feed_of(tmp_path / "shop", {"image_link": link}))

    assert feed.products == ()
    assert feed.problems[0].place == "products.jsonl:1: image_link"


def test_a_symbolic_link_does_not_lead_out(tmp_path):
    """Where the picture really lies counts."""
    (tmp_path / "secret.png").touch()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.png").symlink_to(tmp_path / "secret.png")
    feed = read_products(feed_of(tmp_path / "shop", {"image_link": "a.png"}))

    assert "leads out of the folder" in feed.problems[0].fact


def test_the_same_id_twice_loses_both(tmp_path):
    """Nobody knows which price is right; both lines are named, the third product goes on."""
    feed = read_products(feed_of(tmp_path, {}, {"id": "b"}, {"price": "1 USD"}))

    assert [product.id for product in feed.products] == ["b"]
    assert [str(problem) for problem in feed.problems] == [
        "products.jsonl:1: id: 'a1' stands in lines 1, 3. Keep one of them.",
        "products.jsonl:3: id: 'a1' stands in lines 1, 3. Keep one of them.",
    ]


def test_columns_that_are_named_like_our_own_fields_are_attributes(tmp_path):
    """A feed cannot set what the reader sets."""
    product = only_product(tmp_path, source="elsewhere", sale_starts="x", attributes="y")

    assert product.source == "products.jsonl:1"
    assert product.attributes == {"source": "elsewhere", "sale_starts": "x", "attributes": "y"}


def test_missing_columns_stop_the_feed(tmp_path):
    """All are named at once, with what may have been meant."""
    path = tmp_path / "products.tsv"
    path.write_text("sku\tname\tPrice\tImage Link\n")

    with pytest.raises(CatalogError) as caught:
        read_products(path)

    assert str(caught.value) == (
        "products.tsv:1: there is no column 'id', only sku, name, price, image_link. Rename 'sku' to 'id'.\n"
        "products.tsv:1: there is no column 'title', only sku, name, price, image_link. Rename 'name' to 'title'."
    )


WILD = st.dictionaries(
    st.sampled_from(
        ["id", "title", "price", "sale_price", "image_link", "availability", "sale_price_effective_date", "x"]
    ),
    st.sampled_from(["", "a1", "b", "1 USD", "2.00 USD", "3,0 EUR", "in stock", "https://x.example/a.png"])
    | st.text(max_size=9),
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(WILD, min_size=1, max_size=6))
def test_every_row_is_a_product_or_a_problem(tmp_path_factory, rows):
    """The account closes whatever people write, and every product that comes out is a valid one."""
    feed = read_products(feed_of(tmp_path_factory.mktemp("feed"), *rows))
    lost = {problem.place.split(":")[1] for problem in feed.problems}

    assert feed.rows == len(rows) == len(feed.products) + len(lost)
    for product in feed.products:
        assert Product.model_validate(product.model_dump()) == product
        assert product.sale_price is None or product.sale_price.amount < product.price.amount
