"""Tiny checkpoints of the real diffusers classes with random weights, saved as a hub folder would be: no downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLTemporalDecoder,
    AutoencoderKLWan,
    ClassifierFreeGuidance,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeliosDMDScheduler,
    HeliosPipeline,
    HeliosPyramidPipeline,
    HeliosScheduler,
    HeliosTransformer3DModel,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    MotionAdapter,
    StableVideoDiffusionPipeline,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel, LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE
from peft import LoraConfig, get_peft_model_state_dict
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    ByT5Tokenizer,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from renderer.artifacts import Shot
from renderer.backends import Frames
from renderer.backends.diffusion.checkpoint import Checkpoint

SENTENCES = ("a bottle on wet stone at sunrise, slow dolly in", "neon-lit glass, silk, water and light; calm and bold")
SPECIAL = ("<pad>", "</s>", "<s>", "<unk>", "<|im_start|>", "<|im_end|>", "<image>", "<start_of_image>")
CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }} {{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>"
VOCABULARY = 400


def shot(model: str, **changes: object) -> Shot:
    """A shot that fits the tiny weights: 32 x 32, two steps. `look` changes the look."""
    look = {"scene": "silk", "palette": ("#26262B", "#8A8A92", "#F0F0F2")} | changes.pop("look", {})
    facts = {
        "key": "shot-1",
        "model": model,
        "revision": "main-1",
        "look": look,
        "prompt": "a bottle on wet stone",
        "negative_prompt": "neon",
        "image_sha256": None,
        "width": 32,
        "height": 32,
        "num_frames": 5,
        "frame_rate": 8.0,
        "num_inference_steps": 2,
        "guidance_scale": 1.0,
        "seed": 1,
    }
    return Shot.model_validate(facts | changes)


def clip(num_frames: int, width: int = 32, height: int = 32, seed: int = 0) -> Frames:
    """Soft coloured blobs that drift, uint8 RGB (num_frames, height, width, 3)."""
    numbers = np.random.default_rng(seed)
    small = numbers.integers(0, 255, (4 + num_frames, 5, 3), dtype=np.uint8)
    return np.stack(
        [cv2.resize(small[at : at + 4], (width, height), interpolation=cv2.INTER_CUBIC) for at in range(num_frames)]
    )


def checkpoint(model: str, folder: Path) -> Checkpoint:
    """The weights of a model in a folder; adapters lie beside it."""
    return Checkpoint(model, str(folder), models_dir=folder.parent)


def save_lora(folder: Path, pipeline: Any, network: torch.nn.Module, seed: int = 0) -> Path:
    """An adapter for a network of a pipeline, strong enough to be seen; the network stays as it was."""
    torch.manual_seed(seed)
    network.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]), "made")
    layers = get_peft_model_state_dict(network, adapter_name="made")
    part = "unet" if network is getattr(pipeline, "unet", None) else "transformer"
    pipeline.save_lora_weights(folder, **{f"{part}_lora_layers": {name: 4 * w for name, w in layers.items()}})
    pipeline.unload_lora_weights()
    return folder


def tokenizer(max_length: int = 77) -> PreTrainedTokenizerFast:
    """Byte-level BPE, trained here on two sentences; ends every text with </s>."""
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=letters)
    fast.train_from_iterator(SENTENCES, trainer)
    fast.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=fast, model_max_length=max_length, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    wrapped.chat_template = CHAT
    return wrapped


def save_svd(folder: Path) -> Path:
    """Stable Video Diffusion: 8 pixels to a latent, as the real one."""
    torch.manual_seed(0)
    unet = UNetSpatioTemporalConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=16,
        num_attention_heads=2,
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
    )
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 32, 32, 32), down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4
    )
    image_encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16, intermediate_size=16, projection_dim=16, num_hidden_layers=1, num_attention_heads=2,
            image_size=224, patch_size=56,
        )
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        prediction_type="v_prediction", timestep_type="continuous", timestep_spacing="leading", sigma_min=0.002,
        sigma_max=700.0, use_karras_sigmas=True,
    )  # fmt: skip
    pipeline = StableVideoDiffusionPipeline(
        vae=vae,
        image_encoder=image_encoder,
        unet=unet,
        scheduler=scheduler,
        feature_extractor=CLIPImageProcessor(),
    )
    return _save(pipeline, folder)


def image_network() -> UNet2DConditionModel:
    """The network of Stable Diffusion 1."""
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def save_animatediff(folder: Path) -> Path:
    """Stable Diffusion 1 with a motion adapter, in one pipeline."""
    torch.manual_seed(0)
    unet = image_network()
    motion_adapter = MotionAdapter(
        block_out_channels=(16, 16), motion_layers_per_block=1, motion_norm_num_groups=4, motion_num_attention_heads=2
    )
    vae = AutoencoderKL(
        block_out_channels=(8,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        latent_channels=4,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            pad_token_id=0, eos_token_id=1, bos_token_id=2,
        )
    )  # fmt: skip
    scheduler = DDIMScheduler(beta_schedule="linear", clip_sample=False, timestep_spacing="linspace", steps_offset=1)
    pipeline = AnimateDiffPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer(),
        unet=unet,
        motion_adapter=motion_adapter,
        scheduler=scheduler,
    )
    return _save(pipeline, folder)


def save_hunyuan(folder: Path, *, from_image: bool) -> Path:
    """HunyuanVideo 1.5, 16 pixels and 4 frames to a latent, as the real one; text and image have their own weights."""
    torch.manual_seed(0)
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=16,
        image_embed_dim=16,
        rope_axes_dim=(2, 2, 4),
        target_size=32,
        task_type="i2v" if from_image else "t2v",
    )
    vae = AutoencoderKLHunyuanVideo15(latent_channels=4, block_out_channels=(16,) * 5, layers_per_block=1)
    parts = {
        "transformer": transformer,
        "vae": vae,
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=5.0),
        "text_encoder": Qwen2_5_VLTextModel(
            Qwen2_5_VLTextConfig(
                vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=2, pad_token_id=0, bos_token_id=2, eos_token_id=1,
                rope_scaling={"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
            )
        ),
        "tokenizer": tokenizer(2000),
        "text_encoder_2": T5EncoderModel(
            T5Config(vocab_size=384, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        "tokenizer_2": ByT5Tokenizer(),
        "guider": ClassifierFreeGuidance(guidance_scale=6.0),
    }  # fmt: skip
    if not from_image:
        return _save(HunyuanVideo15Pipeline(**parts), folder)
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=54, patch_size=2
    )  # its 27 x 27 patches are the 729 tokens that the pipeline counts on
    parts["image_encoder"] = SiglipVisionModel(vision)
    parts["feature_extractor"] = SiglipImageProcessor(size={"height": 54, "width": 54})
    return _save(HunyuanVideo15ImageToVideoPipeline(**parts), folder)


def save_ltx(folder: Path) -> Path:
    """LTX-2 with audio and, beside the pipeline, the upsampler of its second stage; 4 pixels and 2 frames to a latent."""
    torch.manual_seed(0)
    text = {
        "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0, "eos_token_id": 1,
        "bos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=6)
    transformer = LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=16,
        rope_double_precision=False,
        rope_type="split",
    )
    connectors = LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=3,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_theta=10000.0,
        rope_double_precision=False,
        causal_temporal_positioning=False,
        rope_type="split",
    )
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatiotemporal",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        timestep_conditioning=False,
        patch_size=2,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    vae.decoder.conv_out.conv.weight.data *= 0.5  # calm enough not to be taken for noise
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=4, output_channels=2, ch_mult=(1, 1, 1), num_res_blocks=1, attn_resolutions=None, in_channels=2,
        resolution=32, latent_channels=2, norm_type="pixel", causality_axis="height", mid_block_add_attention=False,
        sample_rate=16000, mel_hop_length=160, is_causal=True, mel_bins=8,
    )  # fmt: skip
    vocoder = LTX2VocoderWithBWE(
        in_channels=16, hidden_channels=16, upsample_kernel_sizes=[12, 8, 8], upsample_factors=[10, 4, 4],
        resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]], bwe_in_channels=16, bwe_hidden_channels=16,
        bwe_upsample_kernel_sizes=[12, 8, 8], bwe_upsample_factors=[10, 6, 4], bwe_resnet_kernel_sizes=[3],
        bwe_resnet_dilations=[[1, 3, 5]], num_mel_channels=8,
    )  # fmt: skip
    for network in (vocoder.vocoder, vocoder.bwe_generator):
        last = network.conv_out.weight.data
        last -= last.mean(dim=2, keepdim=True)  # fresh weights hum at 0 Hz, which nobody hears
        last *= 0.25  # and clip
    pipeline = LTX2Pipeline(
        transformer=transformer,
        vae=vae,
        audio_vae=audio_vae,
        vocoder=vocoder,
        connectors=connectors,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=Gemma3ForConditionalGeneration(config),
        tokenizer=tokenizer(1024),
    )
    upsampler = LTX2LatentUpsamplerModel(in_channels=4, mid_channels=32, num_blocks_per_stage=1)
    upsampler.save_pretrained(folder / "latent_upsampler", safe_serialization=True)
    return _save(pipeline, folder)


def save_helios(folder: Path, *, distilled: bool = False) -> Path:
    """Helios with Wan's autoencoder, 8 pixels and 4 frames to a latent; distilled, it walks from coarse to fine."""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = HeliosTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_dim=(4, 4, 4),
        has_multi_term_memory_patch=True,
        guidance_cross_attn=True,
        zero_history_timestep=True,
        is_amplify_history=False,
    )
    text_encoder = UMT5EncoderModel(
        UMT5Config(vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    )
    parts = {"tokenizer": tokenizer(512), "text_encoder": text_encoder, "vae": vae, "transformer": transformer}
    if distilled:
        scheduler = HeliosDMDScheduler(stages=2, stage_range=[0, 0.5, 1], use_dynamic_shifting=True)
        return _save(HeliosPyramidPipeline(**parts, scheduler=scheduler, is_distilled=True), folder)
    scheduler = HeliosScheduler(stages=1, stage_range=[0, 1], use_dynamic_shifting=True)
    return _save(HeliosPipeline(**parts, scheduler=scheduler), folder)


def _save(pipeline: Any, folder: Path) -> Path:
    for name in ("transformer", "unet"):
        if (network := pipeline.components.get(name)) is not None:
            _stir(network)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _stir(network: torch.nn.Module) -> None:
    """Weights that are small or nought when fresh are made large enough that words, pictures and motion count."""
    for name, weight in network.named_parameters():
        if weight.ndim > 1 and "norm" not in name:
            torch.nn.init.normal_(weight, std=1.5 * weight[0].numel() ** -0.5)
