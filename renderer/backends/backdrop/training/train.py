"""Trains `backdrop` from nothing.

    python -m renderer.backends.backdrop.training.train --minutes 20 --out runs/one

On several GPUs: torchrun --nproc-per-node 2 -m renderer.backends.backdrop.training.train ... The first part of the time
teaches the flow, the second also few large steps, the last the upsampler. `--resume` goes on from a checkpoint,
`--from-weights` from finished weights.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from renderer.backends.backdrop import DRAFT_FRAMES, DRAFT_SIZES
from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.training.clips import Pool
from renderer.backends.backdrop.training.losses import flow_loss, flow_question, shortcut_question, shortcut_target
from renderer.backends.backdrop.training.muon import Muon
from renderer.backends.backdrop.training.sharpen import teach_upsampler
from renderer.backends.backdrop.training.sheets import sample_sheet
from renderer.backends.backdrop.upsampler import Upsampler
from renderer.backends.backdrop.weights import networks_from, new_network, save_weights

RATIOS = ("9:16", "1:1", "16:9", "4:5")
RATIO_SHARES = (0.34, 0.22, 0.22, 0.22)
MUON_RATE, ADAM_RATE = 1e-3, 6e-4  # of matrices inside the blocks, and of everything else
WARM_UP_STEPS = 150
MEMORY = 0.999  # of the moving average of weights, per step
LOG_EVERY = 50
DRAWN_PER_SCENE = 4  # clips of each scene in a drawn batch; one of them is blended with another scene


@dataclass
class Student:
    """The network, the moving average of its weights, its optimizers, and how far it has come."""

    network: BackdropNetwork
    average: BackdropNetwork
    optimizers: list[torch.optim.Optimizer]
    steps: int = 0
    spent_s: float = 0.0

    def save(self, path: Path) -> None:
        """Write all of it, whole or not at all."""
        state = {"network": self.network.state_dict(), "average": self.average.state_dict(), "steps": self.steps,
                 "spent_s": self.spent_s, "optimizers": [o.state_dict() for o in self.optimizers]}  # fmt: skip
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.steps, self.spent_s = state["steps"], state["spent_s"]

    def follow(self) -> None:
        """Move the average towards the network."""
        weight = 1 - min(MEMORY, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), weight)


def new_student(network: BackdropNetwork) -> Student:
    """Return a student of untrained or given weights."""
    matrices = [p for name, p in network.blocks.named_parameters() if p.ndim == 2 and "offset" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=MUON_RATE),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return Student(network, average, optimizers)


def learning_share(steps: int, done: float, decay_from: float) -> float:
    """Return the share of the learning rate after `steps` and a part `done` of the time: up, flat, down to 1 %."""
    rising = min(1.0, (steps + 1) / WARM_UP_STEPS)
    return rising if done < decay_from else max(0.01, (1 - done) / (1 - decay_from))


@dataclass(frozen=True)
class Schedule:
    """How a training spends its time."""

    seconds: float  # of teaching the network, all resumed time counted in
    full_length_from: float  # share of the time after which clips have all their frames, half of them before
    shortcuts_from: float  # share of the time after which large steps are taught too
    clips_per_step: int  # on each GPU
    draw_every: int  # steps; the drawn clips are kept and seen several times
    sheet_every_s: float
    rate: float  # of learning, in parts of MUON_RATE and ADAM_RATE
    decay_from: float  # share of the time after which the rate falls


def teach(student: Student, wrapped: nn.Module, pools: dict[str, Pool], schedule: Schedule, out: Path) -> None:
    """Teach until the time is spent."""
    device = next(student.network.parameters()).device
    began, sheet_at = time.perf_counter() - student.spent_s, student.spent_s + schedule.sheet_every_s
    total = torch.zeros(2, device=device)
    done = _agreed(student.spent_s / schedule.seconds, device)
    while True:
        student.spent_s = time.perf_counter() - began
        if student.steps % 10 == 0:
            done = _agreed(student.spent_s / schedule.seconds, device)
            if done >= 1:
                return
        for optimizer, rate in zip(student.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * schedule.rate * learning_share(student.steps, done, schedule.decay_from)
        pool = pools[_ratio(student.steps)]
        if student.steps % schedule.draw_every == 0 or not pool.drawn:
            pool.draw(DRAWN_PER_SCENE)
        num_frames = DRAFT_FRAMES if done >= schedule.full_length_from else DRAFT_FRAMES // 2
        clean, conditions = pool.take(schedule.clips_per_step, num_frames)
        with torch.autocast(device.type, torch.bfloat16):
            losses = _losses(student, wrapped, clean, conditions, done >= schedule.shortcuts_from)
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(student.network.parameters(), 1.0)
        for optimizer in student.optimizers:
            optimizer.step()
        student.network.zero_grad(set_to_none=True)
        student.steps += 1
        student.follow()
        total += torch.stack([losses[0].detach(), losses[-1].detach()])
        if student.steps % LOG_EVERY == 0 and _rank() == 0:
            _log(student, total, out)
        if student.spent_s > sheet_at and _rank() == 0:
            sheet_at += schedule.sheet_every_s
            sample_sheet(student.average, out / f"sheet_{student.steps:06d}.png", num_inference_steps=8)
            student.save(out / "checkpoint.pt")


def _agreed(value: float, device: torch.device) -> float:
    """Return the first GPU's value on all of them: their clocks differ, their networks must not."""
    shared = torch.tensor([value], device=device)
    if dist.is_initialized():
        dist.broadcast(shared, 0)
    return float(shared)


