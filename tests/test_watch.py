"""Which catalogs changed: by content, by ETag, by the clock; each change is told until it is remembered."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from campaign_folder import CAMPAIGN, FEED, settle, write_campaign
from catalog.errors import CatalogError
from renderer import batches
from renderer.errors import PlanError, StoreError
from renderer.settings import Settings
from renderer.store.s3 import s3_client
from renderer.watch import look, remember

WINDOW = "2026-11-01T00:00+0000/2026-11-10T00:00+0000"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        store_url=f"file://{tmp_path}/store", build_dir=tmp_path, templates_dir=tmp_path / "templates", workers=1
    )


def told(settings: Settings) -> dict[str, str]:
    """What a look tells, by name; and remember it."""
    settle(settings.templates_dir)
    changes = look(settings)
    remember(changes, settings)
    return {change["name"]: change["reason"] for change in changes if change["reason"]}


def test_a_change_is_told_once_to_whom_it_concerns(settings):
    """The first look remembers; then a feed, a local feed or copy that changed is told, drafts of copy are not."""
    folder = write_campaign(settings.templates_dir / "one")
    write_campaign(settings.templates_dir / "two", campaign=CAMPAIGN.replace("id: test", "id: two"))
    quiet = [told(settings), told(settings)]
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))
    feed = told(settings)
    (folder / "products.de-DE.csv").write_text("id,title,price\ncup,Tasse,12.00 EUR\n")
    local = told(settings)
    (folder / "copy" / "en.draft.yaml").write_text("hook: perhaps\n")
    draft = told(settings)
    (folder / "copy" / "en.yaml").write_text("hook: Drink\noffer: Now\ncta: Shop\n")

    assert quiet == [{}, {}]
    assert feed == local == {"product feed one/products.csv": "its content changed"}
    assert draft == {}
    assert told(settings) == {"locales of one": "its content changed"}
    assert told(settings) == {}


def test_a_file_that_is_being_written_is_left_for_the_next_look(settings):
    """Half a feed would withdraw the other half."""
    folder = write_campaign(settings.templates_dir / "one")
    told(settings)
    (folder / "products.csv").write_text(FEED[:60])
    writing = look(settings)
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))

    assert writing == []
    assert told(settings) == {"product feed one/products.csv": "its content changed"}


def test_a_change_that_was_not_remembered_is_told_again(settings):
    """Whoever dies between telling and remembering tells twice; nobody is forgotten."""
    folder = write_campaign(settings.templates_dir / "one")
    told(settings)
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))
    settle(folder)

    assert look(settings)[0]["reason"] == look(settings)[0]["reason"] == "its content changed"


def test_a_sale_that_ends_is_a_change_though_no_file_is(settings):
    """Told once after each end of the window, and not before."""
    feed = (
        f"{FEED.splitlines()[0]},sale_price_effective_date\ncup,Cup,cup.png,10.00 USD,8.00 USD,Aurora,Holds,{WINDOW}\n"
    )
    folder = write_campaign(settings.templates_dir / "one", feed=feed)
    found = []
    for day in ("2026-10-30", "2026-10-31", "2026-11-02", "2026-11-03", "2026-11-11", "2026-11-12"):
        with time_machine.travel(datetime.fromisoformat(day).replace(tzinfo=UTC), tick=False):
            if day == "2026-10-30":
                run = batches.start_run(str(folder), "r1", None, None, settings)["run"]
                batches.withdraw_run(run, settings)
            found.append(told(settings))

    turned = {"product feed one/products.csv": "a sale began or ended"}
    assert found == [{}, {}, turned, {}, turned, {}]


def test_one_feed_that_is_gone_does_not_hide_the_others(settings, s3_server):
    """It is said at the end, when the others are told and remembered."""
    folder = write_campaign(settings.templates_dir / "one")
    write_campaign(
        settings.templates_dir / "two",
        campaign=CAMPAIGN.replace("id: test", "id: two").replace("feed: p", "feed: s3://adloom/none/p"),
    )
    settle(settings.templates_dir)
    with pytest.raises(PlanError, match=r"s3://adloom/none/products.csv: there is no such object"):
        remember(look(settings), settings)
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))
    settle(folder)

    assert {"its content changed"} == {change["reason"] for change in look(settings) if change["reason"]}


def upload(folder: Path, key: str) -> None:
    """Put a feed with its local feeds into the bucket; pictures get whole addresses."""
    client = s3_client()
    for path in folder.glob("products*.csv"):
        text = (
            path.read_text()
            .replace(",cup.png", ",s3://adloom/p/cup.png")
            .replace(",lamp.png", ",s3://adloom/p/lamp.png")
        )
        client.put_object(Bucket="adloom", Key=f"{key}/{path.name}", Body=text.encode())
    for path in folder.glob("*.png"):
        client.upload_file(str(path), "adloom", f"p/{path.name}")


def test_a_feed_on_s3_is_watched_by_etag_and_read_with_its_local_feeds(settings, s3_server):
    """A changed object is a change; runs take the object as it is then, German prices too."""
    text = CAMPAIGN.replace("feed: products.csv", "feed: s3://adloom/feeds/products.csv")
    folder = write_campaign(settings.templates_dir / "one", campaign=text)
    upload(folder, "feeds")
    s3_client().put_object(Bucket="adloom", Key="feeds/products-old.csv", Body=b"not ours")
    first = told(settings)
    run = batches.start_run(str(folder), "r1", None, None, settings)
    prices = {(one.product_id, one.locale): one.price for one in batches.open_run(run["run"], settings).variants()}
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))
    upload(folder, "feeds")
    changed = told(settings)
    again = batches.start_run(str(folder), "r2", None, None, settings)

    assert (first, changed) == ({}, {"product feed adloom/feeds/products.csv": "its content changed"})
    assert ("$10", "11\xa0€") == (prices["cup", "en-US"], prices["cup", "de-DE"])
    assert "$12" in {one.price for one in batches.open_run(again["run"], settings).variants()}


def test_a_feed_on_s3_that_is_not_there_is_said_so(settings, s3_server):
    """With its address and what to do."""
    text = CAMPAIGN.replace("feed: products.csv", "feed: s3://adloom/nowhere/products.csv")
    folder = write_campaign(settings.templates_dir / "one", campaign=text)

    with pytest.raises(
        StoreError, match=r"s3://adloom/nowhere/products.csv: there is no such object. Check the address"
    ):
        batches.start_run(str(folder), "r1", None, None, settings)


def test_a_feed_of_unknown_kind_is_a_problem_of_the_campaign(settings):
    """It is named with its line before anything is read."""
    folder = write_campaign(settings.templates_dir / "one", campaign=CAMPAIGN.replace("products.csv", "products.doc"))
    shutil.copy(folder / "products.csv", folder / "products.doc")

    with pytest.raises(CatalogError, match=r"one/campaign.yaml:2: feed: is no kind of feed"):
        batches.start_run(str(folder), "r1", None, None, settings)


@pytest.mark.slow
def test_airflow_hears_of_exactly_the_changed_catalogs(settings, airflow_db, monkeypatch):
    """The watcher's DAG makes an asset event for a changed feed, and none for what stayed."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    folder = write_campaign(settings.templates_dir / "one")
    for name in ("store_url", "build_dir", "templates_dir"):
        monkeypatch.setenv(f"ADLOOM_{name.upper()}", str(getattr(settings, name)))
    dag = DagBag(str(Path(__file__).parents[1] / "dags" / "catalog_watch.py")).dags["catalog_watch"]
    settle(folder)
    states = [str(dag.test().state)]
    (folder / "products.csv").write_text(FEED.replace("10.00 USD", "12.00 USD"))
    settle(folder)
    states.append(str(dag.test().state))
    with create_session() as session:
        events = session.execute(
            select(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        ).all()

    assert states == ["success", "success"]
    assert [(name, extra["reason"]) for name, extra in events] == [
        ("product feed one/products.csv", "its content changed")
    ]
    assert os.environ["ADLOOM_STORE_URL"].startswith("file://")
