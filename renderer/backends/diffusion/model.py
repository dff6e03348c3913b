"""What all families of diffusion models share: weights on a device, texts encoded once, adapters, frames from latents.

A family is a subclass that says how to `load` its pipeline, `sample` latents for a shot and `picture` them. See wan.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion import DIFFUSION_MODELS
from renderer.backends.diffusion.adapters import Adapters, beginning
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.fitness import Grid, refuse_other_weights, refuse_unfit
from renderer.backends.diffusion.latents import pack, unpack
from renderer.errors import BackendError, OutOfMemory

T = TypeVar("T")
Embedding = tuple[Tensor, ...]  # what a family's text encoders make of one text, on the CPU
MOST_TEXTS = 256  # embeddings kept; 4 MB each for a text encoder of 512 tokens x 4096
MOST_OF_CARD = 0.75  # weights beyond this share of a card's memory wait on the CPU for their turn


class DiffusionModel:
    """A pipeline of diffusers as a `LatentVideoModel`. The same shot gives the same frames on the same machine.

    A take that extends a clip holds only new frames. Pictures and clips of any size are scaled and cut to the shot.
    """

    frame_offset = 1
    decodes_apart = False  # decoding touches nothing that denoising does, so both may run at a time
    text_encoders: tuple[str, ...] = ("text_encoder",)  # parts that nothing needs once the texts are known

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", dtype: torch.dtype | None = None) -> None:
        """Load the weights on `cpu`, `cuda`, or `auto`: a GPU if there is one.

        Raises:
            BackendError: the weights do not load.
            OutOfMemory: the card is too small for them.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.checkpoint = checkpoint
        self.facts = DIFFUSION_MODELS[checkpoint.name]
        self.device = torch.device(device)
        self.dtype = dtype or (torch.bfloat16 if self.device.type == "cuda" else torch.float32)
        self.denoising = RLock()
        self._decoding = self.denoising
        self.pipe = self.load()
        self.takes_turns = _is_large_for(self.pipe, self.device)
        self._pipes: dict[type, Any] = {type(self.pipe): self.pipe}
        self._texts: OrderedDict[str, Embedding] = OrderedDict()
        self._away: dict[str, torch.nn.Module] = {}  # text encoders that left the card
        self.adapters = Adapters(self.pipe, checkpoint, self.lay_adapter)
        self._place(self.pipe)
        self.tune()
        self._beside: Any = nullcontext()
        if self.decodes_apart:
            self._decoding = RLock()
            self._beside = torch.cuda.stream(torch.cuda.Stream(self.device))  # type: ignore[no-untyped-call]

    # What a family says

    def load(self) -> Any:
        """Return the main pipeline of the family, on the CPU; usually `self.from_pretrained(SomePipeline)`."""
        raise NotImplementedError

    @property
    def size_step(self) -> int:
        """What both sides of a picture are multiples of, in pixels."""
        raise NotImplementedError

    @property
    def frame_step(self) -> int:
        """The frames of a take are `frame_offset` more than a multiple of this."""
        raise NotImplementedError

    def encode(self, text: str) -> Embedding:
        """Return what the text encoders of `self.pipe` make of one text. Called once per text; see `embedding`."""
        raise NotImplementedError

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """Check what only this family minds.

        Raises:
            BackendError: the shot does not fit.
        """

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return finished latents and whatever else `picture` will need."""
        raise NotImplementedError

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """Return the frames of what `sample` returned."""
        raise NotImplementedError

    def tune(self) -> None:
        """Make what is loaded fast, once."""

    def ready(self, shot: Shot) -> None:
        """Make the networks what the shot asks for.

        Raises:
            BackendError: an adapter is not there or does not fit.
        """
        self.adapters.use(shot.adapters)

    def lay_adapter(self, files: list[Path], name: str) -> None:
        """Put the weights of one adapter into the pipeline."""
        for file in files[:1]:
            self.pipe.load_lora_weights(file.parent, weight_name=file.name, adapter_name=name)

    # What all of them do

    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        """See `VideoModel.generate`."""
        return self.decode(shot, self.denoise(shot, inputs), in_tiles=False)

    @torch.no_grad()
    def denoise(self, shot: Shot, inputs: Inputs) -> bytes:
        """See `LatentVideoModel.denoise`."""
        refuse_other_weights(shot, self.checkpoint)
        refuse_unfit(shot, inputs, self.facts, Grid(self.size_step, self.frame_step, self.frame_offset))
        self.refuse(shot, inputs)
        with self.denoising:
            self.ready(shot)
            place = f"shot {shot.key}: denoising {_size(shot)}"
            tensors = self._roomy(lambda: self.sample(shot, inputs), place, holds_all=True)
            return pack(shot, tensors)

    @torch.no_grad()
    def decode(self, shot: Shot, latents: bytes, *, in_tiles: bool) -> Frames:
        """See `LatentVideoModel.decode`."""
        tensors = unpack(shot, latents)
        holds_all = in_tiles or not self.decodes_apart
        others = self.denoising if holds_all else nullcontext()  # tiles: memory was short, so nothing goes on beside
        place = f"shot {shot.key}: decoding {_size(shot)}"
        with others, self._decoding, self._beside:
            self.tile(in_tiles)
            try:
                return self._roomy(lambda: self.picture(shot, tensors), place, holds_all=holds_all)
            finally:
                self.tile(False)

    def from_pretrained(self, kind: type, **options: Any) -> Any:
        """Return `kind` with the weights of the checkpoint: networks in `self.dtype`, the VAE in float32.

        Rounding to bfloat16 costs an encoded picture a quarter of its similarity to the original, by SSIM.

        Raises:
            BackendError: they do not load.
        """
        options.setdefault("dtype", {"vae": torch.float32, "default": self.dtype})
        where = self.checkpoint
        try:
            return kind.from_pretrained(  # type: ignore[attr-defined] # of pipelines and networks alike
                where.source,
                revision=where.revision or None,
                local_files_only=not where.may_download,
                use_safetensors=True,
                **options,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BackendError(
                f"model {where.name}: {where.source} does not load ({beginning(error)}). Fetch the weights again."
            ) from error

    def pipeline(self, kind: type) -> Any:
        """Return another pipeline over the weights that are loaded already."""
        if kind not in self._pipes:
            self._pipes[kind] = self.build(kind)
            if not self.takes_turns:
                self._place(self._pipes[kind])
        if self.takes_turns:
            self._place(self._pipes[kind])  # the parts' turns belong to one pipeline at a time
        return self._pipes[kind]

    def build(self, kind: type) -> Any:
        """Make another pipeline from the parts of the main one."""
        parts, settings = kind._get_signature_keys(kind)  # type: ignore[attr-defined] # of every pipeline
        given = {name: value for name, value in self.pipe.config.items() if name in settings}
        return kind(**{name: getattr(self.pipe, name, None) for name in parts}, **given)

    def embedding(self, text: str) -> Embedding:
        """Return the embedding of a text on the device; a text is encoded once."""
        if text not in self._texts:
            self._call_back_text_encoders()
            self._texts[text] = tuple(part.cpu() for part in self.encode(text))
        self._texts.move_to_end(text)
        while len(self._texts) > MOST_TEXTS:
            self._texts.popitem(last=False)
        return tuple(part.to(self.device) for part in self._texts[text])

    def release_text_encoder(self) -> bool:
        """Take the text encoders off the card until a new text comes; tell whether that freed memory."""
        names = [name for name in self.text_encoders if getattr(self.pipe, name, None) is not None]
        if self.takes_turns or not names:
            return False
        for name in names:
            self._away[name] = getattr(self.pipe, name).to("cpu")
            for pipe in self._pipes.values():
                setattr(pipe, name, None)
        torch.cuda.empty_cache()
        return True

    def noise(self, shot: Shot) -> torch.Generator:
        """Return the shot's source of noise; on the CPU, so that all cards draw the same."""
        return torch.Generator("cpu").manual_seed(shot.seed)

    def tile(self, in_tiles: bool) -> None:
        """Let the VAE work in tiles, or on whole frames."""
        if in_tiles:
            self.pipe.vae.enable_tiling()
        else:
            self.pipe.vae.disable_tiling()

    def _call_back_text_encoders(self) -> None:
        for name, network in self._away.items():
            for pipe in self._pipes.values():
                setattr(pipe, name, network.to(self.device))
        self._away.clear()

    def _place(self, pipe: Any) -> None:
        pipe.set_progress_bar_config(disable=True)
        try:
            if self.takes_turns:
                pipe.enable_model_cpu_offload(device=self.device)
            else:
                pipe.to(self.device)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"model {self.checkpoint.name}: {_too_small(error)} Choose a smaller model.") from None

    def _roomy(self, work: Callable[[], T], place: str, *, holds_all: bool) -> T:
        """Do the work; where memory runs out, once more without text encoders on the card and clips being decoded.

        Without `holds_all` another thread may be denoising, whose text encoders must stay.

        Raises:
            OutOfMemory: it runs out even so.
        """
        try:
            return work()
        except torch.OutOfMemoryError as error:
            reason = _too_small(error)
        if holds_all:
            with self._decoding:
                if self.release_text_encoder() or self.decodes_apart:
                    try:
                        return work()
                    except torch.OutOfMemoryError as error:
                        reason = _too_small(error)
        raise OutOfMemory(f"{place}: {reason} Use a smaller format, fewer frames or a larger card.")


def to_frames(video: Tensor) -> Frames:
    """Return uint8 RGB (num_frames, height, width, 3) of one clip (1, 3, num_frames, height, width) in [-1, 1]."""
    values = video[0].mul(0.5).add_(0.5).clamp_(0, 1).float().mul_(255).round_()
    pixels = values.to(torch.uint8).permute(1, 2, 3, 0).contiguous()
    frames = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=pixels.is_cuda)  # copies ten times as fast
    return frames.copy_(pixels).numpy()


def _is_large_for(pipe: DiffusionPipeline, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    networks = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    size = sum(weight.nbytes for network in networks for weight in network.parameters())
    return size > MOST_OF_CARD * torch.cuda.get_device_properties(device).total_memory


def _too_small(error: BaseException) -> str:
    return f"the card has too little memory ({str(error).split('.', 1)[0]})."


def _size(shot: Shot) -> str:
    return f"{shot.width}x{shot.height}, {shot.num_frames} frames"
