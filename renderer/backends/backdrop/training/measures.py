"""What clips are judged by: distance to drawn clips, palette, camera, calm, light, energy, flicker and joints.

All of it looks at pixels alone and treats drawn and generated clips alike.

Clips are float32 (B, 3, T, H, W) in [-1, 1].
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from renderer.backends.backdrop.conditions import Conditions, calm_map, foot_map, pixel_grid
from renderer.backends.backdrop.scenes.picture import oklab

SCALES = (1, 2, 4)  # pixels per pixel that gradients are measured at
BANDS = ((1, 2), (2, 4), (4, 8), (8, 13), (13, 25))  # of the temporal spectrum, in cycles per clip of 48 frames
NEAREST = 0.02  # share of pixels that stand for an asked colour
LAG_FRAMES = 8  # between frames whose shift is measured
INSIDE, OUTSIDE = 0.9, 0.1  # calm above and below which a place counts as inside or outside
WHITE_LAB = (0.95047, 1.0, 1.08883)  # D65
_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))


def features(clips: Tensor) -> Tensor:
    """Return hand-made features of colour, gradients and temporal spectrum, float64 (B, F)."""
    rows = []
    for clip in clips:
        lab = oklab((clip.movedim(0, -1) + 1) / 2).movedim(-1, 0)  # (3, T, H, W)
        flat = lab.flatten(1)
        levels = torch.quantile(flat[:, ::17], torch.tensor([0.02, 0.25, 0.5, 0.75, 0.98], device=clip.device), dim=1)
        colour = [flat.mean(1), flat.std(1), levels.flatten(), torch.corrcoef(flat[:, ::17])[0, 1:]]
        colour += [functional.adaptive_avg_pool2d(lab.mean(1), 3).flatten()]
        shape = [x for scale in SCALES for x in _gradients(functional.avg_pool2d(lab[0], scale))]
        change = [_spectrum(functional.avg_pool2d(lab[0], scale)) for scale in (1, 4)]
        rows.append(torch.cat([*colour, *shape, *change]))
    return torch.stack(rows).double().nan_to_num().cpu()


def _gradients(light: Tensor) -> list[Tensor]:
    """Return log mean and log spread of absolute differences of (T, H, W) along columns and rows."""
    found = []
    for axis in (-1, -2):
        steps = light.diff(dim=axis).abs()
        found.append(torch.log(torch.stack([steps.mean(), steps.std(), steps.flatten()[::7].quantile(0.99)]) + 1e-4))
    return found


def _spectrum(light: Tensor) -> Tensor:
    """Return the log power of (T, H, W) in time, in bands."""
    power = torch.fft.rfft(light - light.mean(0), dim=0).abs().square().mean((1, 2))
    scale = len(light) / 48
    bands = [power[max(round(low * scale), 1) : max(round(high * scale), 2)] for low, high in BANDS]
    return torch.log(torch.stack([band.mean() for band in bands if len(band)]) + 1e-6)


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the Fréchet distance of two sets of features (B, F), in units of the first set's spread per feature."""
    centre, spread = first.mean(0), first.std(0).clamp(min=1e-6)
    a, b = (first - centre) / spread, (second - centre) / spread
    mean = (a.mean(0) - b.mean(0)).square().sum()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    product = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return float(mean + cov_a.trace() + cov_b.trace() - 2 * product)