def _losses(
    student: Student, wrapped: nn.Module, clean: Tensor, conditions: Conditions, shortcuts: bool
) -> list[Tensor]:
    """Return one loss, or two while large steps are taught: those get every second clip."""
    if not shortcuts:
        question = flow_question(clean, conditions)
        return [flow_loss(question.ask(wrapped), clean, question)]
    flow = flow_question(clean[::2], conditions[slice(0, None, 2)])
    leap = shortcut_question(clean[1::2], conditions[slice(1, None, 2)])
    target = shortcut_target(leap, student.average)
    both = flow.joined(leap)
    predicted = both.ask(wrapped)
    middle = len(flow.t)
    return [
        0.5 * flow_loss(predicted[:middle], clean[::2], flow),
        0.5 * flow_loss(predicted[middle:], target.float(), leap),
    ]


def _ratio(step: int) -> str:
    """Return the shape of a step's clips, the same on every GPU."""
    generator = torch.Generator().manual_seed(step)
    return RATIOS[int(torch.multinomial(torch.tensor(RATIO_SHARES), 1, generator=generator))]


def _log(student: Student, total: Tensor, out: Path) -> None:
    flow, leap = (total / LOG_EVERY).tolist()
    total.zero_()
    row = (student.steps, round(student.spent_s, 1), f"{flow:.5f}", f"{leap:.5f}")
    with (out / "loss.csv").open("a", newline="") as file:
        csv.writer(file).writerow(row)
    if student.steps % (10 * LOG_EVERY) == 0:
        print(*row, flush=True)


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def main() -> None:
    """Read the command line, train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="of teaching the network")
    parser.add_argument("--sharpen-minutes", type=float, default=2.0, help="of teaching the upsampler after that")
    parser.add_argument("--full-length-from", type=float, default=0.35, help="share of the time with half clips")
    parser.add_argument("--shortcuts-from", type=float, default=0.62, help="share of the time without large steps")
    parser.add_argument("--clips", type=int, default=64, help="in a GPU's batch")
    parser.add_argument("--draw-every", type=int, default=8, help="steps")
    parser.add_argument("--rate", type=float, default=1.0, help="of learning; below 1 to go on from finished weights")
    parser.add_argument("--decay-from", type=float, default=0.6, help="share of the time at the full rate")
    parser.add_argument("--capacity", type=int, default=12_000, help="clips to keep of each shape, 1.3 MB each")
    parser.add_argument("--out", type=Path, required=True)
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", type=Path, help="checkpoint.pt of a run to go on with")
    start.add_argument("--from-weights", type=Path, help="weights.safetensors to begin with; the schedule starts anew")
    parser.add_argument("--sheet-every-s", type=float, default=240.0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    schedule = Schedule(
        60 * options.minutes, options.full_length_from, options.shortcuts_from, options.clips, options.draw_every,
        options.sheet_every_s, options.rate, options.decay_from,
    )  # fmt: skip
    device = _begin()
    torch.manual_seed(0)
    network, upsampler = (
        networks_from(load_file(options.from_weights)) if options.from_weights else (new_network(), Upsampler())
    )
    student = new_student(network.to(device))
    if options.resume:
        student.load(options.resume)
    seed = 1000 + _rank() + student.steps
    torch.manual_seed(seed)
    generator = torch.Generator(device).manual_seed(seed)
    wrapped = _wrapped(student, device)
    pools = {ratio: Pool(size, options.capacity, generator) for ratio, size in DRAFT_SIZES.items()}
    teach(student, wrapped, pools, schedule, options.out)
    if _rank() == 0:
        student.save(options.out / "checkpoint.pt")
    pools.clear()
    upsampler = upsampler.to(device)
    upsampler.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's types lack it
    teach_upsampler(upsampler, student.average, 60 * options.sharpen_minutes, generator, options.out)
    if _rank() == 0:
        save_weights(options.out / "weights.safetensors", student.average, upsampler)
        for steps in (2, 4, 40):
            sample_sheet(student.average, options.out / f"last_{steps}.png", steps, upsampler)
        print("steps", student.steps, "seconds", round(student.spent_s), flush=True)
    if dist.is_initialized():
        dist.destroy_process_group()


def _wrapped(student: Student, device: torch.device) -> nn.Module:
    """Compile the layers on a GPU, and share gradients between several."""
    if device.type == "cuda":
        # One compilation serves all layers of a length; lengths are few and worth their own.
        torch._dynamo.config.recompile_limit = 64
        for block in (*student.network.blocks, *student.average.blocks):
            block.compile(dynamic=False)
    if dist.is_initialized():
        return DistributedDataParallel(student.network, device_ids=[device.index], gradient_as_bucket_view=True)
    return student.network


def _begin() -> torch.device:
    """Choose the device, and join the other GPUs' processes where torchrun started several."""
    torch.set_float32_matmul_precision("high")
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(index)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl")
    return torch.device("cuda", index)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
