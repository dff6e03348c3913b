"""Both networks of the embedded video model heed all they are told; walks keep what is given; enlarging adds up."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backdrop_model import MOSS, Recorder, plain_upsampler, randomized, shot, tiny_network, wishes
from catalog import Look
from renderer.artifacts import Layout, Region, Stand
from renderer.backends import backdrop
from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.flow import NOISE_SCALE, denoise
from renderer.backends.backdrop.sampler import conditions_of
from renderer.backends.backdrop.upsampler import Upsampler

pytestmark = pytest.mark.usefixtures("steady_torch")

BOX = torch.tensor([[[0.3, -0.2, 0.4, 0.3], [0.0] * 4, [0.0] * 4]])
STAND = torch.tensor([[0.2, 0.5, 0.6, 1.0]])


def test_a_mirror_of_a_mirror_shows_what_there_was() -> None:
    """Wishes mirrored twice are the same wishes; mirrored once, their layout is seen in a mirror."""
    wished = wishes(aspect=0.75, camera=torch.tensor([[0.1, 0.2, 0.3, 0.4]]), stand=STAND, calm=BOX)

    mirrored = wished.mirrored()
    again = mirrored.mirrored()

    assert all(torch.equal(getattr(again, f.name), getattr(wished, f.name)) for f in fields(Conditions))
    assert torch.allclose(mirrored.maps(32, 24), wished.maps(32, 24).flip(-1), atol=1e-6)
    assert not torch.allclose(mirrored.maps(32, 24), wished.maps(32, 24), atol=0.1)


@pytest.mark.parametrize("ratio", sorted(backdrop.DRAFT_SIZES))
def test_layouts_are_told_where_they_are(ratio: str) -> None:
    """Fractions of the frame become the same places of the network's maps, in every shape."""
    width, height = backdrop.DRAFT_SIZES[ratio]
    layout = Layout(calm=(Region(x=0.5, y=0.25, width=0.5, height=0.5),), stand=Stand(x=0.25, y=0.75, width=0.5))

    calm, foot = conditions_of(Look(scene="silk", palette=MOSS), layout, width / height).maps(height, width)[0]

    rows, columns = (torch.arange(side).float() + 0.5 for side in (height, width))
    inside = (calm > 0.5).float()
    assert inside.mean() == pytest.approx(0.25, abs=0.04)
    assert (inside.sum(1) @ rows) / inside.sum() == pytest.approx(height / 2, abs=1)
    assert (inside.sum(0) @ columns) / inside.sum() == pytest.approx(0.75 * width, abs=1)
    under = (foot > 0.5).float()
    assert (under.sum(1) @ rows) / under.sum() == pytest.approx(0.75 * height, abs=1)
    assert (under.sum(0) @ columns) / under.sum() == pytest.approx(0.25 * width, abs=1)
    assert under.amax(0).sum() == pytest.approx(0.5 * width, abs=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"scene": "neon"},
        {"second_scene": "snow", "second_share": 0.3},
        {"palette": MOSS},
        {"light": "right"},
        {"energy": 0.9},
        {"loop": True},
        {"camera": "pan_left"},
        {"camera": "dolly_in", "camera_speed": 2.0},
    ],
)
def test_every_word_of_a_look_reaches_the_network(changes: dict[str, object]) -> None:
    """Whatever of a look changes, the network answers otherwise."""
    network, noisy = tiny_network(), torch.randn(1, 3, 8, 16, 16)
    plain = Look(scene="silk", palette=shot().look.palette)
    other = Look.model_validate(plain.model_dump() | changes)

    with torch.inference_mode():
        said, changed = (
            network(
                noisy, torch.tensor([0.3]), torch.tensor([0.5]), conditions_of(look, Layout(), 1.0), torch.zeros(1, 2)
            )
            for look in (plain, other)
        )

    assert said.shape == noisy.shape
    assert (said - changed).abs().max() > 1e-3


def test_network_looks_at_everything_else_it_is_told() -> None:
    """Time, step, shares of blends, calm boxes, the stand and known frames each change the answer."""
    network, noisy = tiny_network(), torch.randn(1, 3, 8, 16, 16)
    wished = replace(wishes(), second_scene=torch.tensor([5]), second_share=torch.tensor([0.5]))
    asked = (torch.tensor([0.3]), torch.tensor([0.0]), wished, torch.zeros(1, 2))
    changed = [
        (torch.tensor([0.4]), *asked[1:]),
        (asked[0], torch.tensor([0.25]), *asked[2:]),
        (*asked[:2], replace(wished, second_share=torch.tensor([0.6])), asked[3]),
        (*asked[:2], replace(wished, calm=BOX), asked[3]),
        (*asked[:2], replace(wished, stand=STAND), asked[3]),
        (*asked[:3], torch.tensor([[1.0, 0.0]])),
    ]

    with torch.inference_mode():
        expected = network(noisy, *asked)
        others = [network(noisy, *others) for others in changed]

    assert [bool((other - expected).abs().max() > 1e-3) for other in others] == [True] * 6


