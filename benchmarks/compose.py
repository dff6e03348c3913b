"""What composing an ad costs beside encoding it alone: ours, moviepy's compositor and one ffmpeg filter graph.

    python benchmarks/compose.py [--small] [REPEATS]

Ten seconds of 1080x1920 at 30 frames per second with everything on: two takes, product, headline, subline, price badge,
captions with word highlight, logo, end card, voice and music. Each way runs in a process of its own, in turn, REPEATS
times (default 3); the table holds medians of wall time, CPU time of all threads and children, and peak memory.

    floor            x264 with our settings on finished frames that lie in memory; no sound
    ours             one ad, nothing in the store but takes, recordings, cue sheets and pictures
    ours, next ad    another ad of the same takes and format in the same worker: its headline and price differ
    ours, new voice  the same ad as the last with another recording; its picture is in the store
    ours, new music  the same with another bed
    graph            one ffmpeg filter graph that lays the same layers over the same backdrops
    moviepy          CompositeVideoClip of the same layers, written by moviepy
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from catalog import Scene
from renderer.artifacts import Cue, CueSheet, Speech, Stand, Take, Word
from renderer.compose import compose_variant, encoding_of, staged, tune_process
from renderer.media import open_encoder, write_take, write_wav
from renderer.picture.canvas import Layer, rgb_from
from renderer.picture.typography import Typesetter
from renderer.run_records import RunContext, VariantPlan
from renderer.store import Store, open_store

ROOT = Path(__file__).parents[1]
PRODUCT, LOCALE, FORMAT = "aur-bottle-750", "en-US", "story_9x16"
SCENE_S, SMALL_SCENE_S, END_CARD_S = "3.8", "0.8", "2.4"
TAKE_SIZE, TAKE_FRAMES, TAKE_RATE = (288, 512), 96, 16.0  # as the embedded model makes them
SPOKEN_MS = 1700
WAYS = ("floor", "ours", "ours, next ad", "ours, new voice", "ours, new music", "graph", "moviepy")


class Cost(NamedTuple):
    """What one way took: wall and CPU seconds, peak memory in MB of the process (and of its largest child)."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Ad(NamedTuple):
    """One ad ready to be composed."""

    planned: VariantPlan
    context: RunContext
    store: Store


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("repeats", nargs="?", type=int, default=3)
    options.add_argument("--small", action="store_true", help="an ad of 7 s, for a quick look")
    options.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one:
        measure_one(asked.one, asked.folder)
        return
    costs: dict[str, list[Cost]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), SMALL_SCENE_S if asked.small else SCENE_S)
        for _ in range(asked.repeats):
            for way in WAYS:
                command = [sys.executable, __file__, "--one", way, "--folder", name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                costs[way].append(Cost(**json.loads(done.stdout.splitlines()[-1])))
    print_table(costs)


def print_table(costs: dict[str, list[Cost]]) -> None:
    """Medians, and how many times the floor they are."""
    medians = {way: Cost(*map(statistics.median, zip(*runs, strict=True))) for way, runs in costs.items()}
    floor = medians["floor"]
    print("| | wall s | CPU-s | peak MB | wall / floor | CPU / floor |\n|---|---|---|---|---|---|")
    for way, cost in medians.items():
        ratios = f"{cost.wall_s / floor.wall_s:.2f} | {cost.cpu_s / floor.cpu_s:.2f}"
        print(f"| {way} | {cost.wall_s:.1f} | {cost.cpu_s:.1f} | {cost.peak_mb:.0f} | {ratios} |")


def measure_one(way: str, folder: Path) -> None:
    """Run one way in this process and print what it cost."""
    tune_process()
    job = prepared(way, folder)
    child_before_mb = child_peak_mb()
    wall, cpu = time.perf_counter(), cpu_s()
    job()
    cost = Cost(time.perf_counter() - wall, cpu_s() - cpu, peak_mb(child_before_mb))
    print(json.dumps(cost._asdict()))


def prepared(way: str, folder: Path) -> Callable[[], object]:
    """Do what is not measured, and return what is."""
    output = folder / "made.mp4"
    if way == "floor":
        return floor(read_ad(folder), output)
    if way.startswith("ours"):
        return ours(way, folder)
    layers = folder / "layers"
    if not layers.exists():
        write_layers(read_ad(folder), layers)
    return (lambda: graph(layers, output)) if way == "graph" else (lambda: moviepy(layers, output))


def floor(ad: Ad, output: Path) -> Callable[[], None]:
    """Draw all frames, then return what encodes them."""
    show = staged(ad.planned, ad.context, ad.store, Typesetter()).show
    encoding = encoding_of(ad.context.formats[FORMAT])
    frames = []
    for number in range(show.num_frames):
        frame = av.VideoFrame(show.width, show.height, "yuv420p")
        for plane, pixels in zip(frame.planes, show.frame(number), strict=True):
            memory = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            memory[: pixels.shape[0], : pixels.shape[1]] = pixels
        frame.pts, frame.time_base = number, Fraction(1, show.frame_rate)
        frames.append(frame)

    def encode() -> None:
        with av.open(str(output), "w") as container:
            stream = open_encoder(container, encoding)
            for frame in frames:
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return encode


def ours(way: str, folder: Path) -> Callable[[], object]:
    """A store of its own for each way, so that nothing is there but what the way says."""
    own = folder / "own"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder / "store", own / "store")
    planned, context, _ = read_ad(folder)
    store, typesetter = open_store(f"file://{own / 'store'}"), Typesetter()
    if way == "ours":
        return lambda: compose_variant(planned, context, store, typesetter)
    compose_variant(planned, context, store, typesetter)
    other = OTHERS[way](planned, store)
    return lambda: compose_variant(other, context, store, typesetter)


