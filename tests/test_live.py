"""What is on show of a campaign: one row per creative, and every change with its date and reason."""

from __future__ import annotations

import json

import pytest

from renderer.errors import PlanError
from renderer.live import add_events, folded, gone, live_rows, news, refuse_shrunken
from renderer.run_records import LiveRow, Offer, Offers, SaleWindow
from renderer.store import Store, open_store


def row(variant: str = "c/cup/en-US/story_9x16", sha256: str = "a" * 64, **changes) -> LiveRow:
    """A creative on show."""
    campaign, product, locale, form = variant.split("/")
    facts = {
        "variant": variant, "campaign": campaign, "product": product, "locale": locale, "format": form, "axes": {},
        "url": f"s3://ads/published/{sha256}.mp4", "sha256": sha256, "captions": (), "headlines": (), "narration": "",
        "cta": "", "price": "$10", "sale_price": "", "delivered_at": "2026-11-01T00:00:00+00:00", "model": "backdrop",
        "model_revision": "", "approximations": (), "licence": "", "attribution": "", "disclosure": False,
        "keeps_watermark": False, "trains_no_models": False, "music": "", "music_licence": "", "status": "delivered",
        "status_at": "2026-11-01T00:00:00+00:00", "run": "c/r1",
    }  # fmt: skip
    return LiveRow.model_validate(facts | changes)


def offers(**products: Offer) -> Offers:
    """What a feed with these products offers."""
    facts = {"as_of": "2026-11-01T00:00:00+00:00", "locales": ("en-US", "de-DE"), "formats": ("story_9x16",)}
    return Offers(**facts, products=products)


def on_sale(ends: str, locale: str = "") -> Offer:
    """A product that is cheaper until then."""
    return Offer(sales={locale: SaleWindow(ends=ends)})


@pytest.fixture
def cdn(tmp_path) -> Store:
    return open_store(f"file://{tmp_path}/cdn")


def test_a_new_creative_takes_the_place_of_the_old_one(cdn):
    """The old row stays, superseded by the run that delivered its successor."""
    add_events([row()], "c", cdn)
    rows = add_events([row(sha256="b" * 64, run="c/r2", status_at="2026-11-02T00:00:00+00:00")], "c", cdn)
    told = [json.loads(line) for line in cdn.get_bytes("campaigns/c/manifest.jsonl").splitlines()]

    assert ["superseded", "delivered"] == [one.status for one in rows] == [one["status"] for one in told]
    assert ("2026-11-02T00:00:00+00:00", "c/r2", "bbbbbbbbbbbb took its place") == (
        told[0]["status_at"], told[0]["run"], told[0]["reason"],
    )  # fmt: skip


def test_two_publishers_at_once_lose_nothing(cdn, monkeypatch):
    """One whose event comes while another writes the manifest stands in it all the same."""
    from renderer import live

    write, meanwhile = live.write_manifest, [row("c/lamp/en-US/story_9x16")]

    def slow(*facts):
        if meanwhile:
            event = meanwhile.pop()
            cdn.put_bytes("campaigns/c/events/20990101T000000.000000-x.jsonl", f"{event.model_dump_json()}\n".encode())
        write(*facts)

    monkeypatch.setattr(live, "write_manifest", slow)
    add_events([row()], "c", cdn)

    assert 2 == len(cdn.get_bytes("campaigns/c/manifest.jsonl").splitlines())


def test_rows_of_other_versions_are_read(cdn):
    """A field that came later is empty, one that is no more is left out; history outlives its writers."""
    facts = json.loads(row().model_dump_json())
    former = {name: value for name, value in facts.items() if name not in ("licence", "captions")} | {"mood": "calm"}
    cdn.put_bytes("campaigns/c/events/20260101T000000.000000-x.jsonl", json.dumps(former).encode())

    assert [row()] == live_rows("c", cdn)


def test_what_comes_back_is_on_show_again(cdn):
    """Out of stock and in stock again: the same file is delivered again, and one row tells the latest."""
    withdrawn = row(status="withdrawn", reason="the product is out of stock")
    rows = add_events([row(), withdrawn], "c", cdn)

    assert ["withdrawn"] == [one.status for one in rows]
    assert [row()] == news(rows, [row()])
    assert ["delivered"] == [one.status for one in add_events([row()], "c", cdn)]
    assert [] == news(live_rows("c", cdn), [row()])


def test_a_withdrawal_that_came_too_late_takes_nothing_away():
    """The creative it meant was superseded meanwhile; its successor stays."""
    rows = folded([row(), row(sha256="b" * 64), row(status="withdrawn")])

    assert ["superseded", "delivered"] == [one.status for one in rows]


@pytest.mark.parametrize(
    ("feed", "changes", "reason"),
    [
        (offers(cup=Offer()), {}, None),
        (offers(lamp=Offer()), {}, "the feed no longer has the product"),
        (offers(cup=Offer(sold_out=True)), {}, "the product is out of stock"),
        (offers(cup=Offer(sold_out_in=("de-DE",))), {}, None),
        (offers(cup=Offer(sold_out_in=("en-US",))), {}, "the product is out of stock"),
        (offers(cup=on_sale("2026-11-02T00:00:00+00:00")), {}, None),
        (
            offers(cup=on_sale("2026-11-02T00:00:00+00:00")),
            {"sale_price": "$8"},
            "its sale ended at 2026-11-02T00:00:00+00:00",
        ),
        (offers(cup=on_sale("2099-11-02T00:00:00+00:00")), {"sale_price": "$8"}, None),
        (offers(cup=on_sale("2026-11-02T00:00:00+00:00", "de-DE")), {"sale_price": "$8"}, None),
        (offers(cup=Offer()), {"locale": "fr-FR"}, "the campaign no longer asks for fr-FR"),
        (offers().model_copy(update={"unasked": {"cup": Offer(sold_out=True)}}), {}, "the product is out of stock"),
        (offers().model_copy(update={"unasked": {"cup": Offer()}}), {}, "the campaign no longer asks for the product"),
        (offers().model_copy(update={"refused": ("cup",)}), {}, None),
    ],
)
def test_why_an_ad_goes_off_show(feed, changes, reason):
    """Vanished, sold out, sale over, no longer asked for; a row that cannot be read takes nothing away."""
    found = gone([row(**changes)], feed, "c/r2")

    assert ([reason] if reason else []) == [one.reason for _, one in found]
    assert all((one.status, one.run) == ("withdrawn", "c/r2") for _, one in found)


def test_a_feed_that_shrank_too_much_stops_for_a_person():
    """One of three may go at 0.4; two may not, and the message says what to do. Sold out is no lack."""
    live = [row(f"c/{name}/en-US/story_9x16") for name in ("cup", "lamp", "vase")]
    for feed in (
        offers(cup=Offer(), lamp=Offer()),
        offers(cup=Offer(sold_out=True), lamp=Offer(sold_out=True), vase=Offer()),
    ):
        allowed = feed.model_copy(update={"feed_shrink": 0.4})
        refuse_shrunken("c", live, gone(live, allowed, "r"), allowed)
    shrunken = offers(cup=Offer()).model_copy(update={"feed_shrink": 0.4})

    with pytest.raises(
        PlanError, match=r"2 of 3 advertised products are gone from the feed .*lamp.*feed_shrink: 0.4.*allow_shrink"
    ):
        refuse_shrunken("c", live, gone(live, shrunken, "r"), shrunken)
