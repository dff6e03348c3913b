"""Settings: what the environment says is used or refused, never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from renderer.errors import SettingsError
from renderer.licences import Deployer
from renderer.settings import Settings


def test_variables_become_settings():
    """`ADLOOM_WORKERS=3` is three workers; other variables are nobody's business."""
    found = Settings.from_environment({"ADLOOM_WORKERS": "3", "ADLOOM_FONT_DIRS": "/a:/b", "PATH": "/bin"})

    assert (3, (Path("/a"), Path("/b"))) == (found.workers, found.font_folders)


def test_a_misspelt_variable_is_refused_with_the_known_ones():
    """A typo never means the default."""
    with pytest.raises(SettingsError, match=r"ADLOOM_WORKER: there is no such setting\. Known: ADLOOM_STORE_URL"):
        Settings.from_environment({"ADLOOM_WORKER": "3"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "many"),
        ("WORKERS", "0"),
        ("DEVICE", "tpu"),
        ("S3_PORT", "80"),
        ("RAY_JOBS_URL", "head:8265"),
        ("TERRITORY", "EU"),
        ("TERRITORY", "UK"),
        ("TERRITORY", "de"),
        ("ANNUAL_REVENUE_USD", "-1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_fits(name, value):
    """The variable, the value and the expectation stand in one line."""
    with pytest.raises(SettingsError, match=rf"ADLOOM_{name}: .* got '{value}'\. Expected: "):
        Settings.from_environment({f"ADLOOM_{name}": value})


def test_an_unknown_licence_is_refused_with_the_known_ones():
    """A misspelt acceptance accepts nothing, and says so."""
    with pytest.raises(SettingsError, match=r"there is no licence LTX-9; known are Apache-2\.0, .*MiniMax-H3"):
        Settings.from_environment({"ADLOOM_ACCEPTED_LICENCES": "MiniMax-H3, LTX-9"})


def test_commits_of_weights_are_pinned_by_model():
    """Spaces after commas do not count."""
    first, second = "a" * 40, "0123456789" * 4
    found = Settings.from_environment({"ADLOOM_MODEL_REVISIONS": f"svd={first}, ltx-2.5={second},"})

    assert {"svd": first, "ltx-2.5": second} == found.pinned_revisions


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ("svd=main", "svd=main is no model=commit"),
        (f"svd={'a' * 39}", "is no model=commit"),
        ("a" * 40, "is no model=commit"),
        (f"svd={'a' * 40},svd={'b' * 40}", "svd has two commits"),
    ],
)
def test_pins_that_pin_nothing_are_refused(pins, message):
    """A branch moves, and half a commit may be any."""
    with pytest.raises(SettingsError, match=f"ADLOOM_MODEL_REVISIONS: .*{message}"):
        Settings.from_environment({"ADLOOM_MODEL_REVISIONS": pins})


def test_who_makes_the_ads_is_read_from_the_environment():
    """Lists are separated by commas; what is not said is unknown, not zero."""
    found = Settings.from_environment(
        {"ADLOOM_ACCEPTED_LICENCES": "MiniMax-H3, SkyReels-Community", "ADLOOM_TERRITORY": "CH"}
    )

    assert Deployer(accepted=("MiniMax-H3", "SkyReels-Community"), territory="CH") == found.deployer
    assert found.deployer.annual_revenue_usd is None
