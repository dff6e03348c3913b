"""Tiny checkpoints of the Wan families: the real classes of diffusers with random weights, saved as on the hub."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends import Frames

WORDS = ["a red shoe on wet stone at sunrise, slow dolly in", "a bottle in snow, neon-lit glass", "blurry, text"]
TEXT_SIZE = 16
NETWORK = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": TEXT_SIZE,
    "freq_dim": 64,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 64,
}


def shot_of(model: str, **changes) -> Shot:
    """A shot that the tiny networks make in milliseconds."""
    asked = {
        "key": "shot_1", "model": model, "revision": "main-1",
        "look": Look(scene="stone", palette=("#101010", "#808080", "#F0F0F0")),
        "prompt": "a red shoe on wet stone", "negative_prompt": "blurry", "image_sha256": None,
        "width": 64, "height": 32, "num_frames": 9, "frame_rate": 16.0,
        "num_inference_steps": 2, "guidance_scale": 4.0, "seed": 1,
    }  # fmt: skip
    return Shot(**{**asked, **changes})


def clip_of(num_frames: int, seed: int = 0) -> Frames:
    """Frames of soft colours, 70 x 50, that change in time."""
    numbers = np.random.default_rng(seed)
    small = numbers.uniform(0, 255, (num_frames, 5, 7, 3)).astype(np.uint8)
    return np.stack([cv2.resize(picture, (70, 50)) for picture in small])


def save_text_to_video(folder: Path) -> Path:
    """Wan 2.2 T2V-A14B: two networks."""
    return _save(
        folder,
        WanPipeline,
        transformer=_network(0, in_channels=16, out_channels=16),
        transformer_2=_network(1, in_channels=16, out_channels=16),
        boundary_ratio=0.875,
        vae=vae_of_8_pixels(),
    )


def save_image_to_video(folder: Path) -> Path:
    """Wan 2.2 I2V-A14B: two networks that see a picture in further channels."""
    return _save(
        folder,
        WanImageToVideoPipeline,
        transformer=_network(0, in_channels=36, out_channels=16),
        transformer_2=_network(1, in_channels=36, out_channels=16),
        boundary_ratio=0.9,
        vae=vae_of_8_pixels(),
    )


def save_text_and_image_to_video(folder: Path) -> Path:
    """Wan 2.2 TI2V-5B: one network, a VAE of 16 x 16 pixels per latent, a timestep for each token."""
    return _save(
        folder,
        WanPipeline,
        transformer=_network(0, in_channels=48, out_channels=48),
        transformer_2=None,
        expand_timesteps=True,
        vae=vae_of_16_pixels(),
    )


def save_vace(folder: Path) -> Path:
    """Wan 2.1 VACE."""
    torch.manual_seed(0)
    network = WanVACETransformer3DModel(
        **NETWORK, in_channels=16, out_channels=16, vace_layers=[0], vace_in_channels=96
    )
    return _save(
        folder,
        WanVACEPipeline,
        transformer=_stir(network),
        vae=vae_of_8_pixels(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def save_adapter(file: Path, seed: int, heads: int = 2) -> Path:
    """A LoRA of the tiny networks that changes much of what they say."""
    network = WanTransformer3DModel(**{**NETWORK, "num_attention_heads": heads}, in_channels=16, out_channels=16)
    torch.manual_seed(seed)
    network.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_k", "to_v"]))
    weights = {name: 3 * weight for name, weight in get_peft_model_state_dict(network).items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    WanPipeline.save_lora_weights(file.parent, transformer_lora_layers=weights, weight_name=file.name)
    return file


def _save(folder: Path, kind, **parts) -> Path:
    parts.setdefault(
        "scheduler", UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    )
    pipe = kind(tokenizer=_tokenizer(), text_encoder=_text_encoder(), **parts)
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def _network(seed: int, **channels: int) -> WanTransformer3DModel:
    torch.manual_seed(seed)
    return _stir(WanTransformer3DModel(**NETWORK, **channels))


def _stir(network):
    """Random weights, some of which are small or nought when fresh, made large enough that words and pictures count."""
    for name, weight in network.named_parameters():
        if weight.ndim > 1 and "norm" not in name:
            torch.nn.init.normal_(weight, std=0.15)
    return network


def vae_of_8_pixels() -> AutoencoderKLWan:
    torch.manual_seed(0)
    return _stir(
        AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        )
    )


def vae_of_16_pixels() -> AutoencoderKLWan:
    torch.manual_seed(0)
    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
    )


def _text_encoder() -> UMT5EncoderModel:
    torch.manual_seed(0)
    shape = UMT5Config(vocab_size=128, d_model=TEXT_SIZE, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    return UMT5EncoderModel(shape).eval()


def _tokenizer() -> T5TokenizerFast:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        WORDS, trainers.UnigramTrainer(vocab_size=100, special_tokens=special, unk_token="<unk>")
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0)
