"""Licences: what weights may be used for is known, judged, and written beside every ad."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from campaign_folder import FACTS, context_of, expanded, planned, voices_of, write_campaign
from catalog.inputs import read_inputs
from renderer import batches
from renderer.artifacts import Checked, Creative, Delivery
from renderer.backends import video_models
from renderer.backends.video_models import VIDEO_MODELS
from renderer.errors import PlanError
from renderer.licences import EUROPEAN_UNION, LICENCES, Deployer, Licence, judge
from renderer.plan import RenderPlan, plan
from renderer.publish import manifest_row, write_manifest
from renderer.run_records import ModelUse, Terms
from renderer.settings import Settings
from renderer.store import Store, open_store
from renderer.tools import Tools
from renderer.versions import checked_key

LTX, TENCENT, MINIMAX = (LICENCES[name] for name in ("LTX-2.x-Community", "Tencent-Hunyuan-Community", "MiniMax-H3"))
WORLD = ("de-DE", "en-US", "fr-FR", "ja-JP")


def refusals(licence: Licence, deployer: Deployer, *locales: str) -> list[str]:
    return [finding.sentence for finding in judge(licence, deployer, locales) if finding.severity == "refuse"]


def warnings(licence: Licence, *locales: str) -> list[str]:
    return [finding.sentence for finding in judge(licence, Deployer(), locales) if finding.severity == "warn"]


def accepting(licence: Licence, **facts: object) -> Deployer:
    return replace(Deployer(accepted=(licence.name,), territory="CH", annual_revenue_usd=0), **facts)


@pytest.mark.parametrize("name", VIDEO_MODELS)
def test_every_video_model_has_a_licence_of_the_table(name):
    """No model is used whose terms nobody wrote down."""
    assert VIDEO_MODELS[name].licence in LICENCES


def test_every_row_says_what_was_read_and_when():
    """A table without sources cannot be checked again."""
    assert all(licence.source and licence.read_on.year >= 2026 for licence in LICENCES.values())
    assert {name: licence.name for name, licence in LICENCES.items()} == {name: name for name in LICENCES}
    assert {"Stability-Community", "CreativeML-OpenRAIL-M", "SkyReels-Community"} == {
        name for name, licence in LICENCES.items() if not licence.verified
    }


def test_the_european_union_is_its_27_members():
    """Neither the union's own code nor a country that left it."""
    assert 27 == len(EUROPEAN_UNION)
    assert not {"EU", "GB", "CH", "NO"} & EUROPEAN_UNION


@pytest.mark.parametrize("name", ["Apache-2.0", "MIT", "OpenMDW"])
def test_open_licences_pass_in_silence(name):
    """Nobody has to say who they are or accept anything."""
    assert [] == judge(LICENCES[name], Deployer(), WORLD)


@pytest.mark.parametrize("name", [name for name, licence in LICENCES.items() if not licence.is_open])
def test_every_other_licence_is_refused_until_somebody_says_so(name):
    """Silence is no acceptance; the line to set is part of the sentence."""
    found = refusals(LICENCES[name], Deployer(territory="CH", annual_revenue_usd=0), "de-CH")

    assert found
    assert any(f"ADLOOM_ACCEPTED_LICENCES={name}" in one or f"ADLOOM_LICENCE_AGREEMENTS={name}" in one for one in found)


def test_the_line_to_set_keeps_what_was_accepted_before():
    """Whoever copies it loses nothing."""
    deployer = Deployer(accepted=(TENCENT.name,), territory="CH")

    assert (
        f"ADLOOM_ACCEPTED_LICENCES={TENCENT.name},CreativeML-OpenRAIL-M"
        in refusals(LICENCES["CreativeML-OpenRAIL-M"], deployer).pop()
    )


def test_excluded_territories_are_those_of_the_locales():
    """Countries and locales are named, and the day the licence was read."""
    assert [
        "licence Tencent-Hunyuan-Community excludes DE, FR (campaign locales de-DE, fr-FR; read 2026-11-22). Choose "
        "another model, remove those locales, or, with an agreement of your own, set "
        "ADLOOM_LICENCE_AGREEMENTS=Tencent-Hunyuan-Community."
    ] == refusals(TENCENT, accepting(TENCENT), *WORLD)
    assert [] == refusals(TENCENT, accepting(TENCENT), "en-US", "ja-JP", "zh-Hant-TW")


@pytest.mark.parametrize(
    ("territory", "expected"),
    [("DE", "excludes DE (ADLOOM_TERRITORY=DE;"), ("", "where you are is unknown. Set ADLOOM_TERRITORY")],
)
def test_excluded_territories_are_also_where_the_ads_are_made(territory, expected):
    """An unknown place is no permission."""
    assert expected in refusals(TENCENT, accepting(TENCENT, territory=territory), "ja-JP").pop()


def test_a_locale_without_a_country_is_pointed_out():
    """`es-419` is many countries: somebody must know where those ads go."""
    assert [] == refusals(TENCENT, accepting(TENCENT), "es-419")
    assert any("es-419 may reach them" in sentence for sentence in warnings(TENCENT, "es-419", "ja-JP"))


