"""What the networks of the embedded video model are asked in training, how wrong an answer is, and who corrects it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backdrop_model import untrained_network, wishes
from renderer.backends.backdrop.flow import NOISE_SCALE
from renderer.backends.backdrop.training import losses, train
from renderer.backends.backdrop.training.losses import Question
from renderer.backends.backdrop.training.muon import Muon

pytestmark = pytest.mark.usefixtures("steady_torch")


def question(clean: Tensor, t: float, step: float, *known: float) -> Question:
    """The same question for every clip, from random noise."""
    count = len(clean)
    times = torch.full((count,), t), torch.full((count,), step)
    return Question(torch.randn_like(clean), *times, wishes(count), torch.tensor([known]).repeat(count, 1))


def test_muon_steps_like_the_one_of_torch() -> None:
    """After several steps the matrices are those of torch.optim.Muon, up to the rounding of bfloat16."""
    shapes = [(16, 16), (24, 8), (8, 24), (16, 16)]
    ours = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = [nn.Parameter(matrix.detach().clone()) for matrix in ours]
    before = [matrix.detach().clone() for matrix in ours]
    optimizers = Muon(ours, lr=0.01), torch.optim.Muon(theirs, 0.01, 0.0, adjust_lr_fn="match_rms_adamw")

    for _ in range(4):
        for own, other in zip(ours, theirs, strict=True):
            own.grad = torch.randn_like(own)
            other.grad = own.grad.clone()
        for optimizer in optimizers:
            optimizer.step()

    for own, other, start in zip(ours, theirs, before, strict=True):
        assert (own - other).norm() < 0.05 * (other - start).norm()


def test_a_tiny_network_learns_a_clip_by_heart() -> None:
    """Taught one clip, with the optimizers of the training, the loss falls to a tenth within seconds."""
    student = train.new_student(untrained_network())
    clean = torch.sin(torch.arange(8 * 16 * 16) / 40.0).view(1, 1, 8, 16, 16).repeat(8, 3, 1, 1, 1)
    asked = [losses.flow_question(clean, wishes(8, scene="mist"), continues=False) for _ in range(150)]

    found = []
    for one in asked:
        loss = losses.flow_loss(one.ask(student.network), clean, one)
        loss.backward()
        for optimizer in student.optimizers:
            optimizer.step()
        student.network.zero_grad()
        student.steps += 1
        student.follow()
        found.append(loss.item())

    assert sum(found[-10:]) < 0.1 * sum(found[:3]) / 3 * 10
    last = asked[0]
    assert losses.flow_loss(last.ask(student.average), clean, last) < 0.3 * found[0]


def test_a_straight_walk_is_its_own_shortcut() -> None:
    """Where the teacher always sees the same clip, one large step aims at it too, and leaves given frames alone."""
    clean = torch.rand(4, 3, 16, 8, 8) * 2 - 1
    asked = question(clean, 0.25, 0.25, 1, 0, 0, 0)

    target = losses.shortcut_target(asked, lambda *_: clean)

    assert torch.allclose(target[:, :, 4:], clean[:, :, 4:], atol=1e-5)
    assert torch.equal(target[:, :, :4], asked.noisy[:, :, :4])


def test_a_shortcut_ends_where_two_half_steps_do() -> None:
    """One step towards the target leads where two half steps of a teacher lead that changes its mind."""
    clean = torch.rand(2, 3, 8, 8, 8)
    asked = question(clean, 0.5, 0.25, 0, 0)
    steps = []

    def teacher(noisy: Tensor, t: Tensor, step: Tensor, *_: object) -> Tensor:
        steps.append(float(step[0]))
        return torch.sin(3 * noisy) * t.view(-1, 1, 1, 1, 1)

    once = losses.walk(asked, asked.step, losses.shortcut_target(asked, teacher))

    half = asked.step / 2
    middle = losses.walk(asked, half, torch.sin(3 * asked.noisy) * 0.5)
    end = losses.walk(middle, half, torch.sin(3 * middle.noisy) * 0.625)
    assert steps == [0.125, 0.125]
    assert torch.allclose(once.noisy, end.noisy, atol=1e-5)
    assert once.t.tolist() == end.t.tolist() == [0.75, 0.75]
    assert not torch.allclose(
        losses.walk(asked, asked.step, torch.sin(3 * asked.noisy) * 0.5).noisy, end.noisy, atol=0.01
    )


def test_smallest_shortcuts_are_taught_by_tiny_steps() -> None:
    """The halves of the smallest taught step are asked as infinitely small ones, which the flow itself teaches."""
    steps = []
    asked = question(torch.zeros(1, 3, 4, 8, 8), 0.5, min(losses.SHORTCUTS), 0)

    def teacher(noisy: Tensor, _: Tensor, step: Tensor, *__: object) -> Tensor:
        steps.append(float(step))
        return noisy

    losses.shortcut_target(asked, teacher)

    assert steps == [0.0, 0.0]
    for one in (losses.shortcut_question(torch.zeros(64, 3, 4, 8, 8), wishes(64)) for _ in range(4)):
        assert torch.isin(one.step, torch.tensor(losses.SHORTCUTS)).all()
        assert torch.equal((one.t / one.step).round() * one.step, one.t)
        assert (one.t + one.step).max() <= 1


def test_questions_give_what_they_say() -> None:
    """Known frames come nearly clean, the others as noisy as their time says; known are beginnings, or both ends."""
    clean = torch.ones(400, 3, 24, 2, 2)

    asked = losses.flow_question(clean, wishes(400), torch.full((400,), 0.5))

    known = losses.frame_mask(asked.known).expand_as(clean)
    assert (asked.noisy - 1)[known].std() < losses.KNOWN_NOISE
    assert asked.noisy[~known].std() == pytest.approx(0.5 * NOISE_SCALE, rel=0.02)
    assert asked.noisy[~known].mean() == pytest.approx(0.5, abs=0.02)
    kinds = {tuple(row) for row in asked.known.int().tolist()}
    beginnings = {(1, 0, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0), (1, 1, 1, 0, 0, 0)}
    bridges = {(1, 0, 0, 0, 0, 1), (1, 1, 0, 0, 1, 1), (1, 1, 1, 1, 1, 1)}
    assert beginnings | {(0,) * 6} <= kinds <= beginnings | bridges | {(0,) * 6}
    assert not losses.flow_question(clean, wishes(400), continues=False).known.any()


def test_errors_in_given_frames_do_not_count() -> None:
    """The loss asks nothing about frames that are given, everything about the others, and more about late times."""
    clean = torch.zeros(1, 3, 8, 8, 8)
    early, late = question(clean, 0.2, 0, 1, 0), question(clean, 0.8, 0, 1, 0)
    in_given, in_made = clean.clone(), clean.clone()
    in_given[:, :, :4], in_made[:, :, 4:] = 1.0, 1.0

    assert losses.flow_loss(clean, clean, early) == 0
    assert losses.flow_loss(in_given, clean, early) == 0
    assert losses.flow_loss(in_made, clean, early) > 0.5
    assert losses.flow_loss(in_made, clean, late) == pytest.approx(16 * float(losses.flow_loss(in_made, clean, early)))
    flickering = clean.clone()
    flickering[:, :, 4::2] = 2**0.5
    assert losses.flow_loss(flickering, clean, early) > losses.flow_loss(in_made, clean, early)
