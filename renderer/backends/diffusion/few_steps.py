"""Distilled forms of Wan 2.2, which need few steps: their noise levels, and weights that lie beside the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.errors import BackendError

DISTILLED = "distilled"  # folder beside a checkpoint


@dataclass(frozen=True)
class FewSteps:
    """How a distilled network walks from noise to picture: only at these noise levels, the ones it was trained at."""

    sigmas: tuple[float, ...]
    fresh_noise: bool  # predicts the picture, and adds new noise for the next level; otherwise follows the flow
    adapters: tuple[str, ...] = ()  # the distilled weights are LoRAs, of the first and the second network
    hub_id: str = ""  # of the adapters
    hub_folder: str = ""


FEW_STEPS = {
    # 1, 3/4, 1/2 and 1/4, shifted by 5; ModelTC/Wan2.2-Lightning
    "wan2.2-i2v-a14b-4step": FewSteps(
        (1.0, 15 / 16, 5 / 6, 5 / 8),
        fresh_noise=False,
        adapters=("high_noise_model.safetensors", "low_noise_model.safetensors"),
        hub_id="lightx2v/Wan2.2-Lightning",
        hub_folder="Wan2.2-I2V-A14B-4steps-lora-rank64-Seko-V1",
    ),
    # FastVideo's dmd_denoising_steps
    "wan2.2-ti2v-5b-3step": FewSteps((1.0, 0.757, 0.522), fresh_noise=True),
}


class FewStepScheduler(FlowMatchEulerDiscreteScheduler):
    """Walks along given noise levels; what noise it adds comes from `generator`, the shot's own, so takes repeat."""

    def __init__(self, steps: FewSteps) -> None:
        super().__init__(stochastic_sampling=steps.fresh_noise)
        self.levels = steps.sigmas
        self.generator: torch.Generator | None = None

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None, **_: Any) -> None:  # type: ignore[override] # the other arguments would change the levels
        """Take the levels, whatever the number of steps: a shot with another number was refused."""
        super().set_timesteps(sigmas=list(self.levels), device=device)

    def step(self, *arguments: Any, **options: Any) -> Any:
        """See `FlowMatchEulerDiscreteScheduler.step`."""
        return super().step(*arguments, **{**options, "generator": self.generator})


def find_distilled(checkpoint: Checkpoint, steps: FewSteps, file: str) -> Path:
    """Return one file of a distilled model's adapters: beside the checkpoint, or in the hub's cache.

    Raises:
        BackendError: it is not there; names the command that fetches it.
    """
    beside = Path(checkpoint.source) / DISTILLED / file
    if beside.is_file():
        return beside
    hub = import_module("huggingface_hub")
    try:
        found = hub.hf_hub_download(
            steps.hub_id, f"{steps.hub_folder}/{file}", local_files_only=not checkpoint.may_download
        )
    except (OSError, ValueError) as error:
        raise BackendError(
            f"model {checkpoint.name}: {beside} is missing, and without it few steps make noise. "
            f"Run hf download {steps.hub_id} --include '{steps.hub_folder}/*', or put the file there."
        ) from error
    return Path(found)


def melt_in(pipe: Any, files: list[Path]) -> None:
    """Add adapters to the weights for good: the first to the first network, the second to the second."""
    if not files:
        return
    for number, file in enumerate(files):
        lay(pipe, file, f"{DISTILLED}_{number}", second=number == 1)
    pipe.fuse_lora(components=["transformer", "transformer_2"][: len(files)])
    pipe.unload_lora_weights()


def lay(pipe: Any, file: Path, name: str, *, second: bool) -> None:
    """Put an adapter into the first network of a pipeline of Wan, or into the second."""
    pipe.load_lora_weights(file.parent, weight_name=file.name, adapter_name=name, load_into_transformer_2=second)
