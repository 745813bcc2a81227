"""Runs a model through llama.cpp or ik_llama.cpp (a GGUF) or transformers (the checkpoint), where installed, as a `Runner`.

A peer lives in a process of its own, so that its memory and its threads are its own, and does one job at a time on demand:
runs of several programs can take turns on a machine whose speed drifts.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import multiprocessing
import random
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from gptoss_chat.bench.peer_transformers import Form, TransformersSession
from gptoss_chat.errors import UsageError

_BATCH = 512
_TOKENS = 50_000
"""Random ids are drawn below this: every GGUF of the model has as many."""


class _Session(Protocol):
    """An opened model of a peer: `prefill` starts anew, `step` adds a token; both return when the scores are there."""

    def prefill(self, ids: list[int]) -> None: ...

    def step(self, token: int) -> None: ...


class _LlamaCpp:
    """llama-cpp-python (package llama_cpp)."""

    def __init__(self, path: str, longest: int, threads: int) -> None:
        self._llama: Any = importlib.import_module("llama_cpp").Llama(
            path, n_ctx=longest, n_batch=_BATCH, n_threads=threads, n_threads_batch=threads, verbose=False
        )

    def prefill(self, ids: list[int]) -> None:
        self._llama.reset()
        self._llama.eval(ids)

    def step(self, token: int) -> None:
        self._llama.eval([token])


class _IkLlamaCpp:
    """ik-llama-cpp-python (package ik_llama_cpp), through the parts its own `generate` is made of."""

    def __init__(self, path: str, longest: int, threads: int) -> None:
        self._internals: Any = importlib.import_module("ik_llama_cpp._internals")
        package: Any = importlib.import_module("ik_llama_cpp")
        self._llama: Any = package.IkLlama(path, n_ctx=longest, n_threads=threads, verbose=False)
        self._context: Any = self._llama._context  # freed when its owner is
        self._length = 0

    def _decode(self, batch: Any) -> None:
        code = self._context.decode(batch)
        self._internals.C.llama_batch_free(batch)
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code}")
        self._context.get_logits(-1)

    def prefill(self, ids: list[int]) -> None:
        self._context.kv_cache_clear()
        for start in range(0, len(ids), _BATCH):
            part = ids[start : start + _BATCH]
            last = start + len(part) == len(ids)
            self._decode(self._internals.make_batch_range(part, pos_start=start, logits_last=last))
        self._length = len(ids)

    def step(self, token: int) -> None:
        self._decode(self._internals.make_batch_single(token, self._length))
        self._length += 1


_GGUF_PEERS: dict[str, Callable[[str, int, int], _Session]] = {"llama_cpp": _LlamaCpp, "ik_llama_cpp": _IkLlamaCpp}
_FORMS: dict[str, Form] = {"transformers bf16": "bf16", "transformers mxfp4": "mxfp4"}
_PEERS: dict[str, Callable[[str, int, int], _Session]] = {
    **_GGUF_PEERS,
    **{name: functools.partial(TransformersSession, form=form) for name, form in _FORMS.items()},
}


def installed() -> list[str]:
    """Packages of peers for a GGUF that can be imported here."""
    return [package for package in _GGUF_PEERS if importlib.util.find_spec(package) is not None]


def transformers_peer(form: str) -> str:
    """The peer that runs the checkpoint itself, its experts in that form. Raises UsageError."""
    name = f"transformers {form}"
    if name not in _FORMS:
        raise UsageError(f"transformers runs no form '{form}' of the experts.", "Use bf16 or mxfp4.")
    if importlib.util.find_spec("transformers") is None:
        raise UsageError("transformers is not installed.", "pip install transformers accelerate")
    return name


class PeerRunner:
    """A GGUF, or a checkpoint's folder, in a child process. Raises UsageError when the peer can't open it."""

    def __init__(self, package: str, path: Path, *, longest: int, threads: int) -> None:
        self.name = package
        if not path.is_file() and package not in _FORMS:
            raise UsageError(f"There is no file {path}.", "Give --compare the path of a GGUF file.")
        context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, package, str(path), longest, threads), daemon=True)
        self._process.start()
        theirs.close()
        self.load_s = self._answer()

    def _answer(self) -> float:
        try:
            kind, value = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise UsageError(
                f"{self.name} ended with code {self._process.exitcode}.", "Try the model with it on its own."
            ) from None
        if kind == "error":
            raise UsageError(f"{self.name} could not run this model: {value}", "Try it with that program on its own.")
        return float(value)

    def prompt_s(self, tokens: int) -> float:
        """See Runner."""
        self._pipe.send(("prompt", tokens, 0))
        return self._answer()

    def decode_s(self, depth: int, tokens: int) -> float:
        """See Runner."""
        self._pipe.send(("decode", max(1, depth), tokens))
        return self._answer()

    def peak_memory_bytes(self) -> int:
        """See Runner; of the peer's process."""
        self._pipe.send(("memory", 0, 0))
        return int(self._answer())

    def close(self) -> None:
        """See Runner."""
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection, package: str, path: str, longest: int, threads: int) -> None:
    """The child: opens the model, then does what is asked until it is terminated."""
    try:
        began = time.perf_counter()
        session = _PEERS[package](path, longest, threads)
        pipe.send(("done", time.perf_counter() - began))
        rng, standing = random.Random(1), -1
        while True:
            job, length, tokens = pipe.recv()
            if job == "memory":
                pipe.send(("done", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
                continue
            began = time.perf_counter()
            # A second run at a depth goes on where the first one ended, a few tokens deeper: a new prefill costs minutes.
            if job == "prompt" or standing != length:
                session.prefill([rng.randrange(_TOKENS) for _ in range(length)])
            standing = length if job == "decode" else -1
            if job == "decode":
                began = time.perf_counter()
                for _ in range(tokens):
                    session.step(rng.randrange(_TOKENS))
            pipe.send(("done", time.perf_counter() - began))
    except (
        ImportError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # told to the parent, which makes a sentence of it
        pipe.send(("error", str(error)))