def next_ad(planned: VariantPlan, store: Store) -> VariantPlan:
    """The same story with another offer."""
    opening, offer = planned.variant.scenes
    scenes = (opening, Scene.model_validate(offer.model_dump() | {"headline": "Only this week", "badge": "$19.90"}))
    return with_variant(planned, "next", scenes=scenes)


def new_voice(planned: VariantPlan, store: Store) -> VariantPlan:
    """The same ad in another voice that takes the same time."""
    lines = []
    for line in filter(None, planned.lines):
        write_speech(store, f"{line}other", 180.0)
        lines.append(f"{line}other")
    return planned.model_copy(update={"lines": tuple(lines), "creative_key": "voice"})


def new_music(planned: VariantPlan, store: Store) -> VariantPlan:
    """The same ad over another bed."""
    return with_variant(planned, "music", music=planned.variant.music.model_copy(update={"seed": 8}))


def with_variant(planned: VariantPlan, key: str, **changes: object) -> VariantPlan:
    """A plan whose variant differs."""
    variant = planned.variant.model_copy(update=changes)
    return planned.model_copy(update={"variant": variant, "creative_key": key})


OTHERS = {"ours, next ad": next_ad, "ours, new voice": new_voice, "ours, new music": new_music}


def read_ad(folder: Path) -> Ad:
    """Read what `prepare` wrote."""
    planned = VariantPlan.model_validate_json((folder / "plan.json").read_text(encoding="utf-8"))
    context = RunContext.model_validate_json((folder / "context.json").read_text(encoding="utf-8"))
    return Ad(planned, context, open_store(f"file://{folder / 'store'}"))


def prepare(folder: Path, scene_s: str) -> None:
    """Plan one ad of the sample campaign and put everything it needs into a store.

    What only this needs is imported here, so that the memory of the ways holds what a worker holds.
    """
    from catalog.combine import combine
    from catalog.expand import expand
    from catalog.inputs import read_inputs
    from renderer.backends.video_models import video_model_facts
    from renderer.backends.voices import VOICES
    from renderer.images import fetch_images
    from renderer.plan import plan
    from renderer.tools import Tools

    campaign = folder / "campaign"
    shutil.copytree(ROOT / "templates" / "aurora_launch", campaign)
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8")
    text = text.replace("../../catalog/sample/aurora", str(ROOT / "catalog" / "sample" / "aurora"))
    (campaign / "campaign.yaml").write_text(text.replace("duration_s: 3.2", f"duration_s: {scene_s}"), encoding="utf-8")
    store = open_store(f"file://{folder / 'store'}")
    inputs = read_inputs(campaign)
    wanted = [product for product in inputs.products if product.id == PRODUCT]
    images, problems = fetch_images(wanted, store)
    assert not problems, problems
    brand = inputs.campaign.brand.model_copy(update={"logo": "brand/logo.svg"})
    store.put_file("brand/logo.svg", campaign / "brand" / "logo.svg")
    now = datetime(2026, 6, 1, tzinfo=UTC)
    context = RunContext(
        campaign=inputs.campaign.id, run_id="r1", source=inputs.campaign, as_of=now.isoformat(), model="backdrop",
        brand=brand, locales=dict(inputs.locales), formats=dict(inputs.formats),
    )  # fmt: skip
    tools = Tools.of(inputs.campaign, "backdrop", video_model_facts("backdrop"), VOICES, "fonts")
    variants = expand(inputs, combine(inputs), images, {}, now)
    wish = (PRODUCT, LOCALE, FORMAT)
    one = next(variant for variant in variants if (variant.product_id, variant.locale, variant.format) == wish)
    planned = plan([one], context, tools)
    for number, key in enumerate(planned.shots):
        write_shot(store, folder, key, number)
    for key in planned.lines:
        write_speech(store, key, 140.0)
    for key, job in planned.captions.items():
        store.put_record(f"cues/{key}.json", sheet_of(key, job.line.text))
    (folder / "plan.json").write_text(planned.variants[0].model_dump_json(), encoding="utf-8")
    (folder / "context.json").write_text(context.model_dump_json(), encoding="utf-8")


