"""Wan's models in their true sizes with random weights: what a card computes does not depend on what they know.

Shapes are those of the authors' config.json files. `SMALL` has the same classes in sizes for a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanImageToVideoPipeline, WanPipeline, WanTransformer3DModel
from diffusers.schedulers import UniPCMultistepScheduler
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

from renderer import generate
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.few_steps import FewStepScheduler
from renderer.backends.diffusion.wan import WanModel
from renderer.backends.diffusion.wan_parts import ImageToVideo

KEPT_EXACT = ("time_embedder", "scale_shift_table", "norm1", "norm2", "norm3")  # float32, as from_pretrained keeps them
WORDS = ["a red shoe on wet stone at sunrise, slow dolly in", "a bottle in snow, neon-lit glass", "blurry, text"]


@dataclass(frozen=True)
class Shape:
    """The sizes of one model."""

    network: dict[str, Any]
    vae: dict[str, Any]
    text: dict[str, Any]
    experts: int
    pipe: dict[str, Any] = field(default_factory=dict)


UMT5_XXL = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "d_kv": 64, "vocab_size": 256384}
A14B = {"num_attention_heads": 40, "num_layers": 40, "ffn_dim": 13824, "in_channels": 36, "out_channels": 16}
TI2V = {"num_attention_heads": 24, "num_layers": 30, "ffn_dim": 14336, "in_channels": 48, "out_channels": 48}
VAE_22 = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "is_residual": True, "in_channels": 12, "out_channels": 12,
    "patch_size": 2, "scale_factor_spatial": 16, "scale_factor_temporal": 4, "temperal_downsample": [False, True, True],
    "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip
TRUE = {
    "wan2.2-i2v-a14b-4step": Shape(A14B, {}, UMT5_XXL, 2, {"boundary_ratio": 0.9}),
    "wan2.2-ti2v-5b": Shape(TI2V, VAE_22, UMT5_XXL, 1, {"expand_timesteps": True}),
}
SMALL_NETWORK = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 2, "ffn_dim": 32, "text_dim": 16}
SMALL_VAE = {"dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, "temperal_downsample": [False, True, True]}
SMALL_TEXT = {"d_model": 16, "d_ff": 32, "num_layers": 2, "num_heads": 2, "d_kv": 8, "vocab_size": 128}
SMALL = {
    "wan2.2-i2v-a14b-4step": Shape(
        A14B | SMALL_NETWORK, SMALL_VAE | {"base_dim": 4}, SMALL_TEXT, 2, {"boundary_ratio": 0.9}
    ),
    "wan2.2-ti2v-5b": Shape(
        TI2V | SMALL_NETWORK, VAE_22 | SMALL_VAE | {"base_dim": 4, "decoder_base_dim": 4}, SMALL_TEXT, 1,
        {"expand_timesteps": True},
    ),
}  # fmt: skip


class RandomWan(WanModel):
    """A model of `TRUE` or `SMALL` whose weights come from nowhere."""

    shape: Shape

    def load(self) -> Any:
        """Build the pipeline where it will run."""
        pipe = stock_pipeline(self.shape, self.device, self.dtype)
        if self.few_steps:
            pipe.scheduler = FewStepScheduler(self.few_steps)
        generate.refuse_unusable = lambda *_: None  # pictures of random weights are
        return pipe


def random_wan(name: str, shapes: dict[str, Shape], device: str = "auto") -> RandomWan:
    """The model of that row, as workers have it."""
    RandomWan.shape = shapes[name]
    return RandomWan(Checkpoint(name, "random weights"), device)


def stock_pipeline(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """The pipeline as diffusers has it: for pictures where the network sees one in further channels."""
    sees_picture = shape.network["in_channels"] != shape.network["out_channels"]
    kind = ImageToVideo if sees_picture else WanPipeline
    networks = [network(shape, device, dtype, seed) for seed in range(shape.experts)]
    return kind(
        tokenizer=tokenizer(),
        text_encoder=built(lambda: UMT5EncoderModel(UMT5Config(**shape.text)).eval(), device, dtype, 7),
        transformer=networks[0],
        transformer_2=networks[1] if shape.experts == 2 else None,
        vae=vae(shape, device),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        **shape.pipe,
    )


def network(shape: Shape, device: torch.device, dtype: torch.dtype, seed: int = 0) -> WanTransformer3DModel:
    """A transformer whose sums neither vanish nor overflow."""
    made = built(lambda: WanTransformer3DModel(cross_attn_norm=True, **shape.network).eval(), device, dtype, seed)
    for name, weight in made.named_parameters():
        if any(kept in name for kept in KEPT_EXACT):
            weight.data = weight.data.float()
    return made


def vae(shape: Shape, device: torch.device, dtype: torch.dtype = torch.float32) -> AutoencoderKLWan:
    """The VAE."""
    return built(lambda: AutoencoderKLWan(**shape.vae).eval(), device, dtype, 3)


def built(make: Any, device: torch.device, dtype: torch.dtype, seed: int) -> Any:
    """Make a module where it will live, in the type it will have."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(seed)
    try:
        with torch.device(device):
            return make().to(dtype).requires_grad_(False)
    finally:
        torch.set_default_dtype(before)


def tokenizer() -> T5TokenizerFast:
    """A tokenizer of few words."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    made.train_from_iterator(WORDS, trainers.UnigramTrainer(vocab_size=100, special_tokens=special, unk_token="<unk>"))
    return T5TokenizerFast(tokenizer_object=made, extra_ids=0)


def stock_picture_pipeline(pipe: Any, *, expand_timesteps: bool) -> WanImageToVideoPipeline:
    """Diffusers' own pipeline for pictures over the parts of another."""
    parts = {name: getattr(pipe, name, None) for name in WanImageToVideoPipeline._get_signature_keys(pipe)[0]}
    return WanImageToVideoPipeline(
        **parts, boundary_ratio=pipe.config.boundary_ratio, expand_timesteps=expand_timesteps
    )
