"""Small networks of random weights, wishes and shots: what the tests of `backdrop` share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends import backdrop
from renderer.backends.backdrop import SCENES
from renderer.backends.backdrop.conditions import NUM_CALM, Conditions, pixel_grid
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.scenes import SCENE_FUNCTIONS
from renderer.backends.backdrop.scenes.picture import developed, draw, random_numbers
from renderer.backends.backdrop.training.wishes import random_wishes
from renderer.backends.backdrop.upsampler import PATCH, Upsampler

PLUM = ("#2A1230", "#A0508C", "#F5D5E0")
MOSS = ("#12302A", "#4D9A7C", "#E2F2E4")


def shot(**changes: object) -> Shot:
    """A plum-coloured shot of silk, 6 seconds; words of the look may be among the changes."""
    words = {name: changes.pop(name) for name in Look.model_fields if name in changes}
    facts: dict[str, object] = {
        "key": "shot-0",
        "model": "backdrop",
        "revision": backdrop.REVISION,
        "look": Look.model_validate({"scene": "silk", "palette": PLUM} | words),
        "prompt": "",
        "negative_prompt": "",
        "image_sha256": None,
        "width": 288,
        "height": 512,
        "num_frames": backdrop.MIN_NUM_FRAMES,
        "frame_rate": backdrop.FRAME_RATE,
        "num_inference_steps": 3,
        "guidance_scale": 1.0,
        "seed": 7,
    }
    return Shot.model_validate(facts | changes)


def randomized(module: nn.Module, seed: int = 0, std: float = 0.1) -> None:
    """Give every weight a random value, those too that begin at zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std, generator=generator)


def untrained_network() -> BackdropNetwork:
    """A tiny network as it is before training: it answers grey."""
    return BackdropNetwork(width=64, depth=2, num_heads=2, bottleneck=16, num_scenes=len(SCENES), patch=PATCH)


def tiny_network(seed: int = 0) -> BackdropNetwork:
    """A network of random weights: fast, and good for everything but looks."""
    network = untrained_network()
    randomized(network, seed)
    return network


def plain_upsampler() -> Upsampler:
    """A tiny upsampler as it is before training: it only enlarges."""
    return Upsampler(channels=8, num_blocks=1)


class Recorder:
    """Stands for a network: notes what it is asked and answers with the given clip, or with what it was given."""

    def __init__(self, answer: Tensor | None = None) -> None:
        self.answer = answer
        self.asked: list[tuple[Tensor, Tensor, Tensor, Conditions, Tensor]] = []

    def __call__(self, noisy: Tensor, t: Tensor, step: Tensor, conditions: Conditions, known: Tensor) -> Tensor:
        self.asked.append((noisy, t, step, conditions, known))
        return noisy if self.answer is None else self.answer


def wishes(count: int = 1, scene: str = "silk", aspect: float = 1.0, seed: int = 0, **changes: Tensor) -> Conditions:
    """Random wishes with a still camera, without layout or looping, but for the changes."""
    number = torch.full((count,), SCENES.index(scene))
    drawn = random_wishes(number, number, torch.zeros(count), aspect, torch.Generator().manual_seed(seed))
    plain = {
        "camera": torch.zeros(count, 4),
        "loops": torch.zeros(count),
        "stand": torch.zeros(count, 4),
        "calm": torch.zeros(count, NUM_CALM, 4),
    }
    return replace(drawn, **(plain | changes))


def places(height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y of every pixel, (1, P) each."""
    x, y = pixel_grid(height, width, torch.device("cpu"))
    return x.reshape(1, -1), y.reshape(1, -1)


def filmed(scene: str, conditions: Conditions, size: tuple[int, int], time_s: Tensor, seed: int = 0) -> Tensor:
    """Clips of one scene, drawn, float32 (B, 3, T, H, W) in [-1, 1], for a size of rows and columns."""
    randoms = random_numbers(len(conditions), torch.Generator().manual_seed(seed))
    pixel = 2 / min(size)
    layers = draw(SCENE_FUNCTIONS[scene], conditions, randoms, places(*size), time_s, pixel)
    picture = developed(layers, conditions, randoms, places(*size), pixel)
    return picture.view(len(conditions), 3, len(time_s), *size) * 2 - 1