def write_shot(store: Store, folder: Path, key: str, number: int) -> None:
    """A take of slow, soft waves, as large and as long as the embedded model makes them."""
    width, height = TAKE_SIZE
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 5, height))
    frames = np.empty((TAKE_FRAMES, height, width, 3), np.uint8)
    for index in range(TAKE_FRAMES):
        turn = 2 * np.pi * index / TAKE_FRAMES
        for channel in range(3):
            wave = np.sin(2 * x + 3 * y + turn + channel) + np.sin(5 * x - 2 * y + 2 * turn + number)
            frames[index, ..., channel] = 110 + 30 * wave
    write_take(folder / "take.mp4", frames, TAKE_RATE)
    store.put_file(f"takes/{key}.mp4", folder / "take.mp4")
    stand = Stand(x=0.5, y=0.72, width=0.4)
    take = Take(
        key=key, object=f"takes/{key}.mp4", width=width, height=height, num_frames=TAKE_FRAMES, frame_rate=TAKE_RATE,
        seconds_spent=1, loops=True, stand=stand,
    )  # fmt: skip
    store.put_record(f"takes/{key}.json", take)


def write_speech(store: Store, key: str, pitch_hz: float) -> None:
    """A buzz that swells and falls like syllables."""
    rate = 24_000
    time_s = np.arange(SPOKEN_MS * rate // 1000) / rate
    buzz = np.sign(np.sin(2 * np.pi * pitch_hz * time_s)) * np.sin(2 * np.pi * 2 * time_s) ** 2
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "line.wav"
        write_wav(path, (0.2 * buzz).astype(np.float32), rate)
        store.put_file(f"speech/{key}.wav", path)
    speech = Speech(
        key=key, object=f"speech/{key}.wav", sample_rate=rate, duration_ms=SPOKEN_MS, grade="natural", words=()
    )
    store.put_record(f"speech/{key}.json", speech)


def sheet_of(key: str, text: str) -> CueSheet:
    """All words of a line in cues of four, evenly spoken."""
    words = text.split()
    step_ms = SPOKEN_MS // max(len(words), 1)
    timed = [Word(text=word, start_ms=n * step_ms, end_ms=(n + 1) * step_ms) for n, word in enumerate(words)]
    cues = []
    for first in range(0, len(words), 4):
        group = tuple(timed[first : first + 4])
        line = " ".join(word.text for word in group)
        cues.append(Cue(start_ms=group[0].start_ms, end_ms=group[-1].end_ms, lines=(line,), words=group))
    return CueSheet(key=key, cues=tuple(cues))


class Cutting(NamedTuple):
    """What the other two ways lay over each other: takes with their frames, and pictures with place and frames."""

    size: tuple[int, int]
    frame_rate: int
    num_frames: int
    takes: list[tuple[str, int, int]]  # path, first, last
    layers: list[tuple[str, int, int, int, int]]  # path, x, y, first, last
    products: list[tuple[str, int, int, int, int]]


def write_layers(ad: Ad, folder: Path) -> None:
    """Write every layer of the ad as PNG, and where and when it stands."""
    folder.mkdir()
    show = staged(ad.planned, ad.context, ad.store, Typesetter()).show
    takes = [str(ad.store.local(f"takes/{shot}.mp4").resolve()) for shot in ad.planned.shots]
    shown = [(takes[min(n, len(takes) - 1)], part.first, part.last) for n, part in enumerate(show.parts)]
    layers = [layer_row(layer, folder / f"layer{n}.png") for n, layer in enumerate(show.layers)]
    products = []
    for number, appearance in enumerate(show.appearances):
        shot = appearance.turns[0].shot
        for name, sprite, x, y in (
            ("shadow", shot.shadow, shot.shadow_x, shot.shadow_y),
            ("product", shot.sprite, shot.box.x, shot.box.y),
        ):
            layer = Layer(sprite, x, y, appearance.first, appearance.last)
            products.append(layer_row(layer, folder / f"{name}{number}.png"))
    cutting = Cutting((show.width, show.height), show.frame_rate, show.num_frames, shown, layers, products)
    (folder / "cutting.json").write_text(json.dumps(cutting._asdict()), encoding="utf-8")


def layer_row(layer: Layer, path: Path) -> tuple[str, int, int, int, int]:
    """Write a sprite as RGBA with straight alpha."""
    sprite = layer.sprite
    size = sprite.width, sprite.height
    chroma = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (sprite.u, sprite.v)]
    alpha = sprite.alpha.astype(np.float32)[..., None]
    straight = np.dstack([sprite.y, *chroma]).astype(np.float32) * (255 / np.maximum(alpha, 1))
    rgb = np.clip(rgb_from(straight), 0, 255)
    cv2.imwrite(str(path), np.dstack([rgb[..., ::-1], alpha]).astype(np.uint8))
    return str(path), int(layer.x), int(layer.y), layer.first, layer.last


