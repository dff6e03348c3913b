"""Stock diffusers and adloom side by side on one card: forward passes, VAE, whole clips, a campaign, shared steps.

    python benchmarks/gpu.py [--parts forward,vae,clip,share,campaign,backdrop] [--models NAME,NAME] [--small]

Weights are random, in true sizes (`true_size.py`): what a card computes does not depend on what a model knows, but what
an approximation costs in quality does, so errors here only tell rounding from nonsense. `--small` tries the script out
on a CPU. Every figure of a part is of the same process, minutes apart; times are medians.
"""

from __future__ import annotations

import argparse
import gc
import io
import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from told import Told
from torch import Tensor
from true_size import SMALL, TRUE, Shape, network, random_wan, stock_picture_pipeline, vae

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends import Inputs
from renderer.backends.diffusion.kernels.attention import has_flash
from renderer.backends.diffusion.wan_decoder import WanDecoder
from renderer.backends.diffusion.wan_tuning import Tuning
from renderer.backends.video_models import Place
from renderer.generate import generate
from renderer.local_engine import LocalEngine
from renderer.media import write_take
from renderer.store import open_store

CLIPS = {"wan2.2-i2v-a14b-4step": (832, 480, 81, 16.0), "wan2.2-ti2v-5b": (1280, 704, 121, 24.0)}
SMALL_CLIP = (128, 64, 9, 16.0)
APPROXIMATIONS = (
    (),
    ("fp8_linear",),
    ("fp8_attention", "fp8_linear"),
    ("fp8_linear", "sparse_attention"),
    ("fp8_attention", "fp8_linear", "sparse_attention"),
)
TEXT_TOKENS = 512
SHOTS_OF_PRODUCT = 5
MATRIX = 8192


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="forward,vae,clip,share,campaign,backdrop")
    parser.add_argument("--models", default=",".join(CLIPS))
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--ours", action="store_true", help="leave the alternatives out of forward, vae and clip")
    parser.add_argument("--shots", type=int, default=40, help="of the campaign")
    parser.add_argument("--approximations", default="fp8_attention,fp8_linear", help="of clip, share and campaign")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    card = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}, flash-attn-4 {'yes' if has_flash(device) else 'no'}", flush=True)
    bench = Bench(device, SMALL if options.small else TRUE, options)
    for part in options.parts.split(","):
        for name in [None] if part == "backdrop" else options.models.split(","):
            started = time.monotonic()
            getattr(bench, part)(*filter(None, [name]))
            gc.collect()
            torch.cuda.empty_cache()
            print(f"-- {part} {name or ''} took {time.monotonic() - started:.0f} s\n", flush=True)


