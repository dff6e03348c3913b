import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from campaign_folder import CAMPAIGN, write_campaign
from renderer.backends.diffusion import DIFFUSION_MODELS, hub_revision
from renderer.backends.diffusion.checkpoint import Checkpoint, find_checkpoint
from renderer.backends.video_models import Place, load_video_model
from renderer.batches import open_run, plan_run, start_run
from renderer.errors import BackendError, SettingsError
from renderer.licences import LICENCES
from renderer.settings import Settings
from tiny_pipelines import save_animatediff, save_hunyuan, save_ltx, save_svd

NAME, HUB_ID = "wan2.2-ti2v-5b", "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """A hub's cache of this test alone."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def save(folder: Path, weights: str = "diffusion_pytorch_model.safetensors") -> Path:
    """Write what is looked at of a pipeline with one network, one scheduler and one part that it goes without."""
    for part in ("transformer", "scheduler"):
        (folder / part).mkdir(parents=True)
    (folder / "transformer" / "config.json").write_text("{}")
    (folder / "transformer" / weights).write_bytes(b"")
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    index = {
        "_class_name": "WanPipeline",
        "boundary_ratio": None,
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "transformer_2": [None, None],
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def cache(tmp_path: Path, commit: str, branch: str = "") -> Path:
    """Put a pipeline into the hub's cache, as a download would."""
    repository = tmp_path / "cache" / f"models--{HUB_ID.replace('/', '--')}"
    if branch:
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / branch).write_text(commit)
    return save(repository / "snapshots" / commit)


def note(folder: Path, commit: str) -> None:
    """Note the commit of a folder as `hf download --local-dir` does."""
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "model_index.json.metadata").write_text(f"{commit}\netag\n0\n")


def find(tmp_path: Path, revision: str = COMMIT, may_download: bool = False) -> Checkpoint:
    return find_checkpoint(NAME, HUB_ID, revision, tmp_path / "models", may_download)


def test_a_folder_of_the_models_name_comes_first(tmp_path):
    """Weights in ADLOOM_MODELS_DIR are used, even where a download is allowed."""
    folder = save(tmp_path / "models" / NAME)

    found = find(tmp_path, may_download=True)

    assert str(folder) == found.source
    assert ("", False) == (found.revision, found.may_download)


def test_the_hubs_cache_comes_next_and_keeps_the_revision(tmp_path):
    """Without a folder, the pinned snapshot in the cache is used."""
    cache(tmp_path, COMMIT)

    found = find(tmp_path)

    assert (HUB_ID, COMMIT, False) == (found.source, found.revision, found.may_download)


def test_a_branch_is_found_in_the_cache_too(tmp_path):
    """A revision may be a branch such as main."""
    cache(tmp_path, COMMIT, branch="main")

    assert find(tmp_path, "main").source == HUB_ID


def test_a_download_happens_only_where_it_was_allowed(tmp_path):
    """Nothing is fetched unasked: the checkpoint says whether loading it may use the network."""
    assert find(tmp_path, may_download=True).may_download

    with pytest.raises(BackendError):
        find(tmp_path)


def test_missing_weights_are_named_with_where_they_were_sought_and_the_cure(tmp_path):
    """The message holds a command that can be pasted."""
    with pytest.raises(BackendError) as error:
        find(tmp_path)

    assert str(error.value) == (
        f"model {NAME}: no weights in {tmp_path}/models/{NAME}, and {HUB_ID} at revision {COMMIT} is not in the hub's "
        "cache. Set ADLOOM_DOWNLOAD_MODELS=true, or run "
        f"hf download {HUB_ID} --revision {COMMIT} --local-dir {tmp_path}/models/{NAME}"
    )


def test_another_revision_in_the_cache_is_named(tmp_path):
    """Whoever has an older snapshot learns so."""
    cache(tmp_path, OTHER)

    with pytest.raises(BackendError, match=f"revision {COMMIT} is not in the hub's cache .there is {OTHER}."):
        find(tmp_path)


