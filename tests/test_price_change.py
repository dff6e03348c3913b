"""A price changes in the feed: what is made anew, what goes off show, and when. Real pictures, voices and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign_folder import CAMPAIGN, FEED, LOCAL_FEEDS, settle, write_campaign
from renderer import batches
from renderer.account import finished
from renderer.errors import PlanError
from renderer.review import decide, decision_on
from renderer.run_records import RunReport
from renderer.settings import Settings
from renderer.store import open_store
from renderer.watch import look, remember
from test_end_to_end import SMALL_FORMAT

pytestmark = pytest.mark.slow
TWO_LOCALES = (
    CAMPAIGN.replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]")
    .replace("locales: [en-US, de-DE, ja-JP]", "locales: [en-US, de-DE]")
    .replace("duration_s: 2", "duration_s: 1")
    + "review: people\nfeed_shrink: 0.4\npublish: [manifest, merchant_center, vast]\n"
)
CUP = "test/cup/en-US/tiny_9x16"


def render(run_id: str, folder: Path, settings: Settings) -> str:
    """Do what Airflow does until people have to look."""
    run = batches.start_run(str(folder), run_id, None, None, settings)["run"]
    batches.withdraw_run(run, settings)
    for batch in batches.plan_run(run, settings)["batches"]:
        for stage in ("generate", "narrate", "caption", "compose", "check"):
            batches.run_stage(stage, batch, settings)
    batches.review_run(run, settings)
    return run


def approve(run: str, settings: Settings) -> list[str]:
    """Approve what waits, as a person does; return what waited."""
    state = batches.open_run(run, settings)
    waiting = [one for one in finished(state.planned(), state) if decision_on(one[1], state.store) is None]
    for _, _, checked in waiting:
        decide(checked, "approve", "", "vera", state.store)
    return [planned.variant.id for planned, _, _ in waiting]


def reject(variant: str, run: str, settings: Settings) -> None:
    """Change one's mind about an ad that is on show."""
    state = batches.open_run(run, settings)
    (checked,) = (one[2] for one in finished(state.planned(), state) if one[0].variant.id == variant)
    decide(checked, "reject", "wrong cup", "vera", state.store)


def publish(run: str, settings: Settings) -> RunReport:
    batches.publish_run(run, settings)
    report = batches.open_run(run, settings).report()
    assert report is not None
    return report


