"""Judges `backdrop` against clips that were drawn for the same wishes, and times it.

    python benchmarks/backdrop.py [--clips 3] [--parts distances,obedience,continuity,timings,sheets]
                                  [--ways sketch:3,noise:4] [--prototype FOLDER] [--out runs/judged]

`--clips` is per scene. A way is where the walk begins, a sketch or pure noise, and the number of evaluations of the
network; obedience is measured for the first. `--prototype` names a folder with the first trial of this model (model.py,
scenes.py, weights.safetensors), which is judged beside it. On two CPU cores the whole takes about half an hour.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from backdrop_prototype import distance, prototype_distances
from safetensors.torch import load_file

from catalog import Look
from renderer.artifacts import Layout, Shot
from renderer.backends import Inputs
from renderer.backends.backdrop import (
    DRAFT_FRAMES,
    DRAFT_SIZES,
    FRAME_RATE,
    FRAME_STEP,
    MIN_NUM_FRAMES,
    REVISION,
    SCENES,
    SIZES,
    WEIGHTS,
)
from renderer.backends.backdrop.conditions import CAMERA_UNITS, Conditions
from renderer.backends.backdrop.flow import denoise
from renderer.backends.backdrop.sampler import START, BackdropModel, conditions_of, even_borders
from renderer.backends.backdrop.sketch import Sketch
from renderer.backends.backdrop.training import measures
from renderer.backends.backdrop.training.clips import Batch, drafts, random_batch
from renderer.backends.backdrop.training.sheets import save_sheet
from renderer.backends.backdrop.weights import networks_from

RATIO = "9:16"
MOST_WARPED = 64  # clips whose optical flow is computed, on one core


@dataclass(frozen=True)
class Way:
    """How a clip comes about."""

    start: float
    steps: int

    @classmethod
    def of(cls, word: str) -> Way:
        """Read `sketch:3` or `noise:4`."""
        begin, steps = word.split(":")
        return cls(START if begin == "sketch" else 0.0, int(steps))

    def __str__(self) -> str:
        return f"{'sketch' if self.start else 'noise'}, {self.steps} steps"


def main() -> None:
    """Judge, print the table, and write it with sheets of clips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=3, help="per scene")
    parser.add_argument("--parts", default="distances,obedience,continuity,timings,sheets")
    parser.add_argument("--ways", default="sketch:3,noise:2,noise:4,noise:8")
    parser.add_argument("--prototype", type=Path)
    parser.add_argument("--weights", type=Path, help="judge these instead of the shipped ones")
    parser.add_argument("--out", type=Path, default=Path("runs/judged"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = BackdropModel(networks=networks_from(load_file(options.weights)) if options.weights else None)
    judge = Judge(model, options.clips, options.out)
    ways = [Way.of(word) for word in options.ways.split(",")]
    parts = {
        "distances": lambda: judge.distances(ways, options.prototype),
        "obedience": lambda: judge.obedience(ways[0]),
        "continuity": judge.continuity,
        "timings": judge.timings,
        "sheets": lambda: judge.sheets(ways),
    }
    weights = options.weights or WEIGHTS
    table: dict[str, object] = {"weights": f"{weights.stat().st_size / 1e6:.1f} MB", "device": judge.device_name()}
    for part in options.parts.split(","):
        table |= parts[part]()
        (options.out / "table.json").write_text(json.dumps(table, indent=1) + "\n")
    for name, value in table.items():
        print(f"{name:62} {value}")


class Judge:
    """Draws wishes nobody trained on, has the model answer them, and compares."""

    def __init__(self, model: BackdropModel, per_scene: int, out: Path) -> None:
        self.model, self.per_scene, self.out = model, per_scene, out

    def device_name(self) -> str:
        """The GPU, or how many threads of the CPU."""
        if self.model.device.type == "cuda":
            return torch.cuda.get_device_name()
        return f"{torch.get_num_threads()} threads"

    def batches(self, seed: int, ratio: str = RATIO) -> list[Batch]:
        """One clip per scene and batch; the seeds of training begin at 1000 and count other numbers."""
        width, height = DRAFT_SIZES[ratio]
        device = self.model.device
        return [
            random_batch(1, width / height, torch.Generator(device).manual_seed(10**9 + 1000 * seed + number))
            for number in range(self.per_scene)
        ]

    def drawn(self, batches: list[Batch], ratio: str = RATIO) -> torch.Tensor:
        """Clips as the scenes draw them."""
        width, height = DRAFT_SIZES[ratio]
        return torch.cat([drafts(batch, height, width) for batch in batches])

    @torch.inference_mode()
    def made(self, batches: list[Batch], way: Way, ratio: str = RATIO) -> torch.Tensor:
        """Draft clips for the same wishes, from other random numbers; borders evened as in every take."""
        width, height = DRAFT_SIZES[ratio]
        numbers = torch.Generator().manual_seed(5)
        clips = []
        for batch in batches:
            count, sketch = len(batch.conditions), None
            if way.start:
                fresh = (torch.rand(p.shape, generator=numbers).to(p) for p in (batch.randoms, batch.second_randoms))
                sketch = drafts(Batch(batch.conditions, next(fresh), batch.targets, next(fresh)), height, width)
            noise = torch.randn(count, 3, DRAFT_FRAMES, height, width, generator=numbers).to(self.model.device)
            predict, wishes = self.model.predict, batch.conditions
            clips.append(even_borders(denoise(predict, noise, wishes, way.steps, sketch=sketch, start=way.start)))
        return torch.cat(clips)

    def distances(self, ways: list[Way], prototype: Path | None) -> dict[str, object]:
        """Fréchet distances on hand-made features; the floor is that of other drawn clips of the same distribution."""
        batches = self.batches(1)
        drawn, palette = self.drawn(batches), torch.cat([batch.conditions.palette for batch in batches])
        truth = measures.features(drawn)
        table: dict[str, object] = {"clips per set": len(drawn)}
        table["Fréchet distance, other drawn clips (the floor)"] = distance(truth, self.drawn(self.batches(2)))
        made = {str(way): self.made(batches, way) for way in ways}
        for name, clips in made.items():
            table[f"Fréchet distance, {name}"] = distance(truth, clips)
        for name, clips in {"drawn": drawn, **made}.items():
            errors, warped = measures.palette_errors(clips, palette), measures.warp_errors(clips[:MOST_WARPED])
            table[f"palette error (ΔE) median, {name}"] = round(float(errors.median()), 2)
            table[f"warp error median of 255, {name}"] = round(float(warped.median()), 3)
        if prototype:
            wishes = Conditions.joined([batch.conditions for batch in batches])
            table |= prototype_distances(prototype, drawn, made, wishes)
        return table

    def obedience(self, way: Way) -> dict[str, object]:
        """Camera, calm, light and energy: what was asked, measured in drawn and in made clips."""
        table: dict[str, object] = {}
        batches = self.batches(3)
        plain = [_without(b, "stand", "calm") for b in batches]
        moving = [_with(_without(b, "loops"), camera=_one_move(b, number)) for number, b in enumerate(plain)]
        asked = torch.cat([b.conditions.camera for b in moving])
        for name, clips in self.both(moving, way):
            obeyed = measures.camera_obeyed(clips, asked)
            table[f"camera direction recovered, {name}"] = f"{obeyed.float().mean():.1%}"
            for axis, move in enumerate(("pan", "tilt", "dolly", "orbit")):
                chosen = asked[:, axis].cpu() != 0
                table[f"  {move}, {name}"] = f"{obeyed[chosen].float().mean():.0%}" if chosen.any() else "-"
        for name, clips in self.both(batches, way):
            pairs = zip(clips.split(len(SCENES)), batches, strict=True)
            ratios = torch.cat([measures.calm_ratios(part, batch.conditions) for part, batch in pairs])
            table[f"energy outside / inside the layout, median, {name}"] = round(float(ratios.nanmedian()), 1)
        still = [_without(b, "camera") for b in plain]
        for name, clips in self.both(still, way):
            angles = measures.light_angles(clips, torch.cat([b.conditions.light for b in still]))
            table[f"light within 60° of the asked, {name}"] = f"{(angles < 60).float().mean():.0%}"
        quiet, lively = ([_with(b, energy=torch.full_like(b.conditions.energy, e)) for b in still] for e in (0.1, 0.9))
        for (name, calm), (_, vivid) in zip(self.both(quiet, way), self.both(lively, way), strict=True):
            more = measures.liveliness(vivid) / measures.liveliness(calm)
            table[f"motion at energy .9 / .1, median, {name}"] = round(float(more.median()), 2)
            table[f"  livelier when asked, {name}"] = f"{(more > 1).float().mean():.0%}"
        return table

    def both(self, batches: list[Batch], way: Way) -> list[tuple[str, torch.Tensor]]:
        """Drawn and made clips for the same wishes."""
        return [("drawn", self.drawn(batches)), (str(way), self.made(batches, way))]

    def continuity(self) -> dict[str, object]:
        """Clips of three more passes, and clips that loop: changes at joints over their own 95th percentile.

        Beside them the same frames of drawn clips, which have no joints.
        """
        length, starts = MIN_NUM_FRAMES + 3 * FRAME_STEP, [MIN_NUM_FRAMES + k * FRAME_STEP for k in range(3)]
        joints, drawn, loops = [], [], []
        for number, scene in enumerate(SCENES):
            shot = self.shot(scene, RATIO, length, number)
            joints.append(self.joint_share(shot, starts))
            drawn.append(measures.joint_share(self.drawn_long(shot), starts))
            loops.append(self.joint_share(self.shot(scene, RATIO, MIN_NUM_FRAMES, number, loop=True), [0]))
        name = f"of {length / FRAME_RATE:.0f} s clips within their 95th percentile"
        return {
            f"joints {name}": _within(joints),
            f"the same frames, drawn, {name}": _within(drawn),
            "loops closed within their 95th percentile": _within(loops),
        }

    def joint_share(self, shot: Shot, joints: list[int]) -> float:
        """Make a take and judge its joints."""
        frames = self.model.generate(shot, Inputs())
        return measures.joint_share(torch.from_numpy(frames).permute(3, 0, 1, 2).float(), joints)

    @torch.inference_mode()
    def drawn_long(self, shot: Shot) -> torch.Tensor:
        """A shot as its scene draws it, enlarged like a take, (3, T, H, W)."""
        width, height = DRAFT_SIZES[RATIO]
        wishes = conditions_of(shot.look, shot.layout, width / height).to(self.model.device)
        sketch = Sketch.of(wishes, torch.Generator().manual_seed(shot.seed))
        return self.model.upsampler(sketch.frames(0, shot.num_frames // 2, height, width))[0]

    def timings(self) -> dict[str, object]:
        """One 6-second take for a 1080x1920 ad, and its arithmetic at this machine's rate of matrix products."""
        shot = self.shot("silk", RATIO, MIN_NUM_FRAMES, 0)
        self.model.generate(shot, Inputs())
        spent = []
        for _ in range(10 if self.model.device.type == "cuda" else 3):
            began = time.perf_counter()
            self.model.generate(shot, Inputs())
            spent.append(time.perf_counter() - began)
        took = sorted(spent)[len(spent) // 2]
        rate = _matrix_rate(self.model.device)
        work = shot.num_inference_steps * _network_flops(RATIO) + _upsampler_flops(RATIO)
        return {
            "seconds per take, 3 steps from a sketch, one at a time": round(took, 4),
            "arithmetic of a take": f"{work / 1e9:.0f} GFLOP",
            "rate of bf16 matrix products": f"{rate / 1e9:.0f} GFLOP/s",
            "time / (arithmetic at that rate)": round(took * rate / work, 2),
        }

    @torch.inference_mode()
    def sheets(self, ways: list[Way]) -> dict[str, object]:
        """Per shape: drawn clips, and what each way makes of the same wishes."""
        for ratio in DRAFT_SIZES:
            batch = self.batches(9, ratio)[0]
            name = ratio.replace(":", "x")
            save_sheet(self.drawn([batch], ratio), self.out / f"{name}_drawn.png")
            for way in ways:
                clips = self.made([batch], way, ratio)
                large = [self.model.upsampler(clip[None])[:, :, :: MIN_NUM_FRAMES // 8, ::2, ::2] for clip in clips]
                save_sheet(torch.cat(large), self.out / f"{name}_{str(way).replace(', ', '_').replace(' ', '_')}.png")
        return {}

    def shot(self, scene: str, ratio: str, num_frames: int, seed: int, loop: bool = False) -> Shot:
        """A shot without layout, in moss green."""
        width, height = SIZES[ratio]
        look = Look(scene=scene, palette=("#12302A", "#4D9A7C", "#E2F2E4"), loop=loop)
        return Shot(
            key=scene, model="backdrop", revision=REVISION, look=look, layout=Layout(), prompt="", negative_prompt="",
            image_sha256=None, width=width, height=height, num_frames=num_frames, frame_rate=FRAME_RATE,
            num_inference_steps=3, guidance_scale=1.0, seed=seed,
        )  # fmt: skip


def _within(shares: list[float]) -> str:
    worst = max(shares)
    return f"{sum(share <= 1 for share in shares)} of {len(shares)}, worst {worst:.2f} ({SCENES[shares.index(worst)]})"


def _with(batch: Batch, **changes: torch.Tensor) -> Batch:
    return replace(batch, conditions=replace(batch.conditions, **changes))


def _without(batch: Batch, *names: str) -> Batch:
    return _with(batch, **{name: torch.zeros_like(getattr(batch.conditions, name)) for name in names})


def _one_move(batch: Batch, number: int) -> torch.Tensor:
    """Every clip gets one move, forth or back, at a speed of 1 to 3."""
    count = len(batch.conditions)
    generator = torch.Generator().manual_seed(number)
    kind = torch.arange(number, number + count) % 4
    speed = (1 + 2 * torch.rand(count, generator=generator)) * (2 * (torch.rand(count, generator=generator) < 0.5) - 1)
    moves = torch.nn.functional.one_hot(kind, 4) * (speed * torch.tensor(CAMERA_UNITS)[kind])[:, None]
    return moves.to(batch.conditions.camera)


def _network_flops(ratio: str) -> float:
    """Multiplications and additions of one evaluation of the shipped network."""
    width, height = DRAFT_SIZES[ratio]
    length, wide, depth = DRAFT_FRAMES // 4 * (height // 8) * (width // 8), 448, 12
    return depth * (2 * length * wide * (4 * wide + 3 * 1152) + 4 * length**2 * wide)


def _upsampler_flops(ratio: str) -> float:
    width, height = DRAFT_SIZES[ratio]
    return 2 * 9 * ((18 + 8 * 64) * 64 + 64 * 96) * DRAFT_FRAMES * (width + 8) * (height + 8)


def _matrix_rate(device: torch.device) -> float:
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(6):
        began = time.perf_counter()
        (a @ b)[0, 0].item()
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


if __name__ == "__main__":
    main()