class Bench:
    """The parts."""

    def __init__(self, device: torch.device, shapes: dict[str, Shape], options: argparse.Namespace) -> None:
        self.device, self.shapes, self.options = device, shapes, options
        self.dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self.approximations = tuple(filter(None, options.approximations.split(",")))
        self.limit = self.matrix_rate()

    def matrix_rate(self) -> float:
        """FLOP/s of a large bf16 product on random data: what the card can do at most."""
        side = MATRIX if self.device.type == "cuda" else 512
        left, right = (torch.randn(side, side, device=self.device, dtype=self.dtype) for _ in range(2))
        rate = 2 * side**3 / self.median(lambda: left @ right, 10)
        print(f"bf16 product of {side}: {rate / 1e12:.0f} TFLOP/s")
        return rate

    def forward(self, name: str) -> None:
        """One pass of the network, by stock diffusers, compiled, and by ours with each approximation."""
        shape = self.shapes[name]
        inputs, tokens = self.network_inputs(name)
        made = network(shape, self.device, self.dtype)
        flop = forward_flop(made, tokens)
        run = partial(made, **inputs, return_dict=False)
        with torch.no_grad():
            expected = run()[0].float()
            stock = 0.0 if self.options.ours else self.stock_forward(name, made, run, flop)
            tuning = Tuning([made], self.device, fuses=True)
            per_frame = tokens // inputs["hidden_states"].shape[2]
            tuning.use(shot_of(name, SMALL_CLIP, 1), per_frame)
            if inputs["timestep"].ndim == 2:
                self.row(
                    f"{name}: ours, exact, a time for each token",
                    run,
                    flop,
                    stock,
                    relative(run()[0].float(), expected),
                )
                inputs["timestep"] = inputs["timestep"].flatten()[:1]  # as for words alone, where all are the same
                run = partial(made, **inputs, return_dict=False)
            for approximations in APPROXIMATIONS if self.device.type == "cuda" else APPROXIMATIONS[:1]:
                tuning.use(shot_of(name, SMALL_CLIP, 1, approximations=approximations), per_frame)
                error = relative(run()[0].float(), expected)
                self.row(f"{name}: ours, {'+'.join(approximations) or 'exact'}", run, flop, stock, error)

    def stock_forward(self, name: str, made: Any, run: Callable[[], Any], flop: float) -> float:
        """As diffusers has it, and with its blocks compiled; returns the seconds of the former."""
        seconds = self.row(f"{name}: stock diffusers", run, flop)
        made.compile_repeated_blocks(fullgraph=True, dynamic=False)
        self.row(f"{name}: stock, blocks compiled", run, flop, seconds)
        for block in made.blocks:
            block._compiled_call_impl = None
        return seconds

    def network_inputs(self, name: str) -> tuple[dict[str, Tensor], int]:
        """What the network is called with for the clip of this row, and how many tokens that is."""
        shape = self.shapes[name]
        width, height, num_frames, _ = self.clip_of(name)
        side = shape.vae.get("scale_factor_spatial", 8)
        grid = (num_frames - 1) // 4 + 1, height // side, width // side
        tokens = math.prod(grid) // 4
        step = torch.full((1,), 900.0, device=self.device)
        words = shape.network.get("text_dim", 4096)
        return {
            "hidden_states": self.random(1, shape.network["in_channels"], *grid),
            "timestep": step.expand(1, tokens) if "expand_timesteps" in shape.pipe else step,
            "encoder_hidden_states": self.random(1, TEXT_TOKENS, words),
        }, tokens

    def vae(self, name: str) -> None:
        """Decoding one clip, by stock diffusers in two types, and by ours; each against float32 on a short clip."""
        shape = self.shapes[name]
        width, height, num_frames, _ = self.clip_of(name)
        exact = vae(shape, self.device)
        channels, side = exact.config.z_dim, exact.config.scale_factor_spatial
        latents = self.random(1, channels, (num_frames - 1) // 4 + 1, height // side, width // side)
        decoder = WanDecoder(exact, self.device, self.dtype)
        short = latents[:, :, :8]
        with torch.no_grad():
            expected = exact.decode(short.float(), return_dict=False)[0]
            self.row(
                f"{name} VAE: ours", partial(decoder.decode, latents), 0, error=psnr(decoder.decode(short), expected)
            )
            del decoder
            torch.cuda.empty_cache()
            if self.options.ours:
                return
            rounded = exact.to(self.dtype)
            found = rounded.decode(short, return_dict=False)[0]
            self.row(
                f"{name} VAE: stock, {str(self.dtype)[6:]}", partial(rounded.decode, latents), 0,
                error=psnr(found, expected), repeats=2,
            )  # fmt: skip

    def clip(self, name: str) -> None:
        """One whole clip after another: words, picture, denoising, VAE, file."""
        started = time.monotonic()
        model = random_wan(name, self.shapes, self.device.type)
        print(f"{name}: weights made in {time.monotonic() - started:.1f} s", flush=True)
        for number in range(3):
            self.clip_by(f"ours {number}", partial(self.ours, model, self.shot(name, number)), name)
        if self.options.ours:
            return
        model.tuning.release()
        for one in model.tuning.networks:
            one.set_attn_processor(stock_processor())
            for module in (one.condition_embedder, *one.blocks):
                vars(module).pop("forward", None)
        pipe = stock_picture_pipeline(model.pipe, expand_timesteps=model.times_differ)
        pipe.set_progress_bar_config(disable=True)
        for number in range(2):
            self.clip_by(f"stock diffusers {number}", partial(self.stock, pipe, self.shot(name, number)), name)

    def clip_by(self, who: str, make: Callable[[], Any], name: str) -> None:
        """Print how long one clip took, file and all."""
        started = time.monotonic()
        frames, parts = make()
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            write_take(Path(folder) / "take.mp4", frames, self.clip_of(name)[3])
            parts["file"] = time.monotonic() - began
        words = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
        print(f"{name} clip, {who}: {time.monotonic() - started:6.2f} s ({words})", flush=True)

    def ours(self, model: Any, shot: Shot) -> tuple[Any, dict[str, float]]:
        """Frames by our backend."""
        began = time.monotonic()
        latents = model.denoise(shot, picture(0))
        denoised = time.monotonic()
        frames = model.decode(shot, latents, in_tiles=False)
        return frames, {"denoise": denoised - began, "decode": time.monotonic() - denoised}

    def stock(self, pipe: Any, shot: Shot) -> tuple[Any, dict[str, float]]:
        """Frames by diffusers' pipeline."""
        began = time.monotonic()
        image = Image.fromarray(picture(0).image[0]).resize((shot.width, shot.height))
        guided = shot.guidance_scale > 1
        video = pipe(
            image=image, prompt=shot.prompt, negative_prompt=shot.negative_prompt if guided else None,
            width=shot.width, height=shot.height, num_frames=shot.num_frames, guidance_scale=shot.guidance_scale,
            num_inference_steps=shot.num_inference_steps, generator=torch.Generator("cpu").manual_seed(shot.seed),
            output_type="np",
        ).frames[0]  # fmt: skip
        return (video * 255).round().astype(np.uint8), {"all": time.monotonic() - began}

    def share(self, name: str) -> None:
        """Takes that differ in their prompt: alone, and with half of their steps in common."""
        model = random_wan(name, self.shapes, self.device.type)
        steps = self.shot(name, 0).num_inference_steps
        common = {"shared_steps": max(steps // 2, 1), "shared_prompt": "a red shoe"}
        model.denoise(self.shot(name, 0), picture(0))
        for label, changes in (("alone", {}), (f"{common['shared_steps']} of {steps} steps shared", common)):
            shots = [self.shot(name, 0, key=f"{label}-{n}", prompt=f"a red shoe {n}", **changes) for n in range(4)]
            began = time.monotonic()
            for one in shots:
                model.denoise(one, picture(0))
            print(f"{name}: four prompts, {label}: {time.monotonic() - began:.2f} s", flush=True)
        same = self.shot(name, 0, prompt="a red shoe")
        print("the shared prompt itself, against alone:", equal_latents(model, same, common), flush=True)

    def campaign(self, name: str) -> None:
        """Distinct shots of several products through a worker process; what share of the time the card computes."""
        shots = [
            self.shot(name, number, image_sha256=f"product{number // SHOTS_OF_PRODUCT}")
            for number in range(self.options.shots)
        ]
        setup = partial(random_wan, name, self.shapes, self.device.type)
        engine = Told(LocalEngine(1), setup)
        with tempfile.TemporaryDirectory(prefix="adloom-gpu-") as folder, sampled_load() as load:
            store = open_store(f"file://{folder}")
            for product in {shot.image_sha256 for shot in shots}:
                store.put_bytes(f"images/{product}.png", plain_product(product))
            times = [time.monotonic()]
            for outcome in generate(shots, store, engine, Place(self.device.type)):
                assert outcome.error is None, outcome.error
                times.append(time.monotonic())
                load.mark(len(times) - 1)
        gaps = [later - sooner for sooner, later in pairwise(times[1:])]
        per_clip = statistics.mean(gaps)
        print(
            f"{name} campaign of {len(shots)}: first take after {times[1] - times[0]:.1f} s, then one in "
            f"{per_clip:.2f} s, {3600 / per_clip:.0f} an hour; card busy {load.busy():.1%} of the time after the first",
            flush=True,
        )

    def backdrop(self) -> None:
        """Takes of the embedded model for 6 s of a 1080x1920 ad, one after the other, without their files."""
        from renderer.backends.backdrop import FRAME_RATE, MIN_NUM_FRAMES, REVISION, SIZES
        from renderer.backends.backdrop.sampler import BackdropModel

        model = BackdropModel(self.device.type)
        scenes = ("silk", "marble", "mist", "water")
        width, height = SIZES["9:16"]
        count = 100 if self.device.type == "cuda" else 1
        for number in range(-len(scenes), count):
            if number == 0:
                began = time.monotonic()
            look = Look(scene=scenes[number % len(scenes)], palette=("#102030", "#508090", "#E0F0FF"))
            asked = {
                "key": "take", "model": "backdrop", "revision": REVISION, "look": look, "prompt": "",
                "negative_prompt": "", "image_sha256": None, "width": width, "height": height,
                "num_frames": MIN_NUM_FRAMES, "frame_rate": FRAME_RATE, "num_inference_steps": 3, "guidance_scale": 1.0,
            }  # fmt: skip
            model.generate(Shot(**asked, seed=number + len(scenes)), Inputs())
        rate = count / (time.monotonic() - began)
        print(f"backdrop: {rate:.1f} takes/s of {width}x{height}, {MIN_NUM_FRAMES / FRAME_RATE:g} s", flush=True)

    def shot(self, name: str, number: int, **changes: Any) -> Shot:
        """A shot of this row's clip."""
        asked = {"approximations": self.approximations if self.device.type == "cuda" else (), **changes}
        return shot_of(name, self.clip_of(name), number, **asked)

    def clip_of(self, name: str) -> tuple[int, int, int, float]:
        """Width, height, frames and frame rate."""
        return SMALL_CLIP if self.shapes is SMALL else CLIPS[name]

    def random(self, *size: int) -> Tensor:
        """Values like those of latents."""
        return torch.randn(*size, device=self.device, dtype=self.dtype)

    def row(
        self, name: str, run: Callable[[], Any], flop: float, stock: float = 0, error: str = "", repeats: int = 3
    ) -> float:
        """Print one line and return the seconds."""
        seconds = self.median(run, repeats)
        rate = f" {flop / seconds / 1e12:5.0f} TFLOP/s {flop / seconds / self.limit:4.0%} of the limit" if flop else ""
        ratio = f" {stock / seconds:4.2f}x" if stock else ""
        print(f"{name:66s} {seconds:7.3f} s{rate}{ratio}  {error}", flush=True)
        return seconds

    def median(self, run: Callable[[], Any], repeats: int) -> float:
        """Seconds of one call, after one that nobody looks at."""
        times = []
        for number in range(1 + repeats):
            self.wait()
            began = time.perf_counter()
            run()
            self.wait()
            times += [time.perf_counter() - began] if number else []
        return statistics.median(times)

    def wait(self) -> None:
        """Let the card finish."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Load:
    """How busy the card was, sampled."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.first = 0

    def mark(self, takes: int) -> None:
        """Forget what was before the first take: weights being made, kernels being compiled."""
        self.first = len(self.samples) if takes == 1 else self.first

    def busy(self) -> float:
        """Share of the time in which a kernel ran."""
        return statistics.mean(self.samples[self.first :] or [0]) / 100


@contextmanager
def sampled_load() -> Iterator[Load]:
    """Ask the driver ten times a second what share of the last moment a kernel ran."""
    load, ended = Load(), threading.Event()
    if torch.cuda.is_available():
        import pynvml

        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(0)

        def sample() -> None:
            while not ended.wait(0.1):
                load.samples.append(pynvml.nvmlDeviceGetUtilizationRates(card).gpu)

        threading.Thread(target=sample, daemon=True).start()
    try:
        yield load
    finally:
        ended.set()


def shot_of(name: str, clip: tuple[int, int, int, float], number: int, **changes: Any) -> Shot:
    """A shot that a model of this row can make."""
    width, height, num_frames, frame_rate = clip
    few = name.endswith("step")
    asked = {
        "key": f"shot-{number:05}", "model": name, "revision": "random", "prompt": "a red shoe on wet stone",
        "look": Look(scene="stone", palette=("#101010", "#808080", "#F0F0F0")), "negative_prompt": "blurry, text",
        "image_sha256": "0", "width": width, "height": height, "num_frames": num_frames, "frame_rate": frame_rate,
        "num_inference_steps": 4 if few else 6, "guidance_scale": 1.0 if few else 5.0, "seed": number,
    }  # fmt: skip
    return Shot(**{**asked, **changes})


def picture(number: int) -> Inputs:
    """A product's picture."""
    pixels = np.random.default_rng(number).integers(0, 255, (1, 60, 104, 3), np.uint8)
    return Inputs(image=pixels)


def plain_product(name: str) -> bytes:
    """A packshot without features, so that nobody can tell whether a random network kept it."""
    level = sum(name.encode()) % 200
    file = io.BytesIO()
    Image.new("RGBA", (600, 600), (level, 255 - level, 128, 255)).save(file, "PNG")
    return file.getvalue()


def forward_flop(made: Any, tokens: int) -> float:
    """Operations of one pass: matrix products over all tokens, and attention among them and with the words."""
    width, layers = made.config.num_attention_heads * made.config.attention_head_dim, made.config.num_layers
    linear = 6 * width**2 + 2 * width * made.config.ffn_dim
    words = 2 * width**2 * TEXT_TOKENS
    return layers * (2 * tokens * linear + 2 * words + 4 * tokens * (tokens + TEXT_TOKENS) * width)


def relative(found: Tensor, expected: Tensor) -> str:
    """The length of the difference, as a share."""
    return f"error {float((found - expected).norm() / expected.norm()):.4f}"


def psnr(found: Tensor, expected: Tensor) -> str:
    """Peak signal to noise ratio of pixels in [-1, 1], in dB."""
    mean = float((found.float() - expected.float()).square().mean())
    return f"PSNR {10 * math.log10(4 / max(mean, 1e-12)):.1f} dB against float32"


def equal_latents(model: Any, shot: Shot, common: dict[str, Any]) -> str:
    """Whether sharing changes a take whose prompt is the shared one."""
    alone = model.denoise(shot, picture(0))
    shared = model.denoise(shot.model_copy(update=common), picture(0))
    return "the same bytes" if alone == shared else "other bytes"


def stock_processor() -> Any:
    """Diffusers' own attention."""
    from diffusers.models.transformers.transformer_wan import WanAttnProcessor

    return WanAttnProcessor()


if __name__ == "__main__":
    import gpu  # worker processes import functions by the name of their module, and ours is __main__

    gpu.main()