def manifest(settings: Settings) -> dict[tuple[str, str], str]:
    """The live manifest: the status by variant and price on the ad."""
    body = open_store(settings.store_url).get_bytes("campaigns/test/manifest.jsonl") or b""
    rows = map(json.loads, body.splitlines())
    return {(row["variant"], row["sale_price"] or row["price"]): row["status"] for row in rows}


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> dict:
    """What happened, step by step: first ads, another price, a lamp that sells out, a feed that loses everything."""
    base = tmp_path_factory.mktemp("base")
    folder = write_campaign(base / "templates" / "test", campaign=TWO_LOCALES)
    (folder / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    settings = Settings(store_url=f"file://{base}/store", build_dir=base, templates_dir=base / "templates", workers=2)
    settings = settings.model_copy(update={"public_url": "https://cdn.example.com"})
    found: dict = {}
    settle(folder)
    remember(look(settings), settings)
    first = render("first", folder, settings)
    approve(first, settings)
    publish(first, settings)
    found["before"] = manifest(settings)
    found["feed before"] = (base / "store/campaigns/test/merchant_center/en-US.tsv").read_bytes()

    (folder / "products.csv").write_text(FEED.replace("8.00 USD", "7.00 USD"), encoding="utf-8")
    settle(folder)
    found["told"] = [change["name"] for change in look(settings) if change["reason"]]
    second = render("second", folder, settings)
    found["unreviewed"] = publish(second, settings)
    found["manifest unreviewed"] = manifest(settings)
    found["waited"] = approve(second, settings)
    found["approved"] = publish(second, settings)
    found["after"] = manifest(settings)
    found["feed after"] = (base / "store/campaigns/test/merchant_center/en-US.tsv").read_bytes()
    found["again"] = publish(second, settings)
    reject(CUP, second, settings)
    found["recalled"] = publish(second, settings)
    found["manifest recalled"] = manifest(settings)

    (folder / "products.csv").write_text(
        "id,title,image_link,price,sale_price,brand,custom_label_0,availability\n"
        "cup,Aurora Cup,cup.png,10.00 USD,7.00 USD,Aurora,Holds coffee,in_stock\n"
        "lamp,Aurora Lamp,lamp.png,50.00 USD,,Aurora,Gives light,out_of_stock\n",
        encoding="utf-8",
    )
    found["sold out"] = publish(render("third", folder, settings), settings)
    found["late"] = publish(second, settings)
    found["manifest sold out"] = manifest(settings)
    found["lamp's tag"] = (base / "store/campaigns/test/vast/lamp/en-US/tiny_9x16.xml").read_bytes()

    (folder / "products.csv").write_text("\n".join(FEED.splitlines()[:1]) + "\nvase,V,cup.png,1.00 USD,,A,B\n")
    started = batches.start_run(str(folder), "fourth", None, None, settings)["run"]
    with pytest.raises(PlanError) as error:
        batches.withdraw_run(started, settings)
    found["shrunken"] = str(error.value)
    found["manifest shrunken"] = manifest(settings)
    batches.withdraw_run(started, settings, allow_shrink=True)
    found["manifest allowed"] = manifest(settings)
    return found


def test_a_changed_price_makes_exactly_the_ads_that_show_it_and_no_picture(story):
    """Only the feed is told of; only the English cup waits for eyes; nothing is rendered by the video model."""
    assert story["told"] == ["product feed test/products.csv"]
    assert story["waited"] == [CUP]
    assert (story["approved"].shots_rendered, story["approved"].delivered) == (0, 4)


def test_the_old_ad_stays_until_its_successor_is_approved_and_delivered(story):
    """Before: on show. After: superseded, by name and reason, and the new one is on show."""
    assert story["manifest unreviewed"] == story["before"]
    assert set(story["before"].values()) == {"delivered"}
    assert (story["unreviewed"].withdrawn, len(story["unreviewed"].waiting)) == ((), 1)
    assert story["after"] == story["before"] | {(CUP, "$8"): "superseded", (CUP, "$7"): "delivered"}
    assert [one.variant for one in story["approved"].withdrawn] == [CUP]
    assert story["approved"].withdrawn[0].reason.startswith("superseded: ")


def test_publishing_again_changes_nothing(story):
    """Once and only once, on show too."""
    assert story["again"].model_dump(exclude={"seconds"}) == story["approved"].model_dump(exclude={"seconds"})


def test_an_ad_that_is_rejected_after_all_goes_off_show(story):
    """With who said so and why."""
    assert [(one.variant, one.reason) for one in story["recalled"].withdrawn] == [
        (CUP, "superseded: " + story["approved"].withdrawn[0].reason.removeprefix("superseded: ")),
        (CUP, "withdrawn: vera: wrong cup"),
    ]
    assert story["manifest recalled"][CUP, "$7"] == "withdrawn"


def test_platforms_are_told_the_same(story):
    """The feed names the new file once it is approved, and the lamp's tag answers with no ad once it sold out."""
    feeds = [story[when].decode() for when in ("feed before", "feed after")]

    assert all(feed.startswith("id\tvideo_link\ncup\thttps://cdn.example.com/published/") for feed in feeds)
    assert feeds[0] != feeds[1]
    assert b"<MediaFile" not in story["lamp's tag"]


def test_what_sold_out_goes_off_show_at_once_and_does_not_come_back(story):
    """The run withdraws its ads, asks for no new ones, and an older run that publishes later brings none back."""
    lamps = {key for key in story["after"] if "/lamp/" in key[0]}
    said = {one.variant: one.reason for one in story["sold out"].withdrawn}

    assert {story["manifest sold out"][key] for key in lamps} == {"withdrawn"}
    assert said == {variant: "withdrawn: the product is out of stock" for variant, _ in lamps}
    assert story["sold out"].requested == 2
    late = {one.variant: one.reason for one in story["late"].rejected if one.variant != CUP}
    assert late == {variant: "came too late: the product is out of stock" for variant, _ in lamps}
    assert story["late"].requested == story["late"].delivered + len(story["late"].rejected)


def test_a_feed_that_lost_everything_stops_and_withdraws_nothing(story):
    """Until a person allows it."""
    assert "1 of 1 advertised products are gone from the feed (such as cup)" in story["shrunken"]
    assert story["manifest shrunken"] == story["manifest sold out"]
    assert "delivered" not in story["manifest allowed"].values()


def test_local_feeds_keep_their_own_price(story):
    """The German cup has a price of its own, and its ad stays as it is."""
    assert "9.50 EUR" in LOCAL_FEEDS["products.de-DE.csv"]
    assert story["after"]["test/cup/de-DE/tiny_9x16", "9,50\xa0€"] == "delivered"
