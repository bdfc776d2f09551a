"""An encoder's network made ready to run: norms folded, weights cast and laid out once, not at every pass.

Three ways, by what the machine has. oneDNN on x86: its own blocked layout from the first convolution to the last;
without it torch sends small float32 convolutions to a kernel five times slower. CUDA: one recorded graph of a fixed
batch. Anything else: plain torch. In bf16 the biases stay in float32: a rounded one is the same error in every voxel,
which averaging over voxels does not take away.
"""

from __future__ import annotations

import copy
import threading
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tumorcast_imaging.model.architectures import Architecture, ResNetArchitecture

Batch = NDArray[np.float32]


class Forward(Protocol):
    """Crops (B, 2, N, N, N) → vectors (B, embedding_dim), in inference mode; always the same shape."""

    def __call__(self, batch: Batch) -> Batch: ...


def native_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16 itself: a GPU, AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return native and _has_onednn()


def prepare(network: nn.Module, architecture: Architecture, device: torch.device, dtype: torch.dtype) -> Forward:
    """The fastest forward pass of a copy of ``network`` on ``device``, in float32 or bf16."""
    if device.type == "cuda":
        return CudaForward(network, device, dtype)
    if packable(architecture, device, dtype):
        return PackedForward(network, dtype)
    return PlainForward(network, device, dtype)


def packable(architecture: Architecture, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether ``PackedForward`` can run it: batch norm and convolutional shortcuts only, on x86 with AVX."""
    if not isinstance(architecture, ResNetArchitecture):
        return False
    foldable = architecture.norm == "batch" and architecture.shortcut_type == "B"
    x86 = torch.backends.cpu.get_cpu_capability().startswith("AVX") and _has_onednn()
    return device.type == "cpu" and foldable and x86 and (dtype == torch.float32 or native_bf16(device))


class PackedForward:
    """oneDNN's blocked tensors throughout, norms folded into convolutions, weights reordered once."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._network = _copied(network)
        self._network.avgpool = _Mean()
        _fold_norms(self._network)
        _pack(self._network, dtype)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Batch:
        return _array(self._network(torch.from_numpy(batch).to_mkldnn(self._dtype)))


class PlainForward:
    """Torch as it comes: autocast when in bf16, which knows what each layer can do."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._low = device, dtype == torch.bfloat16
        self._network = _copied(network).to(device, memory_format=torch.channels_last_3d)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Batch:
        return _array(self._run(self._upload(batch)))

    def _upload(self, batch: Batch) -> Tensor:
        return torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last_3d)

    def _run(self, tensor: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._low, cache_enabled=False):
            out: Tensor = self._network(tensor)
        return out


class CudaForward(PlainForward):
    """The plain pass recorded once as a CUDA graph, so that a small batch does not wait for kernel launches.

    One batch at a time: the graph reads and writes the same memory every time. Where recording fails, the plain pass
    runs. No GPU was at hand when this was written: never run yet.
    """

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(network, device, dtype)
        self._lock = threading.Lock()
        self._graph: Any = None
        self._failed = False
        self._input = self._output = torch.empty(0)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Batch:
        with self._lock, torch.cuda.device(self._device):
            tensor = self._upload(batch)
            if self._graph is None and not self._failed:
                self._record(tensor)
            if self._graph is None or tensor.shape != self._input.shape:
                return _array(self._run(tensor))
            self._input.copy_(tensor)
            self._graph.replay()
            return _array(self._output)

    def _record(self, like: Tensor) -> None:
        self._input = like.clone()
        try:
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # libraries set themselves up in the first passes, which no graph may hold
                for _ in range(3):
                    self._run(self._input)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._output = self._run(self._input)
            self._graph = graph
        except RuntimeError:
            self._failed = True


class _PackedConvolution(nn.Module):
    """A convolution on oneDNN tensors; it lays its weights out for the first input it sees."""

    def __init__(self, convolution: nn.Conv3d, dtype: torch.dtype) -> None:
        super().__init__()
        bias = torch.zeros(convolution.out_channels) if convolution.bias is None else convolution.bias.detach()
        self._where = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        self._plain = convolution.weight.detach().contiguous().to_mkldnn(dtype)
        self._bias = bias.to_mkldnn()
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self._packed is None:
            reorder = torch.ops.aten.mkldnn_reorder_conv3d_weight
            self._packed = reorder(self._plain, *self._where, list(x.shape))
        out: Tensor = torch.mkldnn_convolution(x, self._packed, self._bias, *self._where)  # type: ignore[arg-type]
        return out


class _Mean(nn.Module):
    """Average over space, out of oneDNN's layout into float32, in which the linear layer then runs."""

    def forward(self, x: Tensor) -> Tensor:
        return x.to_dense(torch.float32).mean((2, 3, 4))


def _copied(network: nn.Module) -> Any:
    """A copy for inference; the original is left alone, and may be trained on."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def _fold_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution that is registered right before it."""
    before: tuple[str, nn.Conv3d] | None = None
    for name, child in list(module.named_children()):
        if before is not None and isinstance(child, nn.BatchNorm3d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        before = (name, child) if isinstance(child, nn.Conv3d) else None
        _fold_norms(child)


def _pack(module: nn.Module, dtype: torch.dtype) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv3d):
            setattr(module, name, _PackedConvolution(child, dtype))
        else:
            _pack(child, dtype)


def _array(tensor: Tensor) -> Batch:
    out: Batch = tensor.float().cpu().numpy()
    return out


def _has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