def cielab(srgb: Tensor) -> Tensor:
    """Return CIE L*a*b* (D65) of sRGB colours 0..1; the last axis holds the channels."""
    linear = torch.where(srgb > 0.04045, ((srgb + 0.055) / 1.055).clamp(min=0) ** 2.4, srgb / 12.92)
    xyz = linear @ linear.new_tensor(_XYZ).T / linear.new_tensor(WHITE_LAB)
    f = torch.where(xyz > 216 / 24389, xyz.clamp(min=1e-9) ** (1 / 3), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def palette_errors(clips: Tensor, palette: Tensor) -> Tensor:
    """Return, per clip, the mean colour difference (CIE76) of asked colours to the pixels nearest to them, (B,)."""
    errors = []
    for clip, colours in zip(clips, palette, strict=True):
        pixels = cielab((clip[:, ::6, ::2, ::2].flatten(1).T + 1) / 2)
        asked = cielab(colours)
        distance = torch.cdist(asked, pixels)
        nearest = distance.topk(max(int(NEAREST * len(pixels)), 1), dim=1, largest=False).indices
        errors.append((pixels[nearest].mean(1) - asked).norm(dim=1).mean())
    return torch.stack(errors).cpu()


def shifts(clips: Tensor) -> Tensor:
    """Return how the picture moves by phase correlation, pixels per LAG_FRAMES: right, down, and growth, (B, 3).

    Growth is how much faster the outer thirds move outwards, per half of the frame.
    """
    luma = clips.mean(1)  # (B, T, H, W)
    height, width = luma.shape[-2:]
    whole = _phase_shift(luma)
    left, right = (_phase_shift(part)[:, 0] for part in (luma[..., : width // 2], luma[..., width // 2 :]))
    top, bottom = (_phase_shift(part)[:, 1] for part in (luma[..., : height // 2, :], luma[..., height // 2 :, :]))
    growth = ((right - left) / width + (bottom - top) / height) * min(height, width)
    return torch.cat([whole, growth[:, None]], 1).cpu()


def _phase_shift(luma: Tensor) -> Tensor:
    """Return the shift (right, down) of (B, T, H, W) over LAG_FRAMES, from summed normalized cross spectra, (B, 2)."""
    height, width = luma.shape[-2:]
    window = torch.hann_window(height, device=luma.device)[:, None] * torch.hann_window(width, device=luma.device)
    spectrum = torch.fft.rfft2((luma - luma.mean((-1, -2), keepdim=True)) * window)
    cross = spectrum[:, LAG_FRAMES:] * spectrum[:, :-LAG_FRAMES].conj()
    # Whitening by a blunted power keeps noise in empty frequencies from outvoting the picture.
    cross = (cross / (cross.abs() + 0.02 * cross.abs().amax((-1, -2), keepdim=True))).mean(1)
    peak = torch.fft.irfft2(cross, s=(height, width))
    reach = min(height, width) // 3
    rows = (torch.fft.fftfreq(height, device=luma.device) * height).round()
    columns = (torch.fft.fftfreq(width, device=luma.device) * width).round()
    near = (rows.abs() <= reach)[:, None] & (columns.abs() <= reach)[None]
    best = peak.masked_fill(~near, -math.inf).flatten(1).argmax(1)
    row, column = best // width, best % width
    right, down = columns[column] + _refined(peak, row, column, -1), rows[row] + _refined(peak, row, column, -2)
    return torch.stack([right, down], 1)


def _refined(peak: Tensor, row: Tensor, column: Tensor, axis: int) -> Tensor:
    """Return where between pixels a parabola through the peak has its top, (B,)."""
    height, width = peak.shape[-2:]
    numbers = torch.arange(len(peak), device=peak.device)
    step = (0, 1) if axis == -1 else (1, 0)
    before, here, after = (
        peak[numbers, (row + sign * step[0]) % height, (column + sign * step[1]) % width] for sign in (-1, 0, 1)
    )
    return (before - after) / (2 * (before - 2 * here + after)).clamp(max=-1e-9)


def camera_obeyed(clips: Tensor, camera: Tensor) -> Tensor:
    """Tell, for clips of one move each (B, 4), whether the picture goes where it should, bool (B,).

    A camera that goes right or down carries the picture left or up; one that comes nearer makes it grow.
    """
    found = shifts(clips)
    truck, pedestal, dolly, orbit = camera.cpu().unbind(1)
    sideways = truck + orbit
    obeyed = torch.where(sideways != 0, (found[:, 0] * sideways < 0) & (found[:, 0].abs() > found[:, 1].abs()), False)
    obeyed |= (pedestal != 0) & (found[:, 1] * pedestal < 0) & (found[:, 1].abs() > found[:, 0].abs())
    return obeyed | ((dolly != 0) & (found[:, 2] * dolly > 0))


def calm_ratios(clips: Tensor, conditions: Conditions) -> Tensor:
    """Return how many times more happens outside the calm boxes than inside, per clip (B,); nan without boxes.

    What happens is the mean step between neighbours in space and time. The floor and its shadow count as neither.
    """
    height, width = clips.shape[-2:]
    x, y = (grid.reshape(1, -1) for grid in pixel_grid(height, width, clips.device))
    calm = calm_map(conditions.calm, x, y).view(-1, height, width)
    feet = foot_map(conditions.stand * clips.new_tensor([1, 1, 2, 1]), x, y).view(-1, height, width)
    horizon = conditions.stand[:, 1] - 0.36 * conditions.stand[:, 2] - 0.1
    above = (y.view(1, height, width) < horizon[:, None, None]) | (conditions.stand[:, 3, None, None] == 0)
    luma = clips.mean(1)
    right, down, later = (luma.diff(dim=axis).abs().mean(1) for axis in (-1, -2, 1))
    steps = functional.pad(right, (0, 1)) + functional.pad(down, (0, 0, 0, 1)) + later
    usable = above & (feet < OUTSIDE)
    inside, outside = (calm > INSIDE) & usable, (calm < OUTSIDE) & usable
    found = []
    for row, within, without in zip(steps, inside, outside, strict=True):
        enough = within.sum() >= 50 and without.sum() >= 200
        found.append(row[without].mean() / row[within].mean().clamp(min=1e-4) if enough else row.new_tensor(math.nan))
    return torch.stack(found).cpu()


def light_angles(clips: Tensor, light: Tensor) -> Tensor:
    """Return the angle in degrees between the asked light and the slope of brightness over the frame, per clip (B,)."""
    x, y = pixel_grid(clips.shape[-2], clips.shape[-1], clips.device)
    luma = clips.mean((1, 2))
    luma = luma - luma.mean((-1, -2), keepdim=True)
    slope = torch.stack([(luma * axis).mean((-1, -2)) / axis.square().mean() for axis in (x, y)], 1)
    cosine = functional.cosine_similarity(slope, light, dim=1).clamp(-1, 1)
    return torch.rad2deg(torch.arccos(cosine)).cpu()


def liveliness(clips: Tensor) -> Tensor:
    """Return the mean change from frame to frame, of 255, per clip (B,)."""
    return (clips.mean(1).diff(dim=1).abs().mean((1, 2, 3)) * 127.5).cpu()


def warp_errors(clips: Tensor) -> Tensor:
    """Return what optical flow leaves unexplained between neighbouring frames, mean of 255, per clip (B,)."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = []
    for clip in ((clips.mean(1).clamp(-1, 1) + 1) * 127.5).byte().cpu().numpy():
        grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in clip.shape[:0:-1])), -1)
        errors = []
        for before, after in zip(clip[:-1:2], clip[1::2], strict=True):
            x, y = np.moveaxis(grid + flow.calc(before, after, np.zeros_like(grid)), -1, 0)
            back = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            errors.append(np.abs(back.astype(np.float32) - before).mean())
        found.append(float(np.mean(errors)))
    return torch.tensor(found)


def joint_share(clip: Tensor, joints: list[int]) -> float:
    """Return the largest change at the joints of one clip (3, T, H, W) over the 95th percentile of all its changes.

    A joint is the number of the first frame after it; 0 joins the last frame to the first.
    """
    looped = torch.cat([clip[:, -1:], clip], 1)
    change = looped.diff(dim=1).abs().mean((0, 2, 3))
    inner = change[1:] if 0 not in joints else change
    return float(change[joints].max() / inner.quantile(0.95))