def test_patches_and_pixels_are_inverse() -> None:
    """Cutting into patches and putting together again loses nothing, in any shape."""
    network = tiny_network()
    clip = torch.randn(2, 3, 8, 24, 40)

    assert torch.equal(network.pixels(network.patches(clip), network.patch_grid(clip)), clip)


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_a_walk_ends_at_what_the_network_sees(steps: int) -> None:
    """A network that always sees the same clip leads there from any noise, in any number of steps."""
    clean = torch.rand(2, 3, 8, 8, 8) * 2 - 1
    network = Recorder(clean)

    end = denoise(network, torch.randn_like(clean), wishes(2), steps)

    assert torch.allclose(end, clean, atol=1e-5)
    assert [float(t[0]) for _, t, *_ in network.asked] == pytest.approx([n / steps for n in range(steps)])
    assert {float(step[0]) for _, _, step, *_ in network.asked} == {0.25 if steps == 4 else 0.0}


def test_a_walk_may_begin_with_a_sketch() -> None:
    """Begun part of the way, a walk starts between sketch and noise, and its steps divide what is left of the way."""
    sketch, noise = torch.rand(1, 3, 8, 8, 8), torch.randn(1, 3, 8, 8, 8)
    network = Recorder(torch.zeros_like(sketch))

    denoise(network, noise, wishes(), 3, sketch=sketch, start=0.625)

    assert torch.allclose(network.asked[0][0], 0.625 * sketch + 0.375 * NOISE_SCALE * noise)
    assert [float(t) for _, t, *_ in network.asked] == pytest.approx([0.625, 0.75, 0.875])
    assert [float(step) for _, _, step, *_ in network.asked] == [0.125] * 3


def test_loops_have_no_beginning() -> None:
    """A walk to a loop ends at the same loop wherever it began, and what a network does wrong at the ends goes."""
    noise = torch.randn(1, 3, 16, 8, 8)
    ends = torch.cos(torch.arange(16) * (2 * math.pi / 15)).clamp(min=0).view(1, 1, -1, 1, 1)

    def uneven(noisy: Tensor, *_: object) -> Tensor:
        return noisy.tanh() + ends

    looped, turned = (denoise(uneven, n, wishes(), 2, loops=True) for n in (noise, noise.roll(8, 2)))
    wrong, righted = (denoise(lambda *_: ends.expand_as(noise), noise, wishes(), 1, loops=x) for x in (False, True))

    assert torch.allclose(looped.roll(8, 2), turned, atol=1e-5)
    assert wrong.amax() == pytest.approx(1)
    assert righted.amax() < 0.3


def test_known_frames_stay_exactly() -> None:
    """Given frames at both ends come out bit for bit, marked as known; what lies between is made."""
    first, last = torch.rand(1, 3, 8, 8, 8), torch.rand(1, 3, 4, 8, 8)
    network = Recorder(torch.zeros(1, 3, 24, 8, 8))

    end = denoise(network, torch.randn(1, 3, 24, 8, 8), wishes(), 2, first=first, last=last)

    assert torch.equal(end[:, :, :8], first)
    assert torch.equal(end[:, :, -4:], last)
    assert torch.allclose(end[:, :, 8:-4], torch.zeros(()), atol=1e-6)
    for noisy, *_, known in network.asked:
        assert known.tolist() == [[1, 1, 0, 0, 0, 1]]
        assert torch.equal(noisy[:, :, :8], first)
        assert torch.equal(noisy[:, :, -4:], last)


def test_an_untrained_upsampler_enlarges_plainly() -> None:
    """Before it learned anything, every second frame is the draft's, four times as large; the others lie between."""
    draft = torch.rand(2, 3, 10, 8, 12) * 2 - 1

    large = plain_upsampler()(draft)

    plain = functional.interpolate(draft.transpose(1, 2).flatten(0, 1), scale_factor=4, mode="bilinear")
    plain = plain.unflatten(0, (2, 10)).transpose(1, 2)
    assert large.shape == (2, 3, 20, 32, 48)
    assert torch.allclose(large[:, :, ::2], plain, atol=1e-5)
    assert torch.allclose(large[:, :, 1:-1:2], (plain[:, :, 1:] + plain[:, :, :-1]) / 2, atol=1e-5)
    assert torch.allclose(large[:, :, -1], plain[:, :, -1], atol=1e-5)


def test_a_loop_may_begin_anywhere() -> None:
    """Of a looping clip the upsampler makes the same whichever patch comes first; otherwise the ends differ."""
    upsampler, draft = Upsampler(8, 1), torch.rand(1, 3, 12, 8, 8)
    randomized(upsampler)

    with torch.inference_mode():
        looped, later = upsampler(draft, loops=True), upsampler(draft.roll(4, 2), loops=True)
        cut = upsampler(draft)

    assert torch.allclose(looped.roll(8, 2), later, atol=1e-5)
    assert (looped[:, :, -1] - cut[:, :, -1]).abs().max() > 1e-3
    assert torch.allclose(looped[:, :, 2:-4], cut[:, :, 2:-4], atol=1e-5)


def test_upsampler_makes_a_part_as_it_makes_the_whole() -> None:
    """Told where in the draft a part begins, the upsampler makes its inside as if it saw all."""
    upsampler, draft = Upsampler(8, 1), torch.rand(1, 3, 12, 24, 24)
    randomized(upsampler)

    with torch.inference_mode():
        whole = upsampler(draft)
        part = upsampler(draft[:, :, 3:, 2:, 5:], origin=(3, 2, 5))

    assert torch.allclose(part[:, :, 2:, 32:, 32:], whole[:, :, 8:, 40:, 52:], atol=1e-5)
