"""Makes clips with the network: noise, a few Euler steps along the predicted flow, pixels.

The flow is a straight line from noise to the clip (flow matching, arXiv 2210.02747); the network predicts its end.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends import Frames
from renderer.backends.backdrop import NUM_FRAMES, SCENES, WEIGHTS, WEIGHTS_SHA256
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.digest import file_sha256
from renderer.errors import BackendError

NOISE_SCALE = 2.0  # sigma of the noise at t = 0, as in training; a clip is redundant and hides in weaker noise
# truck (right), pedestal (down) and dolly (in) per second, in half short sides; training moves had a sigma of
# (.08, .05, .05), so the largest speed that a campaign may ask for, 3, stays within three of them
CAMERAS = {
    "static": (0.0, 0.0, 0.0),
    "pan_left": (-0.08, 0.0, 0.0),
    "pan_right": (0.08, 0.0, 0.0),
    "tilt_up": (0.0, -0.05, 0.0),
    "tilt_down": (0.0, 0.05, 0.0),
    "dolly_in": (0.0, 0.0, 0.05),
    "dolly_out": (0.0, 0.0, -0.05),
}
SEAM_SHARE = 0.4  # of a jump at a patch border is artefact; taking out more makes borders smoother than patches
# Width and height at which a scene with one object keeps it (8 of 8 seeds looked at); wider frames lose it (3 of 8).
OBJECT_SIZE = {"studio": (80, 104)}
OBJECT_CENTRE = 0.6  # of the height at that size: what a cut keeps in its middle


class BackdropModel:
    """The embedded video model. The same shot gives the same frames on one machine with one number of threads."""

    def __init__(self, device: str = "auto", network: BackdropNetwork | None = None) -> None:
        """Load the shipped weights, or take a network of your own; `device` is `cpu`, `cuda`, or `auto`.

        bfloat16 is 2.6 times as fast as float32 on CPUs with AMX and differs by 0.001 of the range.

        Raises:
            BackendError: the weights are not those that this version was made with.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.network = (network or load_network()).to(self.device, torch.bfloat16).eval()

    def generate(self, shot: Shot, image: Frames | None) -> Frames:
        """See `VideoModel.generate`. Shapes other than the facts' sizes work in steps of the patch side.

        Raises:
            BackendError: the scene is unknown, a picture is to be shown, or the size does not fit.
        """
        refuse_unfit(shot, image, self.network)
        width, height = working_size(shot)
        noise = torch.Generator().manual_seed(shot.seed)  # drawn on the CPU: every device starts from the same noise
        clip = torch.randn(1, 3, NUM_FRAMES, height, width, generator=noise) * NOISE_SCALE
        clip = denoise(self.network, clip.to(self.device), shot)
        frames, side = self.network.patch
        for axis, length in ((2, frames), (3, side), (4, side)):
            clip = smooth_seams(clip, axis, length)
        if (width, height) != (shot.width, shot.height):
            clip = cover(clip, shot.width, shot.height)
        if not clip.isfinite().all():
            raise BackendError(f"shot {shot.key}: the network overflowed. Choose another seed; check the weights.")
        pixels = ((clip[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return pixels[:, : shot.num_frames].permute(1, 2, 3, 0).contiguous().cpu().numpy()


def load_network() -> BackdropNetwork:
    """Return the shipped network, float32 on the CPU.

    Raises:
        BackendError: the weights are missing or altered.
    """
    if not WEIGHTS.is_file() or file_sha256(WEIGHTS) != WEIGHTS_SHA256:
        raise BackendError(f"{WEIGHTS}: missing, or not the weights of this version. Install adloom again.")
    network = BackdropNetwork(width=448, depth=12, num_heads=7, bottleneck=128, num_scenes=len(SCENES), patch=(4, 8))
    network.load_state_dict(load_file(WEIGHTS))
    return network


@torch.inference_mode()
def denoise(network: BackdropNetwork, clip: Tensor, shot: Shot) -> Tensor:
    """Walk from noise (B, 3, T, H, W) to clips of the shot's look in `shot.num_inference_steps` equal steps.

    A guidance scale other than 1 doubles the cost: the prediction is moved away from one that was told nothing.
    """
    scene, palette, camera = look_tensors(shot.look, clip)
    times = torch.linspace(0, 1, shot.num_inference_steps + 1, device=clip.device)
    for t, next_t in pairwise(times):
        clean = network(clip, t[None], scene, palette, camera)
        if shot.guidance_scale != 1:
            blind = network(clip, t[None], torch.full_like(scene, network.no_scene), palette, camera)
            clean = blind + shot.guidance_scale * (clean - blind)
        clip = clip + (clean - clip) * ((next_t - t) / (1 - t))
    return clip


def smooth_seams(clip: Tensor, axis: int, length: int) -> Tensor:
    """Shrink the jump between neighbouring patches of `length` along `axis`: what the slopes on both sides leave over.

    Half of the correction goes to each side and fades over half a patch. Raw clips change 16 % more across a border
    than inside a patch, and a fourth of their frames jerks; afterwards both are even (tests/test_backdrop.py).
    """
    lines = clip.movedim(axis, -1).contiguous()
    blocks = lines.view(*lines.shape[:-1], -1, length).clone()
    before, after = blocks[..., :-1, :], blocks[..., 1:, :]
    slopes = (before[..., -1] - before[..., -2] + after[..., 1] - after[..., 0]) / 2
    jump = (after[..., 0] - before[..., -1] - slopes)[..., None]
    fade = torch.linspace(SEAM_SHARE / 2, 0, length // 2 + 1, device=clip.device)[:-1]
    after[..., : length // 2] -= jump * fade
    before[..., length - length // 2 :] += jump * fade.flip(0)
    return blocks.view(lines.shape).movedim(-1, axis)


def look_tensors(look: Look, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return scene (1,) int64, palette (1, 3, 3) in [0, 1] and camera (1, 3), on the device of `like`."""
    scene = torch.tensor([SCENES.index(look.scene)], device=like.device)
    palette = [[byte / 255 for byte in bytes.fromhex(colour.removeprefix("#"))] for colour in look.palette]
    camera = [look.camera_speed * part for part in CAMERAS[look.camera]]
    return scene, torch.tensor([palette], device=like.device), torch.tensor([camera], device=like.device)


def working_size(shot: Shot) -> tuple[int, int]:
    """Return the (width, height) that the network works at: the shot's own, unless that is too wide for the scene."""
    width, height = OBJECT_SIZE.get(shot.look.scene, (shot.width, shot.height))
    return (width, height) if shot.width > width else (shot.width, shot.height)


def cover(clip: Tensor, width: int, height: int) -> Tensor:
    """Cut (1, 3, T, H, W) around its object to the shape of (width, height), then scale it to that size."""
    rows = min(clip.shape[3], round(clip.shape[4] * height / width))
    first = min(max(round(clip.shape[3] * OBJECT_CENTRE - rows / 2), 0), clip.shape[3] - rows)
    frames = clip[0, :, :, first : first + rows].transpose(0, 1)
    scaled = functional.interpolate(frames, (height, width), mode="bicubic", align_corners=False)
    return scaled.transpose(0, 1)[None]


def refuse_unfit(shot: Shot, image: Frames | None, network: BackdropNetwork) -> None:
    """Check what planning should have kept away.

    Raises:
        BackendError: the scene is unknown, a picture is to be shown, or the size does not fit.
    """
    side = network.patch[1]
    if shot.look.scene not in SCENES:
        raise BackendError(f"shot {shot.key}: backdrop has no scene {shot.look.scene!r}. It has {', '.join(SCENES)}.")
    if image is not None or shot.image_sha256 is not None:
        raise BackendError(f"shot {shot.key}: backdrop cannot redraw a product. Write 'product: composite'.")
    if shot.width % side or shot.height % side or not 0 < shot.num_frames <= NUM_FRAMES:
        raise BackendError(
            f"shot {shot.key}: {shot.width}x{shot.height}, {shot.num_frames} frames. "
            f"backdrop makes multiples of {side} pixels and at most {NUM_FRAMES} frames."
        )