@pytest.mark.parametrize(
    ("revenue", "expected"),
    [
        (None, ["yours is unknown. Set ADLOOM_ANNUAL_REVENUE_USD"]),
        (20_000_000, []),
        (20_000_001, ["at most 20,000,000 USD (read 2026-11-22); yours is 20,000,001"]),
    ],
)
def test_a_revenue_above_the_ceiling_or_unknown_is_refused(revenue, expected):
    """The ceiling itself is still allowed."""
    found = refusals(MINIMAX, accepting(MINIMAX, annual_revenue_usd=revenue), "ja-JP")

    assert len(expected) == len(found)
    assert all(words in sentence for words, sentence in zip(expected, found, strict=True))


@pytest.mark.parametrize(("revenue", "count"), [(9_999_999, 0), (10_000_000, 1)])
def test_from_ten_million_on_ltx_wants_a_paid_licence(revenue, count):
    """Ten million is already too much."""
    found = refusals(LTX, accepting(LTX, annual_revenue_usd=revenue), "ja-JP")

    assert count == sum("annual revenue" in sentence for sentence in found)


def test_competing_products_need_an_agreement():
    """Accepting a licence does not help where it forbids the product."""
    found = refusals(LTX, accepting(LTX), "ja-JP")

    assert "forbids products that compete with Lightricks" in found[0]
    assert f"set ADLOOM_LICENCE_AGREEMENTS={LTX.name}." in found[0]


@pytest.mark.parametrize("name", ["Stability-Community", "non-commercial"])
def test_weights_for_no_commerce_need_an_agreement(name):
    """An ad is commerce, wherever and by whom it is made: one sentence says it, accepted or not."""
    for deployer in (Deployer(), accepting(LICENCES[name])):
        assert [True] == ["forbids commercial use" in one for one in refusals(LICENCES[name], deployer)]


@pytest.mark.parametrize("licence", LICENCES.values(), ids=list(LICENCES))
def test_an_own_agreement_lifts_every_limit(licence):
    """Revenue, territory, product and acceptance, all at once."""
    assert [] == refusals(licence, Deployer(agreements=(licence.name,)), *WORLD)


def test_duties_are_warned_of():
    """Showing, marking, keeping marks, not training, and what nobody has checked."""
    assert any("'Made with MiniMax-H3.'" in sentence for sentence in warnings(MINIMAX))
    assert ["made by a machine", "watermarks", "train or improve"] == [
        words for words in ("made by a machine", "watermarks", "train or improve") if words in " ".join(warnings(LTX))
    ]
    assert "unverified" in warnings(LICENCES["SkyReels-Community"]).pop()


def planned_under(licence: Licence, folder: Path, deployer: Deployer) -> RenderPlan:
    """Plan with a model of that licence."""
    inputs = read_inputs(write_campaign(folder))
    voices = voices_of(inputs.locales.values())
    tools = Tools.of(inputs.campaign, "a-model", replace(FACTS, licence=licence.name), voices, "fonts")
    return plan(expanded(folder), context_of(inputs), replace(tools, deployer=deployer))


def test_planning_refuses_what_the_licence_does(tmp_path):
    """Every reason stands in its own line and names the model."""
    with pytest.raises(PlanError) as refused:
        planned_under(TENCENT, tmp_path, Deployer(territory="FR"))

    lines = str(refused.value).splitlines()

    assert all(line.startswith("model a-model: licence Tencent-Hunyuan-Community ") for line in lines)
    assert ["is not open", "excludes DE (campaign locales de-DE;", "excludes FR (ADLOOM_TERRITORY=FR;"] == [
        line.removeprefix("model a-model: licence Tencent-Hunyuan-Community ")[: len(start)]
        for line, start in zip(
            lines,
            ("is not open", "excludes DE (campaign locales de-DE;", "excludes FR (ADLOOM_TERRITORY=FR;"),
            strict=True,
        )
    ]


def test_planning_warns_of_what_the_licence_asks(tmp_path):
    """With an agreement the plan goes on, and its duties are known."""
    found = planned_under(LTX, tmp_path, Deployer(agreements=(LTX.name,))).warnings

    assert found
    assert all(sentence.startswith("model a-model: licence LTX-2.x-Community") for sentence in found)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1)


@pytest.fixture
def guarded(monkeypatch) -> str:
    """The embedded model under MiniMax's licence, as another name."""
    monkeypatch.setitem(VIDEO_MODELS, "guarded", replace(VIDEO_MODELS["backdrop"], licence=MINIMAX.name))
    assert video_models.video_model_facts("guarded").licence == MINIMAX.name
    return "guarded"


def test_a_run_is_refused_before_anything_is_made(tmp_path, settings, guarded):
    """What Airflow calls refuses like the command line: no batch, no plan, no take."""
    started = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, guarded, settings)
    with pytest.raises(PlanError, match="MiniMax-H3 excludes US, DE"):
        batches.plan_run(started["run"], settings)

    store = batches.open_run(started["run"], settings).store
    assert not [key for key in store.keys("") if "/batches/" in key or key.endswith("plan.json")]


