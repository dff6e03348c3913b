"""Local feeds say what one market says differently."""

import json
from datetime import UTC, datetime

import pytest

from catalog.products import Product, local_feed_for, localize, read_overrides, read_products

GOOD = {"id": "a1", "title": "Bottle", "image_link": "https://cdn.example/a1.png", "price": "34.90 USD"}


@pytest.mark.parametrize(
    ("there", "tag", "found"),
    [
        (["products.de-DE.csv", "products.de.csv"], "de-DE", "products.de-DE.csv"),
        (["products.de.csv"], "de-CH", "products.de.csv"),
        (["products.zh-Hant.csv"], "zh-Hant-TW", "products.zh-Hant.csv"),
        (["products.fr.csv"], "de-DE", None),
        (["products.de.tsv"], "de-DE", None),
    ],
)
def test_the_nearest_local_feed_is_found(tmp_path, there, tag, found):
    """Region first, then script, then language; the same kind of file."""
    for name in there:
        (tmp_path / name).touch()
    local = local_feed_for(tmp_path / "products.csv", tag)

    assert (local and local.name) == found


def test_packed_feeds_have_packed_local_feeds(tmp_path):
    """The tag stands before both endings."""
    (tmp_path / "my.products.de.xml.gz").touch()

    assert local_feed_for(tmp_path / "my.products.xml.gz", "de-DE").name == "my.products.de.xml.gz"


def localized(folder, base, said):
    feed = folder / "products.jsonl"
    feed.write_text(json.dumps(GOOD | base), encoding="utf-8")
    product = read_products(feed).products[0]
    path = folder / "products.de.jsonl"
    path.write_text(json.dumps({"id": "a1"} | said), encoding="utf-8")
    rows, problems = read_overrides(path)

    assert problems == ()
    return localize(product, rows["a1"])


def test_a_local_row_changes_what_it_says(tmp_path):
    """Text, price and attributes; the rest stays, and what is empty says nothing."""
    base = {"brand": "Aurora", "custom_label_0": "Cold", "custom_label_1": "Steel", "sale_price": "27.90 USD"}
    product = localized(
        tmp_path, base, {"title": "Flasche", "price": "29.90 EUR", "brand": "", "custom_label_0": "Kalt"}
    )

    assert (product.title, str(product.price), product.brand) == ("Flasche", "29.90 EUR", "Aurora")
    assert product.sale_price is None
    assert product.attributes == {"custom_label_0": "Kalt", "custom_label_1": "Steel"}
    assert Product.model_validate(product.model_dump()) == product


def test_a_local_sale_keeps_the_dates_of_the_feed(tmp_path):
    """A local price may have its own sale price; one calendar rules all markets unless a row says otherwise."""
    window = "2026-11-20T00:00Z/2026-12-01T00:00Z"
    product = localized(
        tmp_path,
        {"sale_price": "27.90 USD", "sale_price_effective_date": window},
        {"price": "29.90 EUR", "sale_price": "19.90 EUR"},
    )

    assert str(product.sale_price_at(datetime(2026, 11, 25, tzinfo=UTC))) == "19.90 EUR"
    assert product.sale_price_at(datetime(2026, 12, 25, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sale_price": "9.90 EUR"}, "price: is missing beside a sale price. Write the former price too."),
        ({"price": "9,90 EUR"}, "price: '9,90 EUR' is not an amount. Write '9.90 EUR'."),
        (
            {"price": "9 EUR", "sale_price": "10 EUR"},
            "sale_price: 10 EUR is not below the price, 9 EUR. Lower it, or leave it empty.",
        ),
    ],
)
def test_a_wrong_local_row_is_named(tmp_path, said, message):
    """The product would be shown with the wrong price, so the row is no override."""
    path = tmp_path / "products.de.jsonl"
    path.write_text(json.dumps({"id": "a1"} | said))
    rows, problems = read_overrides(path)

    assert rows == {}
    assert [str(problem) for problem in problems] == [f"products.de.jsonl:1: {message}"]


def test_a_market_without_a_row_gets_the_product_as_it_is(tmp_path):
    """Nothing said, nothing changed."""
    feed = tmp_path / "products.jsonl"
    feed.write_text(json.dumps(GOOD), encoding="utf-8")
    product = read_products(feed).products[0]

    assert localize(product, None) is product
