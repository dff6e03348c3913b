"""Teaches the upsampler: drafts as the diffusion network answers them, against the same clips drawn large.

Letters in shapes: B clips, T frames, H rows, W columns.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from renderer.backends.backdrop import DRAFT_FRAME_RATE, DRAFT_FRAMES, DRAFT_SIZES, SPACE_SCALE, TIME_SCALE
from renderer.backends.backdrop.conditions import Conditions, pixel_grid
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.training.clips import Batch, drafts, random_batch, shoot
from renderer.backends.backdrop.training.losses import detail_loss, flow_question
from renderer.backends.backdrop.upsampler import Upsampler

CROP, CONTEXT = 24, 8  # draft pixels that are judged, and seen around them
CROP_FRAMES = 24  # draft frames that are judged: twice as many come out
RATE = 1e-3
WARM_UP_STEPS = 100
LEAST_TIME, MOST_TIME = 0.6, 0.97  # the network's answers at these times are what it leaves in finished clips
NEW_LESSON_EVERY, MOST_LESSONS = 4, 400  # steps; lessons kept
MEMORY = 0.998  # of the moving average of weights, per step
LOG_EVERY = 50


def teach_upsampler(
    upsampler: Upsampler, network: BackdropNetwork, seconds: float, generator: torch.Generator, out: Path
) -> None:
    """Teach for some seconds; on several GPUs each takes other clips and all share what they learn."""
    device = generator.device
    optimizer = torch.optim.AdamW(upsampler.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    average = [p.detach().clone() for p in upsampler.parameters()]
    lessons: list[Lesson] = []
    began, steps, total = time.perf_counter(), 0, torch.zeros((), device=device)
    while True:
        done = torch.tensor([(time.perf_counter() - began) / max(seconds, 1e-9)], device=device)
        if dist.is_initialized():
            dist.broadcast(done, 0)
        if float(done) >= 1:
            break
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (steps + 1) / WARM_UP_STEPS) * max(0.01, 1 - float(done))
        if steps % NEW_LESSON_EVERY == 0:
            lessons = [*lessons[-MOST_LESSONS:], new_lesson(len(lessons) + steps, generator)]
        lesson = lessons[int(torch.randint(0, len(lessons), (), generator=torch.Generator().manual_seed(steps)))]
        loss = lesson_loss(upsampler, network, lesson)
        loss.backward()  # type: ignore[no-untyped-call]
        _share_gradients(upsampler)
        torch.nn.utils.clip_grad_norm_(upsampler.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps += 1
        weight = 1 - min(MEMORY, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(average, [p.detach() for p in upsampler.parameters()], weight)
        total += loss.detach()
        if steps % LOG_EVERY == 0:
            _log(steps, total, out)
    with torch.no_grad():
        for parameter, value in zip(upsampler.parameters(), average, strict=True):
            parameter.copy_(value)


@dataclass(frozen=True)
class Lesson:
    """Draft clips, a part of the same clips drawn large, and where the part begins."""

    clean: Tensor  # (B, 3, DRAFT_FRAMES, H, W) in [-1, 1], bfloat16
    conditions: Conditions
    large: Tensor  # (B, 3, TIME_SCALE * CROP_FRAMES, SPACE_SCALE * CROP, SPACE_SCALE * CROP), bfloat16
    origin: tuple[int, int, int]  # first frame, row and column of the part in the draft


def new_lesson(number: int, generator: torch.Generator) -> Lesson:
    """Draw one clip of every scene, and a part of them large."""
    width, height = list(DRAFT_SIZES.values())[number % len(DRAFT_SIZES)]
    batch = random_batch(1, width / height, generator, blends=False)
    limits = (DRAFT_FRAMES - CROP_FRAMES - 2, height - CROP + 1, width - CROP + 1)
    dice = torch.Generator().manual_seed(number)
    frame, row, column = (int(torch.randint(0, limit, (), generator=dice)) for limit in limits)
    origin = (frame + 1, row, column)
    clean = drafts(batch, height, width)
    return Lesson(clean.bfloat16(), batch.conditions, _drawn_large(batch, (height, width), origin).bfloat16(), origin)


def lesson_loss(upsampler: Upsampler, network: BackdropNetwork, lesson: Lesson) -> Tensor:
    """Return how far the upsampler is from the large clips, given what the network answers at a late time."""
    clean, (frame, row, column) = lesson.clean.float(), lesson.origin
    height, width = clean.shape[-2:]
    t = LEAST_TIME + (MOST_TIME - LEAST_TIME) * torch.rand(len(clean), device=clean.device)
    question = flow_question(clean, lesson.conditions, t, continues=False)
    with torch.no_grad(), torch.autocast(clean.device.type, torch.bfloat16):
        answer = question.ask(network)
    rows = (torch.arange(-CONTEXT, CROP + CONTEXT, device=clean.device) + row).clamp(0, height - 1)
    columns = (torch.arange(-CONTEXT, CROP + CONTEXT, device=clean.device) + column).clamp(0, width - 1)
    seen = answer[:, :, frame - 1 : frame + CROP_FRAMES + 2][:, :, :, rows][..., columns]
    with torch.autocast(clean.device.type, torch.bfloat16):
        sharp = upsampler(seen, origin=(frame - 1, row - CONTEXT, column - CONTEXT))
    edge = SPACE_SCALE * CONTEXT
    return detail_loss(sharp[:, :, TIME_SCALE : -2 * TIME_SCALE, edge:-edge, edge:-edge].float(), lesson.large.float())


def _drawn_large(batch: Batch, size: tuple[int, int], origin: tuple[int, int, int]) -> Tensor:
    """Return a part of the clips as the upsampler should make it."""
    scales = (TIME_SCALE, SPACE_SCALE, SPACE_SCALE)
    frame, row, column = (scale * first for scale, first in zip(scales, origin, strict=True))
    x, y = pixel_grid(SPACE_SCALE * size[0], SPACE_SCALE * size[1], batch.randoms.device)
    side = SPACE_SCALE * CROP
    part = slice(row, row + side), slice(column, column + side)
    time_s = (frame + torch.arange(TIME_SCALE * CROP_FRAMES, device=x.device)) / (TIME_SCALE * DRAFT_FRAME_RATE)
    places = x[part].reshape(1, -1), y[part].reshape(1, -1)
    drawn = shoot(batch, places, time_s, 2 / (SPACE_SCALE * min(size)))
    return drawn.view(len(drawn), 3, -1, side, side)


def _share_gradients(upsampler: Upsampler) -> None:
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in upsampler.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat, op=dist.ReduceOp.AVG)
    for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _log(steps: int, total: Tensor, out: Path) -> None:
    mean = float(total) / LOG_EVERY
    total.zero_()
    if not dist.is_initialized() or dist.get_rank() == 0:
        with (out / "sharpen.csv").open("a", newline="") as file:
            csv.writer(file).writerow((steps, f"{mean:.5f}"))
