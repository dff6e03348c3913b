"""Makes takes: passes of the network that continue each other, made sharp; and tells the networks what a shot asks."""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from catalog import Look
from renderer.artifacts import Layout, Shot
from renderer.backends import Frames, Inputs
from renderer.backends.backdrop import (
    DRAFT_FRAMES,
    FRAME_STEP,
    MAX_NUM_FRAMES,
    MIN_NUM_FRAMES,
    OVERLAP_FRAMES,
    SCENES,
    SPACE_SCALE,
)
from renderer.backends.backdrop.conditions import CAMERA_UNITS, NUM_CALM, Conditions
from renderer.backends.backdrop.flow import Predict, denoise
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.replay import Replay
from renderer.backends.backdrop.sketch import Sketch
from renderer.backends.backdrop.upsampler import PATCH, Upsampler
from renderer.backends.backdrop.weights import load_weights
from renderer.errors import BackendError

# Where the walk begins: earlier it loses the sketch's small shapes, later it adds nothing (docs/backdrop.md).
START = 0.625
# Of a jump between neighbouring patches, in time and along each side, that is artefact.
TIME_SEAM, SPACE_SEAM = 0.7, 0.3
TRUCK, PEDESTAL, DOLLY, ORBIT = CAMERA_UNITS
CAMERAS = {  # truck (right), pedestal (down), dolly (in) and orbit (right) per second at a speed of 1
    "static": (0.0, 0.0, 0.0, 0.0),
    "pan_left": (-TRUCK, 0.0, 0.0, 0.0),
    "pan_right": (TRUCK, 0.0, 0.0, 0.0),
    "tilt_up": (0.0, -PEDESTAL, 0.0, 0.0),
    "tilt_down": (0.0, PEDESTAL, 0.0, 0.0),
    "dolly_in": (0.0, 0.0, DOLLY, 0.0),
    "dolly_out": (0.0, 0.0, -DOLLY, 0.0),
    "orbit_left": (0.0, 0.0, 0.0, -ORBIT),
    "orbit_right": (0.0, 0.0, 0.0, ORBIT),
}
DIAGONAL = 0.5**0.5
LIGHTS = {  # unit vectors towards the light, y down
    "left": (-1.0, 0.0),
    "top_left": (-DIAGONAL, -DIAGONAL),
    "top": (0.0, -1.0),
    "top_right": (DIAGONAL, -DIAGONAL),
    "right": (1.0, 0.0),
}


