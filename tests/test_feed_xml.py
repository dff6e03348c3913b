"""RSS and Atom feeds become rows, without a tree in memory and without entities."""

import gzip

import pytest

from catalog.errors import CatalogError
from catalog.feed import read_table


def written(folder, name, body):
    path = folder / name
    path.write_bytes(gzip.compress(body.encode()) if name.endswith(".gz") else body.encode())
    return path


RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<title>Shop</title>
<item>
  <title>Plain</title><g:title>Bottle &amp; cap</g:title>
  <g:id>a1</g:id>
  <g:shipping><g:country>US</g:country><g:price>5.00 USD</g:price></g:shipping>
  <g:price>19.90 USD</g:price>
  <g:additional_image_link>1.png</g:additional_image_link><g:additional_image_link>2.png</g:additional_image_link>
</item>
<item><g:id>a2</g:id><title><![CDATA[<b> & co]]></title><link>https://x.example/a2</link></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title><id>shop</id>
<entry><id>urn:x</id><g:id>a1</g:id><title>Bottle</title>
<link rel="self" href="https://x.example/feed"/><link href="https://x.example/a1"/></entry></feed>"""


def test_rss_items_become_rows(tmp_path):
    """Merchant Center's own fields win; the price inside shipping is not the price."""
    frame = read_table(written(tmp_path, "feed.xml", RSS), ("id",)).frame

    assert frame.index.tolist() == [4, 11]
    first, second = frame.to_dict("records")
    assert (first["id"], first["title"], first["price"]) == ("a1", "Bottle & cap", "19.90 USD")
    assert first["shipping"] == "US:5.00 USD"
    assert first["additional_image_link"] == "1.png,2.png"
    assert (second["id"], second["title"], second["link"]) == ("a2", "<b> & co", "https://x.example/a2")


def test_atom_entries_become_rows(tmp_path):
    """The link is the address of the page, not of the feed."""
    frame = read_table(written(tmp_path, "feed.atom.gz", ATOM), ("id",)).frame

    assert frame.to_dict("records") == [{"id": "a1", "title": "Bottle", "link": "https://x.example/a1"}]
    assert frame.index.tolist() == [3]


@pytest.mark.parametrize(
    ("body", "place", "fact"),
    [
        (RSS[:-30], "feed.xml:11", "is not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>\n<rss><item><id>&b;</id></item></rss>', "feed.xml:1", "declares a DOCTYPE"),
        ('<!DOCTYPE rss SYSTEM "rss.dtd">\n<rss><item><id>b</id></item></rss>', "feed.xml:1", "declares a DOCTYPE"),
        ("<rss></rss>", "feed.xml", "holds no product"),
        ("<rss>\n<item><a>" + "x" * 1_000_001 + "</a></item></rss>", "feed.xml:2", "is not XML"),
        ("<rss><item>" + "<a>" * 30 + "</a>" * 30 + "</item></rss>", "feed.xml:1", "is not XML"),
    ],
)
def test_xml_that_is_broken_or_dangerous_is_refused(tmp_path, body, place, fact):
    """No part of such a file is used, and entities never unfold."""
    with pytest.raises(CatalogError) as caught:
        read_table(written(tmp_path, "feed.xml", body), ("id", "title"))
    problems = [str(problem) for problem in caught.value.problems]

    assert len(problems) == 1
    assert problems[0].startswith(place)
    assert fact in problems[0]