def test_a_folder_of_another_revision_is_refused(tmp_path):
    """`hf download` notes the commit; it must be the pinned one."""
    folder = save(tmp_path / "models" / NAME)
    note(folder, OTHER)

    with pytest.raises(BackendError, match=f"holds revision {OTHER}, not {COMMIT}. Run hf download"):
        find(tmp_path)
    note(folder, COMMIT)
    assert find(tmp_path).source == str(folder)


def test_weights_know_their_commit_where_somebody_noted_it(tmp_path):
    """A folder by its notes, a snapshot by its name; a folder without notes and a branch to be fetched do not."""
    fetched = find(tmp_path, "main", may_download=True)
    cache(tmp_path, OTHER, branch="main")
    cached = find(tmp_path, "main")
    folder = save(tmp_path / "models" / NAME)
    unknown = find(tmp_path, "main")
    note(folder, COMMIT)

    assert ["", OTHER, "", COMMIT] == [one.commit for one in (fetched, cached, unknown, find(tmp_path, "main"))]
    assert OTHER == cached.revision


WORDS = CAMPAIGN.replace('badge: "{{ price }}"', 'prompt: "lights"')


def plan_with(tmp_path: Path, **wish: object) -> tuple[set[str], set[str], str]:
    """Plan a run of the model; return revisions and keys of its shots, and the revision for the manifest."""
    settings = Settings(
        store_url=f"file://{tmp_path}/store", build_dir=tmp_path, models_dir=tmp_path / "models", **wish
    )
    folder = write_campaign(tmp_path / "campaign", campaign=WORDS)
    run = start_run(str(folder), "r1", None, NAME, settings)["run"]
    plan_run(run, settings)
    state = open_run(run, settings)
    shots = list(state.shots())
    return {shot.revision for shot in shots}, {shot.key for shot in shots}, state.model_use().model_revision


def test_planning_names_the_commit_that_lies_here(tmp_path):
    """So takes of two commits have two keys; weights without notes have the row's revision."""
    folder = save(tmp_path / "models" / NAME)
    plans = [plan_with(tmp_path)]
    for commit in (COMMIT, OTHER):
        note(folder, commit)
        plans.append(plan_with(tmp_path))

    assert [{"main-1"}, {f"{COMMIT}-1"}, {f"{OTHER}-1"}] == [revisions for revisions, _, _ in plans]
    assert ["main-1", f"{COMMIT}-1", f"{OTHER}-1"] == [named for _, _, named in plans]
    assert len(set.union(*(keys for _, keys, _ in plans))) == sum(len(keys) for _, keys, _ in plans)


def test_a_pinned_commit_is_planned_wherever_the_weights_are(tmp_path):
    """A cluster's weights are not on the planning machine; unpinned, nobody there knows their commit."""
    pinned = plan_with(tmp_path, engine="ray", model_revisions=f"{NAME}={COMMIT}")

    assert ({f"{COMMIT}-1"}, {"main-1"}) == (pinned[0], plan_with(tmp_path, engine="ray")[0])


def test_another_commit_than_the_pinned_one_is_refused(tmp_path):
    """By the plan, and by every worker: they look for the same weights."""
    note(save(tmp_path / "models" / NAME), OTHER)
    place = Place.of(Settings(models_dir=tmp_path / "models", model_revisions=f"{NAME}={COMMIT}"))

    with pytest.raises(BackendError, match=f"holds revision {OTHER}, not {COMMIT}"):
        plan_with(tmp_path, model_revisions=f"{NAME}={COMMIT}")
    with pytest.raises(BackendError, match=f"holds revision {OTHER}, not {COMMIT}"):
        load_video_model(NAME, place)