class BackdropModel:
    """The embedded video model. The same shot gives the same frames on one machine with one number of threads."""

    def __init__(self, device: str = "auto", networks: tuple[BackdropNetwork, Upsampler] | None = None) -> None:
        """Load the shipped weights, or take networks of your own; `device` is `cpu`, `cuda`, or `auto`.

        Raises:
            BackendError: the weights are not those that this version was made with.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        network, upsampler = networks or load_weights()
        network = network.to(self.device, torch.bfloat16).eval()
        self.predict: Predict = Replay(network) if self.device.type == "cuda" else network
        self.upsampler = upsampler.to(self.device, torch.bfloat16).eval()
        self.upsampler.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's types lack it
        self._drawing = Lock()  # a recorded graph has one memory for all

    @torch.inference_mode()
    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        """See `VideoModel.generate`.

        Raises:
            BackendError: the scene is unknown, a picture is to be shown, or the size or length does not fit.
        """
        refuse_unfit(shot, inputs)
        with self._drawing:
            return self._drawn(shot)

    def _drawn(self, shot: Shot) -> Frames:
        conditions = conditions_of(shot.look, shot.layout, shot.width / shot.height).to(self.device)
        draft = even_borders(make_draft(self.predict, conditions, shot), shot.look.loop)
        clip = self.upsampler(draft, loops=shot.look.loop)[0, :, : shot.num_frames]
        if not clip.isfinite().all():
            raise BackendError(f"shot {shot.key}: the network overflowed. Choose another seed; check the weights.")
        pixels = ((clip.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0)
        frames = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")  # copies faster
        return frames.copy_(pixels).numpy()


def make_draft(predict: Predict, conditions: Conditions, shot: Shot) -> Tensor:
    """Return the draft of a shot, float32 (1, 3, T, H, W): one pass of the network, and more that continue it.

    A further pass is given one patch of finished frames, and dissolves into the rest of the overlap, where its noise is
    the same.
    """
    size, device = (shot.height // SPACE_SCALE, shot.width // SPACE_SCALE), conditions.scene.device
    numbers = torch.Generator().manual_seed(shot.seed)  # on the CPU: every device starts from the same noise
    sketch = Sketch.of(conditions, numbers)
    passes = 1 + max(-(-(shot.num_frames - MIN_NUM_FRAMES) // FRAME_STEP), 0)
    draft = torch.empty(1, 3, 0, *size, device=device)
    noise = torch.randn(1, 3, DRAFT_FRAMES, *size, generator=numbers).to(device)
    for number in range(passes):
        if number:
            fresh = torch.randn(1, 3, DRAFT_FRAMES - OVERLAP_FRAMES, *size, generator=numbers).to(device)
            noise = torch.cat([noise[:, :, -OVERLAP_FRAMES:], fresh], 2)
        drawn = sketch.frames(number * (DRAFT_FRAMES - OVERLAP_FRAMES), DRAFT_FRAMES, *size)
        given, again = (
            torch.split(draft[:, :, -OVERLAP_FRAMES:], [PATCH[0], OVERLAP_FRAMES - PATCH[0]], 2)
            if number
            else (None, None)
        )
        clip = denoise(
            predict, noise, conditions, shot.num_inference_steps, sketch=drawn, start=START, first=given,
            loops=shot.look.loop,
        )  # fmt: skip
        if again is not None:
            clip = dissolved(again, clip[:, :, PATCH[0] :])
            draft = draft[:, :, : -again.shape[2]]
        draft = torch.cat([draft, clip], 2)
    return draft


def dissolved(before: Tensor, after: Tensor) -> Tensor:
    """Let the frames of `before` (1, 3, t, H, W) turn into the first ones of `after` (1, 3, T, H, W)."""
    length = before.shape[2]
    share = torch.linspace(0, 1, length + 2, device=after.device)[1:-1].view(1, 1, -1, 1, 1)
    return torch.cat([torch.lerp(before, after[:, :, :length], share), after[:, :, length:]], 2)


def even_borders(draft: Tensor, loops: bool = False) -> Tensor:
    """Shrink the jumps between neighbouring patches of (B, 3, T, H, W): what the slopes on both sides leave over.

    Half of a correction goes to each side and fades over half a patch. Left alone, a picture jerks by a third at every
    border in time (docs/backdrop.md). In a loop the last patch borders on the first.
    """
    if loops:
        draft = torch.cat([draft[:, :, -PATCH[0] :], draft, draft[:, :, : PATCH[0]]], 2)
    for axis, length, share in ((2, PATCH[0], TIME_SEAM), (3, PATCH[1], SPACE_SEAM), (4, PATCH[1], SPACE_SEAM)):
        lines = draft.movedim(axis, -1).contiguous()
        blocks = lines.view(*lines.shape[:-1], -1, length).clone()
        before, after = blocks[..., :-1, :], blocks[..., 1:, :]
        slopes = (before[..., -1] - before[..., -2] + after[..., 1] - after[..., 0]) / 2
        jump = (after[..., 0] - before[..., -1] - slopes)[..., None]
        fade = torch.linspace(share / 2, 0, length // 2 + 1, device=draft.device)[:-1]
        after[..., : length // 2] -= jump * fade
        before[..., length - length // 2 :] += jump * fade.flip(0)
        draft = blocks.view(lines.shape).movedim(-1, axis)
    return draft[:, :, PATCH[0] : -PATCH[0]] if loops else draft


def conditions_of(look: Look, layout: Layout, aspect: float) -> Conditions:
    """Return the wishes of one look and layout, for a frame of width / height `aspect`.

    Raises:
        BackendError: the layout keeps more places calm than the network can be told.
    """
    if len(layout.calm) > NUM_CALM:
        raise BackendError(f"layout: {len(layout.calm)} calm regions. backdrop takes at most {NUM_CALM}.")
    half_w, half_h = max(aspect, 1.0), max(1 / aspect, 1.0)
    palette = [[byte / 255 for byte in bytes.fromhex(colour.removeprefix("#"))] for colour in look.palette]
    calm = [
        ((2 * box.x + box.width - 1) * half_w, (2 * box.y + box.height - 1) * half_h, box.width * half_w,
         box.height * half_h)
        for box in layout.calm
    ]  # fmt: skip
    stand = layout.stand
    foot = (0.0,) * 4
    if stand:
        foot = (2 * stand.x - 1) * half_w, (2 * stand.y - 1) * half_h, 2 * stand.width * half_w, 1.0
    second = look.second_scene or look.scene
    return Conditions(
        scene=torch.tensor([SCENES.index(look.scene)]),
        second_scene=torch.tensor([SCENES.index(second)]),
        second_share=torch.tensor([look.second_share if look.second_scene else 0.0]),
        palette=torch.tensor([palette]),
        camera=torch.tensor([CAMERAS[look.camera]]) * look.camera_speed,
        light=torch.tensor([LIGHTS[look.light]]),
        energy=torch.tensor([float(look.energy)]),
        loops=torch.tensor([float(look.loop)]),
        stand=torch.tensor([foot]),
        calm=torch.tensor([calm + [(0.0,) * 4] * (NUM_CALM - len(calm))]),
    )


def refuse_unfit(shot: Shot, inputs: Inputs) -> None:
    """Check what planning should have kept away.

    Raises:
        BackendError: a scene is unknown, a picture is to be shown, or size, length or guidance do not fit.
    """
    side = PATCH[1] * SPACE_SCALE
    for scene in filter(None, (shot.look.scene, shot.look.second_scene)):
        if scene not in SCENES:
            raise BackendError(f"shot {shot.key}: backdrop has no scene {scene!r}. It has {', '.join(SCENES)}.")
    if inputs.image is not None or shot.image_sha256 is not None:
        raise BackendError(f"shot {shot.key}: backdrop cannot redraw a product. Write 'product: composite'.")
    if shot.width % side or shot.height % side or not 0 < shot.num_frames <= MAX_NUM_FRAMES:
        raise BackendError(
            f"shot {shot.key}: {shot.width}x{shot.height}, {shot.num_frames} frames. "
            f"backdrop makes multiples of {side} pixels and at most {MAX_NUM_FRAMES} frames."
        )
    if shot.look.loop and shot.num_frames != MIN_NUM_FRAMES:
        raise BackendError(f"shot {shot.key}: {shot.num_frames} frames. A loop has {MIN_NUM_FRAMES}.")
    if shot.guidance_scale != 1:
        raise BackendError(f"shot {shot.key}: guidance_scale {shot.guidance_scale:g}. backdrop has none; write 1.")
