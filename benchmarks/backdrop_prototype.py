"""Judges the first trial of `backdrop` (a folder of model.py, scenes.py and weights.safetensors) beside the model."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from renderer.backends.backdrop import DRAFT_SIZES, SCENES
from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.training import measures

NUM_FRAMES, RATIO = 32, "9:16"
SHARED = ("mist", "silk", "bokeh", "water", "leaf_shadow", "studio", "petals", "ribbons")  # rows of the prototype


def distance(truth: Tensor, clips: Tensor) -> float:
    """The Fréchet distance of clips from the features of others."""
    return round(measures.frechet_distance(truth, measures.features(clips)), 2)


@torch.inference_mode()
def prototype_distances(folder: Path, drawn: Tensor, ours: dict[str, Tensor], wishes: Conditions) -> dict[str, object]:
    """The prototype at 4 steps: against what itself learned from, and against drawn clips where it has the scene.

    `ours` is what the model makes, each way, of the same wishes as those of the drawn clips.
    """
    sys.path.insert(0, str(folder))
    model, scenes = importlib.import_module("model"), importlib.import_module("scenes")
    device, (width, height) = drawn.device, DRAFT_SIZES[RATIO]
    network = model.VDiT(d=448, L=12, h=7, pt=4, ps=8, bott=128)
    stored = load_file(folder / "weights.safetensors")
    network.load_state_dict({name: value.float() for name, value in stored.items()})
    network.to(device).eval()
    phases = model.rope3d(NUM_FRAMES // 4, height // 8, width // 8, network.hd, device)

    def sample(scene: Tensor, palette: Tensor, camera: Tensor) -> Tensor:
        parts = [slice(first, first + 16) for first in range(0, len(scene), 16)]
        return torch.cat([
            model.sample(network, len(scene[p]), 4, scene[p], palette[p], camera[p], NUM_FRAMES, height, width, phases,
                         seed=p.start, dev=str(device))
            for p in parts
        ])  # fmt: skip

    count = len(drawn) // 2
    torch.manual_seed(11)
    own, scene, palette, camera = scenes.batch(count, NUM_FRAMES, height, width, device)
    other, *_ = scenes.batch(count, NUM_FRAMES, height, width, device)
    truth = measures.features(own)
    rows = torch.tensor([row for row, scene in enumerate(wishes.scene) if SCENES[scene] in SHARED], device=device)
    names = torch.tensor([SHARED.index(SCENES[scene]) for scene in wishes.scene[rows]], device=device)
    shared = measures.features(drawn[rows])
    made = sample(names, wishes.palette[rows], wishes.camera[rows, :3])
    return {
        "prototype, clips per set": count,
        "prototype: Fréchet distance to its own drawn clips, 4 steps": distance(truth, sample(scene, palette, camera)),
        "prototype: floor of its own drawn clips": distance(truth, other),
        "prototype: Fréchet distance to these drawn clips, 4 steps": distance(shared, made),
    } | {f"this model: the same eight scenes, {name}": distance(shared, clips[rows]) for name, clips in ours.items()}
