"""When campaigns run: cron expressions are checked with their line, flights end when they say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaign_folder import CAMPAIGN, write_campaign
from catalog.campaign_file import load_campaign, read_campaigns
from catalog.errors import CatalogError
from catalog.schedule import Flight


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('schedule: {cron: "0 6 * *"}', "schedule.cron: '0 6 * *' does not fit. Write five fields"),
        ('schedule: {cron: "60 6 * * *"}', "A field is outside its range"),
        ('schedule: {cron: "0 6 31 2 *"}', "No month has such a day"),
        ('schedule: {cron: "R 6 * * *"}', "Write five fields"),
        ('schedule: {cron: "0 6 * * MON", timezone: Europe/Berln}', "There is no such time zone"),
        ("flight: {start: 2026-12-24, end: 2026-11-01}", "The flight starts on 2026-12-24"),
        ("schedule: {cron: '0 6 * * MON', zone: UTC}", "schedule.zone: there is no such field"),
    ],
)
def test_a_wrong_schedule_is_named_with_file_and_line(tmp_path, lines, message):
    """Nobody learns in December that a campaign was never going to run."""
    folder = write_campaign(tmp_path / "xmas", campaign=f"{CAMPAIGN}{lines}\n")

    with pytest.raises(CatalogError) as error:
        load_campaign(folder)

    assert f"xmas/campaign.yaml:{CAMPAIGN.count(chr(10)) + 1}" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-10-31T22:59:59+00:00", False),  # 23:59:59 in Berlin
        ("2026-10-31T23:00:00+00:00", True),  # midnight in Berlin
        ("2026-12-24T22:59:59+00:00", True),
        ("2026-12-24T23:00:00+00:00", False),
    ],
)
def test_days_of_a_flight_are_days_of_its_time_zone(moment, inside):
    """Both days are included, as people at home in that zone count them."""
    flight = Flight.model_validate({"start": "2026-11-01", "end": "2026-12-24"})

    assert inside == flight.covers(datetime.fromisoformat(moment), "Europe/Berlin")


def test_a_flight_without_days_is_always_on():
    """Who writes no flight wants none."""
    assert Flight().covers(datetime(1999, 1, 1, tzinfo=UTC))


def test_a_broken_campaign_does_not_hide_the_others(tmp_path):
    """Good ones are read; broken ones are named, and so is one whose id is taken."""
    write_campaign(tmp_path / "a_good")
    write_campaign(tmp_path / "b_twin")
    write_campaign(tmp_path / "c_broken", campaign=CAMPAIGN.replace("feed: products.csv", "feed: nothing.csv"))

    campaigns, problems = read_campaigns(tmp_path)

    assert ["a_good"] == list(campaigns)
    assert [str(problem) for problem in problems] == [
        "b_twin/campaign.yaml:1: id: 'test' is the id of a_good/ already. Choose another id.",
        "c_broken/campaign.yaml:2: feed: there is no file 'nothing.csv' in c_broken/. Check the name.",
    ]
