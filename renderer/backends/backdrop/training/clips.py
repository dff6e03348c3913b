"""Draws batches of clips with their wishes, and keeps them: drawing costs more than learning from a clip a few times.

Letters in shapes: B clips, S scenes, T frames, P places, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from renderer.backends.backdrop import DRAFT_FRAME_RATE, DRAFT_FRAMES, SCENES
from renderer.backends.backdrop.conditions import Conditions, pixel_grid
from renderer.backends.backdrop.scenes import SCENE_FUNCTIONS
from renderer.backends.backdrop.scenes.field import Layers
from renderer.backends.backdrop.scenes.picture import FLOOR_RANDOMS, blended, developed, draw, random_numbers
from renderer.backends.backdrop.training.wishes import BLENDS, random_wishes

LAYERS = ("tone", "rest", "alpha", "alpha_tone")


@dataclass(frozen=True)
class Batch:
    """What a batch of clips shows, and the random numbers that make it so: enough to draw it at any resolution.

    Clips stand in the order of their scenes, equally many of each. `targets` are the clips with a second scene; what is
    mixed into them stands in the order of the second scenes.
    """

    conditions: Conditions
    randoms: Tensor
    targets: Tensor  # (S,) int64, or (0,)
    second_randoms: Tensor  # (S, ...)


def random_batch(per_scene: int, aspect: float, generator: torch.Generator, blends: bool = True) -> Batch:
    """Draw wishes for `per_scene` clips of every scene; with `blends`, every scene is the second one of some clip."""
    device, count = generator.device, len(SCENES)
    scene = torch.arange(count, device=device).repeat_interleave(per_scene)
    second, share = scene.clone(), torch.zeros(len(scene), device=device)
    targets = torch.empty(0, dtype=torch.int64, device=device)
    if blends:
        shift = torch.randint(1, count, (1,), generator=generator, device=device)
        within = torch.randint(0, per_scene, (count,), generator=generator, device=device)
        targets = ((torch.arange(count, device=device) + shift) % count) * per_scene + within
        second[targets] = torch.arange(count, device=device)
        share[targets] = BLENDS[0] + (BLENDS[1] - BLENDS[0]) * torch.rand(count, generator=generator, device=device)
    conditions = random_wishes(scene, second, share, aspect, generator)
    numbers = random_numbers(len(scene) + len(targets), generator)
    return Batch(conditions, numbers[: len(scene)], targets, numbers[len(scene) :])


def drafts(batch: Batch, height: int, width: int) -> Tensor:
    """Draw whole draft clips, float32 (B, 3, DRAFT_FRAMES, H, W) in [-1, 1]."""
    x, y = pixel_grid(height, width, batch.randoms.device)
    time_s = torch.arange(DRAFT_FRAMES, device=x.device) / DRAFT_FRAME_RATE
    clip = shoot(batch, (x.reshape(1, -1), y.reshape(1, -1)), time_s, 2 / min(height, width))
    return clip.view(len(clip), 3, -1, height, width)


@torch.no_grad()
def shoot(batch: Batch, places: tuple[Tensor, Tensor], time_s: Tensor, pixel: float) -> Tensor:
    """Draw places x, y (1, P) at times (T,) of every clip, float32 (B, 3, T, P) in [-1, 1]."""
    per_scene = len(batch.conditions) // len(SCENES)
    rows, seconds = [], []
    for number, name in enumerate(SCENES):
        own = torch.arange(number * per_scene, (number + 1) * per_scene, device=time_s.device)
        target = batch.targets[number : number + 1]
        index = torch.cat([own, target])
        # A second scene brings its own numbers, but stands on the floor of the first.
        floor = batch.randoms[index, :FLOOR_RANDOMS]
        numbers = torch.cat([batch.randoms[own], batch.second_randoms[number : number + 1]])[:, FLOOR_RANDOMS:]
        numbers = torch.cat([floor, numbers], 1)
        layers = _full(draw(SCENE_FUNCTIONS[name], batch.conditions[index], numbers, places, time_s, pixel))
        rows.append(_part(layers, slice(0, per_scene)))
        seconds.append(_part(layers, slice(per_scene, None)))
    first = _joined(rows)
    if len(batch.targets):
        share = batch.conditions.second_share[batch.targets]
        mixed = blended(_part(first, batch.targets), _joined(seconds), share)
        for name in LAYERS:
            getattr(first, name)[batch.targets] = getattr(mixed, name)
    return developed(first, batch.conditions, batch.randoms, places, pixel) * 2 - 1


def _full(layers: Layers) -> Layers:
    """Return the same with every layer there and of full size."""
    tone = layers.tone
    alpha = torch.zeros_like(tone) if layers.alpha is None else layers.alpha
    alpha_tone = torch.zeros_like(tone) if layers.alpha_tone is None else layers.alpha_tone
    return Layers(tone, layers.rest.expand_as(tone), alpha, alpha_tone)


def _part(layers: Layers, index: Tensor | slice) -> Layers:
    return Layers(*(getattr(layers, name)[index] for name in LAYERS))


def _joined(rows: list[Layers]) -> Layers:
    return Layers(*(torch.cat([getattr(row, name) for row in rows]) for name in LAYERS))


class Pool:
    """Drawn clips of one shape, kept as bytes; the newest take the place of the oldest when it is full."""

    def __init__(self, size: tuple[int, int], capacity: int, generator: torch.Generator) -> None:
        """Take (width, height), how many clips to keep (1.3 MB each), and where random numbers come from."""
        self.size, self.capacity, self.generator = size, capacity, generator
        width, height = size
        self.pixels = torch.empty(capacity, 3, DRAFT_FRAMES, height, width, dtype=torch.uint8, device=generator.device)
        self.wishes: Conditions | None = None
        self.drawn = 0

    def draw(self, per_scene: int) -> None:
        """Draw a batch and keep it."""
        width, height = self.size
        batch = random_batch(per_scene, width / height, self.generator)
        clips = drafts(batch, height, width)
        rows = (self.drawn + torch.arange(len(clips), device=clips.device)) % self.capacity
        self.pixels[rows] = ((clips.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        if self.wishes is None:
            self.wishes = batch.conditions[torch.zeros(self.capacity, dtype=torch.int64, device=clips.device)]
        self.wishes.put(rows, batch.conditions)
        self.drawn += len(clips)

    def take(self, count: int, num_frames: int) -> tuple[Tensor, Conditions]:
        """Return random clips, float32 (count, 3, num_frames, H, W) in [-1, 1], half of them mirrored; and wishes.

        Fewer frames than a clip has are cut from anywhere in it; such a part does not loop.
        """
        assert self.wishes is not None
        device, generator = self.pixels.device, self.generator
        rows = torch.randint(0, min(self.drawn, self.capacity), (count,), generator=generator, device=device)
        first = torch.randint(0, DRAFT_FRAMES - num_frames + 1, (count, 1), generator=generator, device=device)
        frames = first + torch.arange(num_frames, device=device)
        clips = self.pixels[rows[:, None], :, frames].transpose(1, 2).float() / 127.5 - 1
        wishes = self.wishes[rows]
        if num_frames < DRAFT_FRAMES:
            wishes = replace(wishes, loops=torch.zeros_like(wishes.loops))
        half = count // 2
        clips[:half] = clips[:half].flip(-1)
        return clips, Conditions.joined([wishes[:half].mirrored(), wishes[half:]])
