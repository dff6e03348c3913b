import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from renderer.backends.diffusion import DIFFUSION_MODELS, hub_revision
from renderer.backends.diffusion.checkpoint import Checkpoint, find_checkpoint
from renderer.errors import BackendError
from renderer.licences import LICENCES
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
        f"cache. Run hf download {HUB_ID} --revision {COMMIT} --local-dir {tmp_path}/models/{NAME}, set "
        "ADLOOM_MODELS_DIR to the folder that has it, or set ADLOOM_DOWNLOAD_MODELS=true."
    )


def test_another_revision_in_the_cache_is_named(tmp_path):
    """Whoever has an older snapshot learns so."""
    cache(tmp_path, OTHER)

    with pytest.raises(BackendError, match=f"revision {COMMIT} is not in the hub's cache .there is {OTHER}."):
        find(tmp_path)


def test_a_folder_of_another_revision_is_refused(tmp_path):
    """`hf download` notes the commit; it must be the pinned one."""
    folder = save(tmp_path / "models" / NAME)
    note = folder / ".cache" / "huggingface" / "download" / "model_index.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{OTHER}\netag\n0\n")

    with pytest.raises(BackendError, match=f"holds revision {OTHER}, not {COMMIT}. Run hf download"):
        find(tmp_path)
    note.write_text(f"{COMMIT}\netag\n0\n")
    assert find(tmp_path).source == str(folder)


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
    assert hub_revision(facts)


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