@pytest.mark.parametrize("name", ["sora", "backdrop"])
def test_a_pin_for_no_weights_is_refused(name):
    """A misspelt model, and the embedded one, whose weights come with the package."""
    with pytest.raises(
        SettingsError, match=f"ADLOOM_MODEL_REVISIONS: {name} is no model with weights on the hub. Those"
    ):
        Place.of(Settings(model_revisions=f"{name}={COMMIT}"))


@pytest.mark.parametrize("weights", ["diffusion_pytorch_model.bin", "model.pt", "model.ckpt"])
def test_weights_that_may_run_code_are_refused(tmp_path, weights):
    """Only safetensors are opened."""
    save(tmp_path / "models" / NAME, weights)

    with pytest.raises(BackendError, match=f"transformer has its weights only as {weights}, and opening such a file"):
        find(tmp_path)


def test_a_part_without_weights_is_named(tmp_path):
    """A download that was broken off is found before any work starts."""
    folder = save(tmp_path / "models" / NAME)
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()

    with pytest.raises(BackendError, match=r"transformer has no .*safetensors. Run hf download"):
        find(tmp_path)


def test_a_missing_shard_is_named(tmp_path):
    """Of weights in several files, all must be there."""
    folder = save(tmp_path / "models" / NAME, "part-1.safetensors")
    index = {"weight_map": {"first": "part-1.safetensors", "second": "part-2.safetensors"}}
    (folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(BackendError, match=r"part-2.safetensors is missing. Run hf download"):
        find(tmp_path)


def test_a_missing_part_is_named(tmp_path):
    """Settings and vocabulary count too: a pipeline does not load without them."""
    folder = save(tmp_path / "models" / NAME)
    shutil.rmtree(folder / "scheduler")

    with pytest.raises(BackendError, match=r"scheduler is missing. Run hf download"):
        find(tmp_path)


def test_a_broken_index_is_named(tmp_path):
    """A truncated model_index.json is an error with a cure."""
    (save(tmp_path / "models" / NAME) / "model_index.json").write_text('{"transf')

    with pytest.raises(BackendError, match=r"model_index.json is not readable .*Run hf download"):
        find(tmp_path)


def test_looking_needs_no_torch():
    """The rows and the search for weights cost a scheduler no import of torch or diffusers."""
    code = (
        "import sys; from renderer.backends.diffusion.checkpoint import find_checkpoint\n"
        "try: find_checkpoint('svd', 'a/b', 'main', None, False)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown == "BackendError\n[]\n"


@pytest.mark.parametrize("name", DIFFUSION_MODELS)
def test_every_row_holds_together(name):
    """Sizes fit their aspect ratios, lengths can be counted up to, licences are known."""
    facts = DIFFUSION_MODELS[name]

    assert {"9:16", "4:5", "1:1", "16:9"} == set(facts.sizes)
    for ratio, (width, height) in facts.sizes.items():
        across, down = map(int, ratio.split(":"))
        assert abs(width / height * down / across - 1) < 0.07
        assert (width % 8, height % 8) == (0, 0)
    assert (facts.max_num_frames - facts.min_num_frames) % facts.frame_step == 0
    assert facts.licence in LICENCES
    assert facts.extra == "diffusion"
    assert facts.has_guidance or facts.guidance_scale == 1
    assert bool(facts.loop_num_frames) == ("loop" in facts.abilities)
    assert hub_revision(facts.revision)


@pytest.mark.parametrize(
    ("model", "write"),
    [
        ("svd", save_svd),
        ("animatediff", save_animatediff),
        ("hunyuanvideo-1.5", lambda folder: save_hunyuan(folder, from_image=False)),
        ("ltx-2.5", save_ltx),
    ],
)
def test_whole_checkpoints_of_every_family_are_found(tmp_path, model, write):
    """What diffusers itself saved is whole: networks with weights, and parts that are only settings or vocabulary."""
    write(tmp_path / model)

    found = find_checkpoint(model, DIFFUSION_MODELS[model].checkpoint, "main", tmp_path, may_download=False)

    assert found.source == str(tmp_path / model)
