"""Video models that run through diffusers, on GPUs: their rows, readable without torch.

`revision` is "<revision on the hub>-<version of our code>". Where it says "main", planning puts a commit in its place:
the one that ADLOOM_MODEL_REVISIONS names, or that of the weights on this machine.

Seconds are for one H200 and the longest take. Those of Wan are measured by its authors and those of faster engines, the
others follow from a shorter take's or from the arithmetic of the network; on a CPU these models are of no use, and the
figure only says so.
"""

from __future__ import annotations

from dataclasses import replace

from renderer.backends import VideoModelFacts

NO_USE_ON_CPU_S = 100_000.0
WAN_720P = {"9:16": (720, 1280), "4:5": (832, 1040), "1:1": (960, 960), "16:9": (1280, 720)}  # multiples of 16
WAN_5B = {"9:16": (704, 1280), "4:5": (768, 960), "1:1": (960, 960), "16:9": (1280, 704)}  # of 32
WAN_480P = {"9:16": (480, 832), "4:5": (576, 720), "1:1": (624, 624), "16:9": (832, 480)}  # of 16
LTX_540P = {"9:16": (544, 960), "4:5": (512, 640), "1:1": (640, 640), "16:9": (960, 544)}  # of 32: its first stage
HUNYUAN_480P = {"9:16": (480, 848), "4:5": (576, 720), "1:1": (640, 640), "16:9": (848, 480)}  # of 16
SD_512 = {"9:16": (448, 768), "4:5": (512, 640), "1:1": (512, 512), "16:9": (768, 448)}  # of 64

WAN_T2V = VideoModelFacts(
    loader="renderer.backends.diffusion.wan:WanModel",
    revision="main-1",
    scenes=(),
    abilities=frozenset({"text", "restyle", "adapter"}),
    sizes=WAN_720P,
    frame_rate=16.0,
    min_num_frames=33,
    max_num_frames=81,
    frame_step=4,
    loop_num_frames=0,
    num_inference_steps=40,
    has_guidance=True,
    guidance_scale=4.0,
    gpu_seconds_per_shot=1042.0,
    cpu_seconds_per_shot=NO_USE_ON_CPU_S,
    licence="Apache-2.0",
    checkpoint="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    extra="diffusion",
    approximations=frozenset({"fp8_linear", "fp8_attention", "sparse_attention"}),
    shares_steps=True,
)
WAN_I2V = replace(
    WAN_T2V,
    abilities=frozenset({"image", "first_last", "loop", "adapter"}),
    loop_num_frames=81,
    guidance_scale=3.5,
    gpu_seconds_per_shot=1056.0,
    checkpoint="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
)
WAN_TI2V = replace(
    WAN_T2V,
    abilities=frozenset({"text", "image", "restyle", "adapter"}),  # its pipeline looks at no last picture
    sizes=WAN_5B,
    frame_rate=24.0,
    min_num_frames=49,
    max_num_frames=121,
    num_inference_steps=50,
    guidance_scale=5.0,
    gpu_seconds_per_shot=170.0,
    checkpoint="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
)
OTHER = replace(WAN_T2V, approximations=frozenset(), shares_steps=False)
VACE = replace(
    OTHER,
    loader="renderer.backends.diffusion.vace:VaceModel",
    abilities=frozenset(
        {"text", "image", "reference", "first_last", "extend", "restyle", "background", "loop", "adapter"}
    ),
    sizes=WAN_480P,
    loop_num_frames=81,
    num_inference_steps=50,
    guidance_scale=5.0,
    gpu_seconds_per_shot=150.0,
    checkpoint="Wan-AI/Wan2.1-VACE-1.3B-diffusers",
)
HUNYUAN = replace(
    OTHER,
    loader="renderer.backends.diffusion.hunyuan:HunyuanModel",
    abilities=frozenset({"text"}),
    sizes=HUNYUAN_480P,
    frame_rate=24.0,
    min_num_frames=49,
    max_num_frames=121,
    num_inference_steps=50,
    guidance_scale=6.0,
    gpu_seconds_per_shot=200.0,
    licence="Tencent-Hunyuan-Community",
    checkpoint="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_t2v",
)
ANIMATEDIFF = replace(
    OTHER,
    loader="renderer.backends.diffusion.animatediff:AnimateDiffModel",
    abilities=frozenset({"text", "restyle", "camera", "adapter"}),
    sizes=SD_512,
    frame_rate=8.0,
    min_num_frames=16,
    max_num_frames=64,
    frame_step=1,
    num_inference_steps=25,
    guidance_scale=7.5,
    gpu_seconds_per_shot=8.0,
    licence="CreativeML-OpenRAIL-M",
    checkpoint="stable-diffusion-v1-5/stable-diffusion-v1-5",
)

