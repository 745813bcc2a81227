"""How fast each compiled operator is here: `python -m gptoss_chat.kernels.cpu.measure`; it knows no models.

Sizes are gpt-oss-20b's. Times are the best of several on one thread, in CPU time, so that a busy machine disturbs them
little; GB/s are of weights (or keys and values) read, beside what this thread reads from memory at best.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import torch

from gptoss_chat.kernels import backend, ops

_HIDDEN, _QKV_ROWS, _HEADS, _KV_HEADS, _HEAD_SIZE = 2880, 5120, 64, 8, 64
_EXPERTS, _CHOSEN, _PAGE = 8, 4, 32


def _best_s(work: Callable[[], object], runs: int = 5) -> float:
    work()
    best_s = float("inf")
    for _ in range(runs):
        began_s = time.thread_time()
        work()
        best_s = min(best_s, time.thread_time() - began_s)
    return best_s


def _report(name: str, seconds: float, read_bytes: float, products: float) -> None:
    rates = f"{read_bytes / seconds / 1e9:7.2f} GB/s {products / seconds / 1e9:7.2f} GMAC/s"
    sys.stdout.write(f"{name:34} {seconds * 1e3:9.3f} ms {rates}\n")
    sys.stdout.flush()


def _machine() -> None:
    block = torch.zeros(32 << 20, dtype=torch.int64)
    _report("memory, read", _best_s(block.sum), block.nbytes, 0)
    square = torch.randn(1024, 1024)
    _report("float32 product of torch, 1024^3", _best_s(lambda: square @ square), 3 * square.nbytes, 1024**3)


def _experts() -> None:
    inputs, hidden = _HIDDEN, _HIDDEN
    blocks = [
        torch.randint(256, (_EXPERTS, rows, inputs // 32, 16), dtype=torch.uint8) for rows in (2 * hidden, inputs)
    ]
    scales = [
        torch.randint(118, 122, (_EXPERTS, rows, inputs // 32), dtype=torch.uint8) for rows in (2 * hidden, inputs)
    ]
    bias = [torch.zeros(_EXPERTS, rows) for rows in (2 * hidden, inputs)]
    weights = (blocks[0], scales[0], bias[0], blocks[1], scales[1], bias[1])
    expert_weights = 3 * hidden * inputs
    for tokens in (1, 2, 4, 8, 16, 64):
        x_TD, shares_TK = torch.randn(tokens, inputs), torch.rand(tokens, _CHOSEN)
        ids_TK = torch.rand(tokens, _EXPERTS).topk(_CHOSEN).indices
        seconds = _best_s(partial(ops.moe_mxfp4, x_TD, ids_TK, shares_TK, *weights, 7.0))
        read = len(set(ids_TK.flatten().tolist())) * expert_weights * 17 / 32
        _report(f"experts, MXFP4, {tokens} tokens", seconds, read, tokens * _CHOSEN * expert_weights)


def _dense() -> None:
    w_OI = torch.randn(_QKV_ROWS, _HIDDEN).bfloat16()
    for kind, matrix in (("bf16", w_OI), ("int8", backend.quantise(w_OI))):
        for tokens in (1, 4, 16, 64):
            x_TI = torch.randn(tokens, _HIDDEN)
            seconds = _best_s(partial(ops.linear, x_TI, matrix))
            _report(f"linear, {kind}, {tokens} tokens", seconds, matrix.nbytes, tokens * w_OI.numel())


def _attention() -> None:
    for start, tokens in ((100, 1), (4000, 1), (16000, 1), (0, 128), (3968, 32)):
        for window in (0, 128):
            pages = -(-(start + tokens) // _PAGE)
            pools = torch.randn(2, pages, _PAGE, _KV_HEADS, _HEAD_SIZE).bfloat16()
            table, sinks = torch.randperm(pages).int(), torch.randn(_HEADS)
            q_THC = torch.randn(tokens, _HEADS, _HEAD_SIZE)
            seconds = _best_s(partial(ops.attention, q_THC, pools[0], pools[1], table, start, window, sinks))
            seen = [min(start + t + 1, window or start + t + 1) for t in range(tokens)]
            read = min(start + tokens, (window or start) + tokens) * 2 * _KV_HEADS * _HEAD_SIZE * 2
            _report(
                f"attention, {tokens} after {start}, window {window}",
                seconds,
                read,
                2 * sum(seen) * _HEADS * _HEAD_SIZE,
            )


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    sys.stdout.write(f"{backend.describe()}, one thread\n")
    _machine()
    _experts()
    _dense()
    _attention()


if __name__ == "__main__":
    main()
