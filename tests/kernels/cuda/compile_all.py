"""Compile every kernel, at the 20b's shapes, for GPUs that aren't here: what the interpreter can't see, ptxas says.

    python tests/kernels/cuda/compile_all.py [75 80 86 89 90 100 120]

The launchers run on meta tensors with a driver that only names a target, so what is compiled is what would be launched.
Prints registers, spilled bytes and shared memory of each kernel; exits with 1 where one doesn't compile, spills, or wants
more shared memory than a block may have.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from gptoss_chat.kernels.cuda import attention, experts, experts_grouped, experts_vector, linear, scores, steps
from gptoss_chat.kernels.cuda.tuning import by_capability

# Bytes a block may have (CUDA C++ Programming Guide, technical specifications by compute capability).
SHARED_LIMIT = {75: 64 << 10, 80: 163 << 10, 86: 99 << 10, 89: 99 << 10, 90: 227 << 10, 100: 227 << 10, 120: 99 << 10}
TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


@dataclass(frozen=True, slots=True)
class NoDevice:
    """As much of a driver as compiling needs."""

    capability: int

    def get_current_target(self) -> GPUTarget:
        """The GPU that isn't here."""
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        """One for each capability, since kernels are kept by it."""
        return self.capability

    def get_current_stream(self, _device: int) -> int:
        """None is ever used."""
        return 0


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor with a shape and a type and no memory."""
    return torch.empty(shape, dtype=dtype, device="meta")


def launch_all(products: bool) -> None:
    """Every operator at gpt-oss-20b's shapes: one token, few, many; without `products`, cuBLAS serves linear for more than few."""
    D, H, G, C, E, K, N = 2880, 64, 8, 64, 32, 4, 4096
    half, byte = torch.bfloat16, torch.uint8
    pages, table = (empty(100, 32, G, C, dtype=half) for _ in range(2)), empty(N, dtype=torch.int32)
    k, v = pages
    sinks, position = empty(H, dtype=half), empty(1, dtype=torch.int64)
    qkv = (H + 2 * G) * C
    packed = (
        empty(E, 2 * D, D // 32, 16, dtype=byte),
        empty(E, 2 * D, D // 32, dtype=byte),
        empty(E, 2 * D, dtype=half),
        empty(E, D, D // 32, 16, dtype=byte),
        empty(E, D, D // 32, dtype=byte),
        empty(E, D, dtype=half),
    )
    dense = (
        empty(E, D, 2 * D, dtype=half).transpose(1, 2),
        empty(E, 2 * D, dtype=half),
        empty(E, D, D, dtype=half).transpose(1, 2),
        empty(E, D, dtype=half),
    )
    scores.part_sums(empty(201_088), empty(1))
    for T in (1, 12, 60, 2048):
        x = empty(T, D)
        steps.rms_norm(x, None if T == 1 else x, empty(D, dtype=half), 1e-5)
        steps.route(empty(T, E), K)
        if T <= 4 or (T <= 64 and products):
            for rows in (qkv, D, E):
                linear.linear(x, empty(rows, D, dtype=half), empty(rows, dtype=half))
        for start in (7, position) if T == 1 else (7,):
            steps.rope_store(empty(T, qkv), empty(T, C), table, start, k, v)
            for window in (0, 128):
                attention.attention(empty(T, H, C), k, v, table, start, window, sinks)
        routes = empty(T, K, dtype=torch.int64), empty(T, K)
        experts.moe_mxfp4(x, *routes, *packed, 7.0)
        experts.moe_dense(x, *routes, *dense, 7.0)
    experts.moe_mxfp4(empty(300, D), empty(300, K, dtype=torch.int64), empty(300, K), *packed, 7.0)


def compiled(capability: int) -> Iterator[tuple[str, Any]]:
    """Name and compiled kernel of everything that `launch_all` launches, each once."""
    triton.runtime.driver.set_active(NoDevice(capability))
    tuned = by_capability((capability // 10, capability % 10))
    for module in (linear, attention, experts, experts_vector, experts_grouped):
        module.tuning = lambda _device: tuned  # type: ignore[attr-defined]
    seen: dict[int, tuple[str, Any]] = {}
    run = JITFunction.run

    def only_compile(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        kernel = run(self, *args, grid=grid, warmup=True, **options)
        seen[id(kernel)] = f"{self.fn.__module__.rpartition('.')[2]}.{self.fn.__name__}", kernel
        return kernel

    JITFunction.run = only_compile
    try:
        launch_all(tuned.library_tokens > 4)
    finally:
        JITFunction.run = run
    yield from seen.values()


def resources(kernel: Any) -> dict[str, int]:
    """What ptxas gave the kernel: registers, stack (spilled bytes) and shared memory."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        said = subprocess.run([TOOL, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"(REG|STACK|LOCAL):(\d+)", said.stdout))
    return {name: int(value) for name, value in found.items()} | {"SHARED": kernel.metadata.shared}


def main(capabilities: list[int]) -> int:
    """Exit status: 1 where a kernel spills or could not be launched."""
    faults = 0
    for capability in capabilities:
        began_s = time.perf_counter()
        for name, kernel in compiled(capability):
            used = resources(kernel)
            faults += used["STACK"] + used["LOCAL"] > 0 or used["SHARED"] > SHARED_LIMIT[capability]
            tensor_cores = len(re.findall(r"wgmma\.mma|mma\.sync", kernel.asm["ptx"]))
            sys.stdout.write(
                f"sm_{capability} {name:28} {kernel.metadata.num_warps} warps, {used['REG']:3} registers, "
                f"{used['STACK'] + used['LOCAL']:4} bytes spilled, {used['SHARED']:6} bytes shared, {tensor_cores} products\n"
            )
        sys.stdout.write(f"sm_{capability}: {time.perf_counter() - began_s:.0f} s\n")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]] or [75, 80, 90]))
