"""What the networks are taught: the questions asked of them and how wrong an answer is.

Letters in shapes: B clips, T frames, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.flow import NOISE_SCALE, Predict
from renderer.backends.backdrop.upsampler import PATCH

LEAST_NOISE = 0.05  # 1 - t below which errors weigh no more
TIME_MEAN, TIME_SPREAD = -0.6, 1.0  # of the logistic-normal time; 0 is noise
EVEN_TIMES = 0.1  # share of times drawn evenly instead
MOTION_WEIGHT = 0.15  # of errors in the change from frame to frame
CONTINUED, BRIDGED = 0.22, 0.05  # shares of clips whose beginning, or beginning and end, is given
KNOWN_NOISE = 0.04  # largest sigma added to given frames, which in use come from the network itself
SHORTCUTS = (1 / 2, 1 / 4, 1 / 8, 1 / 16)  # steps that are taught as two of half their size
SHORTCUT_SHARES = (0.3, 0.4, 0.2, 0.1)


@dataclass(frozen=True)
class Question:
    """A batch of noisy clips as the network sees them."""

    noisy: Tensor  # (B, 3, T, H, W)
    t: Tensor  # (B,)
    step: Tensor  # (B,)
    conditions: Conditions
    known: Tensor  # (B, T / patch)

    def ask(self, predict: Predict) -> Tensor:
        """Return the predicted clean clips."""
        return predict(self.noisy, self.t, self.step, self.conditions, self.known)

    def joined(self, other: Question) -> Question:
        """Return both batches as one."""
        conditions = Conditions.joined([self.conditions, other.conditions])
        names = ("noisy", "t", "step", "known")
        parts = {name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names}
        return Question(conditions=conditions, **parts)


def flow_question(clean: Tensor, conditions: Conditions, t: Tensor | None = None, continues: bool = True) -> Question:
    """Ask for clean clips, (B, 3, T, H, W) in [-1, 1], from noisy ones, at random times unless `t` (B,) says when.

    With `continues`, some clips have their beginning given, or both ends.
    """
    count = len(clean)
    if t is None:
        t = torch.sigmoid(torch.randn(count, device=clean.device) * TIME_SPREAD + TIME_MEAN)
        t = torch.where(torch.rand_like(t) < EVEN_TIMES, torch.rand_like(t), t)
    known = known_patches(count, clean.shape[2] // PATCH[0], clean.device) * continues
    share = t.view(-1, 1, 1, 1, 1)
    noisy = share * clean + (1 - share) * NOISE_SCALE * torch.randn_like(clean)
    given = clean + KNOWN_NOISE * torch.rand_like(share) * torch.randn_like(clean)
    noisy = torch.where(frame_mask(known), given, noisy)
    return Question(noisy, t, torch.zeros_like(t), conditions, known)


def known_patches(count: int, patches: int, device: torch.device) -> Tensor:
    """Return which patches in time are given, 0 or 1, (B, patches): the first one to three, or both ends, or none."""
    kind = torch.rand(count, device=device)[:, None]
    length = torch.tensor([1, 2, 2, 3], device=device)[torch.randint(0, 4, (count, 1), device=device)]
    number = torch.arange(patches, device=device)[None]
    first, last = number < length, number >= patches - length
    return ((first & (kind < CONTINUED + BRIDGED)) | (last & (kind < BRIDGED))).float()


def frame_mask(known: Tensor) -> Tensor:
    """Return where frames are given, bool (B, 1, T, 1, 1)."""
    return (known > 0).repeat_interleave(PATCH[0], dim=1)[:, None, :, None, None]


def shortcut_question(clean: Tensor, conditions: Conditions) -> Question:
    """Ask for the end of a large step from where a walk of such steps comes by."""
    count, device = len(clean), clean.device
    kind = torch.multinomial(torch.tensor(SHORTCUT_SHARES, device=device), count, replacement=True)
    step = torch.tensor(SHORTCUTS, device=device)[kind]
    t = (torch.rand(count, device=device) / step).floor() * step
    return replace(flow_question(clean, conditions, t), step=step)


@torch.no_grad()
def shortcut_target(question: Question, teacher: Predict) -> Tensor:
    """Return where two half steps of the teacher lead, as the clean clip that one large step would aim at.

    Source: shortcut models, arXiv 2410.12557.
    """
    half = question.step / 2
    smallest = min(SHORTCUTS) / 2
    asked = replace(question, step=torch.where(half > smallest, half, 0.0))
    middle = walk(asked, half, asked.ask(teacher))
    end = walk(middle, half, middle.ask(teacher))
    share = ((1 - question.t) / question.step).view(-1, 1, 1, 1, 1)
    return question.noisy + share * (end.noisy - question.noisy)


def walk(question: Question, step: Tensor, clean: Tensor) -> Question:
    """Return the question after a straight step (B,) towards the predicted clean clip; what is given stays."""
    share = (step / (1 - question.t)).view(-1, 1, 1, 1, 1)
    moved = torch.where(frame_mask(question.known), question.noisy, torch.lerp(question.noisy, clean, share))
    return replace(question, noisy=moved, t=question.t + step)


def flow_loss(predicted: Tensor, target: Tensor, question: Question) -> Tensor:
    """Return the mean squared error of the velocity, and of its change from frame to frame."""
    weight = 1 / (1 - question.t).clamp(min=LEAST_NOISE).view(-1, 1, 1, 1, 1) ** 2
    error = torch.where(frame_mask(question.known), torch.zeros_like(predicted), predicted - target)
    still = (weight * error**2).mean()
    return still + MOTION_WEIGHT * (weight * (error[:, :, 1:] - error[:, :, :-1]) ** 2).mean()


def detail_loss(sharp: Tensor, target: Tensor) -> Tensor:
    """Return how far a sharpened clip is from the drawn one: pixels, and edges in space and time."""
    loss = functional.l1_loss(sharp, target)
    for axis, weight in ((-1, 1.0), (-2, 1.0), (-3, 0.5)):
        loss = loss + weight * functional.l1_loss(sharp.diff(dim=axis), target.diff(dim=axis))
    return loss