DIFFUSION_MODELS: dict[str, VideoModelFacts] = {
    "wan2.2-t2v-a14b": WAN_T2V,
    "wan2.2-i2v-a14b": WAN_I2V,
    "wan2.2-i2v-a14b-4step": replace(
        WAN_I2V, num_inference_steps=4, has_guidance=False, guidance_scale=1.0, gpu_seconds_per_shot=44.0
    ),
    "wan2.2-ti2v-5b": WAN_TI2V,
    "wan2.2-ti2v-5b-3step": replace(
        WAN_TI2V,
        num_inference_steps=3,
        has_guidance=False,
        guidance_scale=1.0,
        gpu_seconds_per_shot=16.0,
        checkpoint="FastVideo/FastWan2.2-TI2V-5B-FullAttn-Diffusers",
    ),
    "wan2.1-vace-1.3b": VACE,
    "wan2.1-vace-14b": replace(
        VACE, sizes=WAN_720P, gpu_seconds_per_shot=1400.0, checkpoint="Wan-AI/Wan2.1-VACE-14B-diffusers"
    ),
    "ltx-2.5": replace(
        OTHER,
        loader="renderer.backends.diffusion.ltx:LtxModel",
        abilities=frozenset({"text", "image", "first_last", "extend", "upscale", "adapter", "sound"}),
        sizes=LTX_540P,
        frame_rate=24.0,
        min_num_frames=49,
        max_num_frames=481,
        frame_step=8,
        num_inference_steps=8,
        has_guidance=False,
        guidance_scale=1.0,
        gpu_seconds_per_shot=11.0,  # of the first stage
        licence="LTX-2.x-Community",
        checkpoint="Lightricks/LTX-2.5-Diffusers",
    ),
    "hunyuanvideo-1.5": HUNYUAN,
    # The weights that begin with a picture are others than those that need none.
    "hunyuanvideo-1.5-i2v": replace(
        HUNYUAN,
        abilities=frozenset({"image"}),
        checkpoint="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_i2v",
    ),
    "svd": replace(
        OTHER,
        loader="renderer.backends.diffusion.svd:SvdModel",
        abilities=frozenset({"image"}),
        sizes={"9:16": (576, 1024), "4:5": (640, 832), "1:1": (768, 768), "16:9": (1024, 576)},  # of 64
        frame_rate=7.0,
        min_num_frames=14,
        max_num_frames=25,
        frame_step=1,
        num_inference_steps=25,
        guidance_scale=3.0,
        gpu_seconds_per_shot=12.0,
        licence="Stability-Community",
        has_prompt=False,
        checkpoint="stabilityai/stable-video-diffusion-img2vid-xt",
    ),
    "animatediff": ANIMATEDIFF,
    "animatelcm": replace(ANIMATEDIFF, num_inference_steps=6, guidance_scale=2.0, gpu_seconds_per_shot=3.0),
    "helios": replace(
        OTHER,
        loader="renderer.backends.diffusion.long_clip:LongClipModel",
        abilities=frozenset({"text", "extend"}),
        sizes={"9:16": (384, 640), "4:5": (512, 640), "1:1": (512, 512), "16:9": (640, 384)},  # of 64
        frame_rate=24.0,
        min_num_frames=99,
        max_num_frames=1452,
        frame_step=33,
        num_inference_steps=6,
        has_guidance=False,
        guidance_scale=1.0,
        gpu_seconds_per_shot=75.0,  # 19.5 frames a second on an H100, by its authors
        checkpoint="BestWishYsh/Helios-Distilled",
    ),
}


def hub_revision(revision: str) -> str:
    """Return the revision on the hub of a row or a shot, without the version of our code."""
    return revision.rpartition("-")[0]


def of_commit(facts: VideoModelFacts, commit: str) -> VideoModelFacts:
    """Return the row for the weights of one commit on the hub."""
    return replace(facts, revision=f"{commit}-{facts.revision.rpartition('-')[2]}")