def read_cutting(folder: Path) -> Cutting:
    """Read what `write_layers` wrote."""
    return Cutting(**json.loads((folder / "cutting.json").read_text(encoding="utf-8")))


def graph(folder: Path, output: Path) -> None:
    """One ffmpeg filter graph: takes scaled and joined, layers laid over in order, the product pushed in."""
    from imageio_ffmpeg import get_ffmpeg_exe

    cut = read_cutting(folder)
    (width, height), rate = cut.size, cut.frame_rate
    command = [get_ffmpeg_exe(), "-v", "error", "-y"]
    steps = []
    for number, (path, first, last) in enumerate(cut.takes):
        command += ["-stream_loop", "-1", "-i", path]
        scale = f"fps={rate},trim=end_frame={last - first},setpts=PTS-STARTPTS,scale={width}:{height}:flags=bicubic"
        steps.append(
            f"[{number}:v]{scale}:force_original_aspect_ratio=increase,crop={width}:{height},format=yuv420p[t{number}]"
        )
    steps.append("".join(f"[t{n}]" for n in range(len(cut.takes))) + f"concat=n={len(cut.takes)}[v0]")
    rows = [(*row, True) for row in cut.products] + [(*row, False) for row in cut.layers]
    for number, (path, x, y, first, last, pushed) in enumerate(rows):
        index = len(cut.takes) + number
        command += ["-loop", "1", "-framerate", str(rate), "-i", path]
        push = f",scale=w='iw*(0.955+0.045*n/{cut.num_frames})':h=-2:eval=frame" if pushed else ""
        steps.append(f"[{index}:v]format=yuva420p{push}[l{number}]")
        during = f"enable='between(n,{first},{last - 1})':shortest=1"
        steps.append(f"[v{number}][l{number}]overlay={x}:{y}:{during}[v{number + 1}]")
    command += ["-filter_complex", ";".join(steps), "-map", f"[v{len(rows)}]", "-frames:v", str(cut.num_frames)]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "2", str(output)]
    subprocess.run(command, check=True)


def moviepy(folder: Path, output: Path) -> None:
    """CompositeVideoClip of the same layers."""
    from moviepy import CompositeVideoClip, ImageClip, VideoFileClip, vfx

    cut = read_cutting(folder)
    rate, duration_s = cut.frame_rate, cut.num_frames / cut.frame_rate
    clips: list[Any] = []
    for path, first, last in cut.takes:
        clip = VideoFileClip(path, audio=False).resized(cut.size)
        looped = clip.with_effects([vfx.Loop(duration=(last - first) / rate)])
        clips.append(looped.with_start(first / rate))
    for path, x, y, first, last in cut.products:
        clip = ImageClip(path).with_start(first / rate).with_duration((last - first) / rate)
        clips.append(clip.with_effects([vfx.Resize(lambda t: 0.955 + 0.045 * t / duration_s)]).with_position((x, y)))
    for path, x, y, first, last in cut.layers:
        clips.append(
            ImageClip(path).with_start(first / rate).with_duration((last - first) / rate).with_position((x, y))
        )
    film = CompositeVideoClip(clips, size=cut.size).with_duration(duration_s)
    options = {"codec": "libx264", "preset": "veryfast", "ffmpeg_params": ["-crf", "20"], "threads": 2}
    film.write_videofile(str(output), fps=rate, logger=None, pixel_format="yuv420p", audio=False, **options)


def cpu_s() -> float:
    """CPU seconds of this process and of its finished children."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def peak_mb(child_before_mb: float) -> float:
    """Peak memory of this process and of its largest child, if that began with the job: imports start small ones."""
    child = child_peak_mb()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return own + (child if child > child_before_mb else 0.0)


def child_peak_mb() -> float:
    """Peak memory of the largest child that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
