"""The measures that clips of the embedded video model are judged by see what they claim to see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from backdrop_model import filmed, places, wishes
from renderer.backends.backdrop.training import measures

pytestmark = pytest.mark.usefixtures("steady_torch")


def carried(right: float, down: float, growth: float = 0.0, frames: int = 12) -> Tensor:
    """A clip of soft blots, (1, 3, T, 64, 48), that move by pixels per frame and grow by a share per frame."""
    x, y = (place.view(64, 48) for place in places(64, 48))
    clip = []
    for frame in range(frames):
        zoom = 1 + growth * frame
        at_x, at_y = x / zoom - right * frame / 24, y / zoom - down * frame / 24
        clip.append(torch.sin(7 * at_x + 2 * torch.sin(5 * at_y)) * torch.cos(6 * at_y - at_x + torch.cos(4 * at_x)))
    return torch.stack(clip).expand(1, 3, -1, -1, -1) * 0.8


def test_shifts_are_found_in_pixels() -> None:
    """A picture that moves by known ways is found to move by them; one that grows is found to grow."""
    clips = torch.cat([carried(0.5, 0.0), carried(-0.25, 0.75), carried(0.0, 0.0, 0.01), carried(0.0, 0.0, -0.01)])

    right, down, growth = measures.shifts(clips).unbind(1)

    assert right[:2].tolist() == pytest.approx([4, -2], abs=0.5)
    assert down[:2].tolist() == pytest.approx([0, 6], abs=0.5)
    assert growth[2] > 0.5
    assert growth[3] < -0.5


def test_cameras_move_against_the_picture() -> None:
    """A camera that goes right or down is obeyed by a picture that goes left or up; one that comes nearer, by growth."""
    clips = torch.cat([carried(-0.5, 0.0), carried(0.0, -0.5), carried(0.0, 0.0, 0.02), carried(-0.5, 0.0)])
    moves = torch.tensor([[0.1, 0, 0, 0], [0, 0.1, 0, 0], [0, 0, 0.1, 0], [0, 0, 0, 0.1]])

    assert measures.camera_obeyed(clips, moves).all()
    assert not measures.camera_obeyed(clips, -moves).any()
    assert not measures.camera_obeyed(clips[[1, 0]], moves[[0, 1]]).any()


def test_fixed_colours_have_their_lab() -> None:
    """White, black and red are where CIE puts them."""
    lab = measures.cielab(torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))

    expected = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0], [53.24, 80.09, 67.20]])
    assert torch.allclose(lab, expected, atol=0.1)


def test_frechet_distance_grows_with_the_difference() -> None:
    """A set is at no distance from itself, near others of its kind, and far from another scene."""
    batches = [(scene, seed) for scene, seed in (("silk", 0), ("silk", 1), ("neon", 0))]
    sets = [
        measures.features(filmed(scene, wishes(24, scene, seed=seed), (32, 32), torch.arange(24) / 8, seed))
        for scene, seed in batches
    ]

    same, near, far = (measures.frechet_distance(sets[0], other) for other in sets)

    assert same == pytest.approx(0, abs=1e-3)
    assert same < near < 0.5 * far


def test_joints_are_seen() -> None:
    """A jump in the middle or between the ends is above all other changes; a steady clip has no joint."""
    steady = torch.linspace(0, 1, 40)[None, :, None, None].expand(3, -1, 4, 4)
    jumping = steady + (torch.arange(40) >= 20)[None, :, None, None] * 0.5

    assert measures.joint_share(steady, [20]) == pytest.approx(1, abs=0.01)
    assert measures.joint_share(jumping, [20]) > 10
    assert measures.joint_share(jumping, [19]) == pytest.approx(1, abs=0.01)
    assert measures.joint_share(steady, [0]) > 10


def test_motion_is_measured() -> None:
    """What moves faster is livelier; optical flow explains motion, but not flicker."""
    slow, fast = carried(0.2, 0.0), carried(1.0, 0.0)
    flicker = slow + 0.4 * torch.randn(1, 1, 12, 64, 48)

    assert measures.liveliness(fast) > 3 * measures.liveliness(slow)
    assert measures.warp_errors(fast) < 0.3 * measures.liveliness(fast)
    assert measures.warp_errors(flicker) > 0.5 * measures.liveliness(flicker)


def test_light_is_found() -> None:
    """The slope of brightness points to the light."""
    x, y = (place.view(1, 1, 1, 48, 32) for place in places(48, 32))
    clip = (0.3 * x - 0.2 * y).expand(2, 3, 4, 48, 32)

    angles = measures.light_angles(clip, torch.tensor([[0.3, -0.2], [0.2, 0.3]]))

    assert angles.tolist() == pytest.approx([0, 90], abs=1)


def test_calm_needs_boxes() -> None:
    """Without calm boxes there is nothing to compare; with one, the quiet place inside is seen."""
    x, y = (place.view(48, 48) for place in places(48, 48))
    box = torch.tensor([[[0.0, 0.0, 0.6, 0.6], [0.0] * 4, [0.0] * 4]])
    busy = torch.randn(1, 3, 4, 48, 48) * torch.where((x.abs() < 0.6) & (y.abs() < 0.6), 0.1, 1.0)

    assert measures.calm_ratios(busy, wishes()).isnan().all()
    assert measures.calm_ratios(busy, wishes(calm=box)).item() == pytest.approx(10, rel=0.2)