def test_a_run_remembers_the_terms_of_its_model(tmp_path, settings, guarded, caplog):
    """Context, plan and log say what whoever shows the ads has to do."""
    agreed = settings.model_copy(update={"licence_agreements": MINIMAX.name})
    started = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, guarded, agreed)
    batches.plan_run(started["run"], agreed)
    state = batches.open_run(started["run"], agreed)

    assert Terms.of(MINIMAX) == state.context().terms
    assert (guarded, MINIMAX.name) == (state.summary().model, state.summary().licence)
    assert any("Made with MiniMax-H3." in warning for warning in state.summary().warnings)
    assert list(state.summary().warnings) == [
        record.message for record in caplog.records if record.name == batches.__name__
    ]


def test_the_manifest_carries_the_terms_of_every_ad(tmp_path):
    """In JSON for programs and in columns for people, beside the file they are about."""
    variant = planned(write_campaign(tmp_path / "c")).variants[0].variant
    delivery = Delivery(variant_id=variant.id, sha256="0" * 64, url="u", captions=(), delivered_at="2026-01-01")
    store = open_store(f"file://{tmp_path / 'store'}")
    use = ModelUse(model="minimax-h3", model_revision="main-1", approximations=("fp8_linear", "sparse_attention"))
    write_manifest([manifest_row(variant, delivery, use, Terms.of(MINIMAX))], "runs/test/r1", store)
    line = json.loads(store.get_bytes("runs/test/r1/manifest.jsonl"))
    row = next(csv.DictReader(io.StringIO(store.get_bytes("runs/test/r1/manifest.csv").decode("utf-8-sig"))))

    assert ("minimax-h3", "MiniMax-H3", "Made with MiniMax-H3.") == (row["model"], row["licence"], row["attribution"])
    assert (False, True) == (line["disclosure"], line["trains_no_models"])
    assert ("main-1", "fp8_linear · sparse_attention") == (row["model_revision"], row["approximations"])


def test_a_promoted_run_has_the_terms_of_its_new_model(tmp_path, settings, guarded):
    """A draft under an open licence does not open the one of the final pictures: it is judged again."""
    folder = str(write_campaign(tmp_path / "c"))
    draft = batches.start_run(folder, "r1", None, None, settings)
    batches.plan_run(draft["run"], settings)
    promoted = batches.promote_run(folder, "r2", draft["run"], None, guarded, settings)

    assert Terms.of(MINIMAX) == batches.open_run(promoted["run"], settings).context().terms
    with pytest.raises(PlanError, match="MiniMax-H3"):
        batches.plan_run(promoted["run"], settings)


def finish(variant_id: str, key: str, store: Store) -> None:
    """Put what composing and checking would leave of one ad."""
    name = f"creatives/{key}"
    files = {
        "object": f"{name}.mp4",
        "webvtt": f"{name}.vtt",
        "srt": f"{name}.srt",
        "ttml": f"{name}.ttml",
        "poster": f"{name}.jpg",
    }
    for path in files.values():
        store.put_bytes(path, path.encode())
    creative = Creative(
        key=key, variant_id=variant_id, sha256="a" * 64, size_bytes=3, width=1080, height=1920, num_frames=90,
        frame_rate=30, placed=(), **files,
    )  # fmt: skip
    checked = Checked(
        key=key, variant_id=variant_id, sha256="a" * 64, findings=(), video_codec="h264", audio_codec="aac",
        duration_s=3, loudness_lufs=-14, peak_dbtp=-1,
    )  # fmt: skip
    store.put_record(f"{name}.json", creative)
    store.put_record(checked_key(key), checked)


def test_publishing_writes_the_terms_beside_each_delivered_ad(tmp_path, settings, guarded):
    """From the run's context into the manifest, for exactly the ads that were delivered."""
    agreed = settings.model_copy(update={"licence_agreements": MINIMAX.name})
    run = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", 2, guarded, agreed)["run"]
    batches.plan_run(run, agreed)
    state = batches.open_run(run, agreed)
    first = next(iter(state.planned()))
    finish(first.variant.id, first.creative_key, state.store)
    batches.review_run(run, agreed)
    batches.publish_run(run, agreed)
    rows = [json.loads(line) for line in state.store.get_bytes(f"runs/{run}/manifest.jsonl").splitlines()]

    assert [(first.variant.id, guarded, MINIMAX.name, MINIMAX.attribution)] == [
        (row["variant"], row["model"], row["licence"], row["attribution"]) for row in rows
    ]
    assert [Terms.of(MINIMAX)] == [ad.terms for ad in state.report().creatives]
    assert [VIDEO_MODELS[guarded].revision] == [row["model_revision"] for row in rows]
    assert (guarded, VIDEO_MODELS[guarded].revision) == (state.report().model, state.report().model_revision)


def test_the_embedded_model_asks_nothing(tmp_path, settings):
    """The default needs no setting: its run knows its licence and has no warning."""
    started = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, None, settings)
    batches.plan_run(started["run"], settings)
    state = batches.open_run(started["run"], settings)

    assert Terms(licence="Apache-2.0") == state.context().terms
    assert () == state.summary().warnings
