"""Attention over the tokens of a clip: exact by the fastest kernel that is there, or approximate where a shot asks.

Queries, keys and values are (batch, tokens, heads, head_dim), and so is what comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 # as everybody calls it
from torch import Tensor

from renderer.backends.diffusion.kernels import E4M3_MAX
from renderer.backends.diffusion.kernels.rows import rounded_at
from renderer.errors import BackendError

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
FLASH_CAPABILITIES = (9, 10)  # major, of the cards that flash-attn-4 has kernels for
FLASH_TYPES = (torch.bfloat16, torch.float16)
FLASH_WIDTHS = (64, 96, 128)  # of a head
SCORE_SCALE = 256.0  # of softmax weights in 8 bits: they lie in 0..1, and E4M3 reaches 448
LEAST_LIMIT = 1e-6  # so that a clip of zeros divides by something

# Of sparse attention: queries go in groups of so many latent frames, and see so many more on either side.
GROUP_FRAMES, NEAR_FRAMES = 3, 4


def exact(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return softmax(q k / sqrt(head_dim)) v by flash-attn-4 where it is installed, else by PyTorch's own choice."""
    if has_flash(query.device) and query.dtype in FLASH_TYPES and query.shape[-1] in FLASH_WIDTHS:
        found = import_module("flash_attn.cute").flash_attn_func(query, key, value)
        answer: Tensor = found[0] if isinstance(found, tuple) else found
        return answer
    return by_pytorch(query, key, value)


def by_pytorch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Let PyTorch choose; it takes cuDNN on Hopper."""
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2)


def sparse(attention: Attention, tokens_per_frame: int) -> Attention:
    """Return an attention where each latent frame sees near ones and the first, which holds the product's picture.

    Every group of frames is one dense call of `attention`, so it is as fast per product as that.
    """

    def near(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        num_frames = query.shape[1] // tokens_per_frame
        groups = []
        for start in range(0, num_frames, GROUP_FRAMES):
            stop = min(start + GROUP_FRAMES, num_frames)
            seen = [_seen(part, start, stop, num_frames, tokens_per_frame) for part in (key, value)]
            groups.append(attention(query[:, start * tokens_per_frame : stop * tokens_per_frame], *seen))
        return torch.cat(groups, 1)

    return near


def _seen(part: Tensor, start: int, stop: int, num_frames: int, tokens_per_frame: int) -> Tensor:
    first, last = max(start - NEAR_FRAMES, 0), min(stop + NEAR_FRAMES, num_frames)
    near = part[:, first * tokens_per_frame : last * tokens_per_frame]
    return near if first == 0 else torch.cat([part[:, :tokens_per_frame], near], 1)


def fp8(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return attention with both products in E4M3, one scale per tensor, by cuDNN, which answers in E4M3 too on Hopper.

    The mean of the keys is taken off before they are rounded: it moves all scores of a query alike, which softmax
    does not see, and what is left needs fewer bits.
    """
    parts, scales = [], []
    for part, shift in ((query, None), (key, key.mean(1, keepdim=True)), (value, None)):
        limit = torch.linalg.vector_norm(part, torch.inf, dtype=torch.float32)
        if shift is not None:
            limit = limit + torch.linalg.vector_norm(shift, torch.inf, dtype=torch.float32)
        scales.append(limit.clamp_min(LEAST_LIMIT) / E4M3_MAX)
        parts.append(rounded_at(part, scales[-1], shift))
    answer = torch.empty_like(parts[0])
    graph = _graph(query.device, query.shape, key.shape)
    scalars = [scale.view(1, 1, 1, 1) for scale in scales]
    into = 1 / scalars[2]  # an average of values is no larger than the largest
    graph(*(part.transpose(1, 2) for part in parts), *scalars, into, answer.transpose(1, 2))
    found: Tensor = answer.to(query.dtype) * scales[2].to(query.dtype)
    return found


def refuse_fp8(device: torch.device) -> None:
    """Check that there is a kernel for `fp8`.

    Raises:
        BackendError: the card is no Hopper or later, or the package is missing.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (9, 0):
        raise BackendError("fp8_attention: needs a GPU of NVIDIA's Hopper generation or later. Remove it.")
    if find_spec("cudnn") is None:
        raise BackendError("fp8_attention: nvidia-cudnn-frontend is missing. Run pip install 'adloom[gpu]'.")


@cache
def has_flash(device: torch.device) -> bool:
    """Tell whether flash-attn-4 has a kernel for the device and is installed."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device)[0] not in FLASH_CAPABILITIES:
        return False
    return find_spec("flash_attn") is not None and find_spec("flash_attn.cute") is not None


@cache
def _graph(device: torch.device, query_shape: torch.Size, key_shape: torch.Size) -> Callable[..., None]:
    """Return cuDNN's plan for these shapes, as a call over tensors (batch, heads, tokens, head_dim) in E4M3."""
    cudnn: Any = import_module("cudnn")
    handle = cudnn.create_handle()
    graph = cudnn.pygraph(
        handle=handle,
        io_data_type=cudnn.data_type.FP8_E4M3,
        intermediate_data_type=cudnn.data_type.FLOAT,
        compute_data_type=cudnn.data_type.FLOAT,
    )

    def clip(shape: torch.Size) -> Any:
        batch, tokens, heads, width = shape
        sizes, strides = [batch, heads, tokens, width], [tokens * heads * width, width, heads * width, 1]
        return graph.tensor(dim=sizes, stride=strides, data_type=cudnn.data_type.FP8_E4M3)

    inputs = [clip(query_shape), clip(key_shape), clip(key_shape)]
    scales = [
        graph.tensor(dim=[1, 1, 1, 1], stride=[1, 1, 1, 1], data_type=cudnn.data_type.FLOAT)
        for _ in range(6)  # descales of q, k, v and the softmax weights, scales of the weights and of the answer
    ]
    names = ("descale_q", "descale_k", "descale_v", "descale_s", "scale_s", "scale_o")
    answer, _, *largest = graph.sdpa_fp8(
        q=inputs[0],
        k=inputs[1],
        v=inputs[2],
        **dict(zip(names, scales, strict=True)),
        generate_stats=False,
        attn_scale=query_shape[-1] ** -0.5,
        use_causal_mask=False,
    )
    batch, tokens, heads, width = query_shape
    answer.set_output(True).set_dim([batch, heads, tokens, width])
    answer.set_stride([tokens * heads * width, width, heads * width, 1]).set_data_type(cudnn.data_type.FP8_E4M3)
    for one in largest:
        one.set_output(True).set_dim([1, 1, 1, 1]).set_stride([1, 1, 1, 1]).set_data_type(cudnn.data_type.FLOAT)
    graph.build([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    one = torch.ones(1, 1, 1, 1, device=device)
    weights = [one / SCORE_SCALE, one * SCORE_SCALE]
    unused = [torch.empty_like(one) for _ in largest]
    workspace = torch.empty(max(graph.get_workspace_size(), 1), device=device, dtype=torch.uint8)

    def call(*tensors: Tensor) -> None:
        *given, scale_o, into = tensors
        handed = [*given, *weights, scale_o]
        cudnn.set_stream(handle, torch.cuda.current_stream(device).cuda_stream)
        pack = dict(zip([*inputs, *scales], handed, strict=True)) | {answer: into}
        graph.execute(pack | dict(zip(largest, unused, strict=True)), workspace, handle=handle)

    return call
