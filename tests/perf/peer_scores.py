"""Scores of every token from llama.cpp or ik_llama.cpp, where installed, in this process; it knows nothing of what they mean.

T tokens, V vocabulary.
"""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptoss_chat.errors import UsageError

_BINDINGS = {"llama_cpp": "llama_cpp.llama_cpp", "ik_llama_cpp": "ik_llama_cpp._ctypes_api"}
_PIP = {"llama_cpp": "llama-cpp-python", "ik_llama_cpp": "ik-llama-cpp-python"}
_F32 = 0  # ggml's number of the type
_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_SILENT = _LOG(lambda level, text, data: None)


class PeerScores:
    """A GGUF without vocabulary, opened by a peer.

    The cache of keys and values and attention are the peer's defaults (float16, fused) or, with `exact_cache`, the most exact
    that it runs: not fused, and float32 in llama.cpp (ik_llama.cpp refuses that or, fused, aborts). Raises UsageError where the
    package is missing or does not open the file.
    """

    def __init__(self, package: str, path: Path, longest: int, vocab: int, *, exact_cache: bool) -> None:
        if package not in _BINDINGS:
            raise UsageError(f"There is no peer {package!r}.", f"Known: {', '.join(_BINDINGS)}.")
        try:
            self._api: Any = importlib.import_module(_BINDINGS[package])
        except ImportError:
            raise UsageError(f"The package {package} is not installed.", f"pip install {_PIP[package]}") from None
        api, self._vocab = self._api, vocab
        api._lib.llama_log_set(_SILENT, None)
        api.llama_backend_init()
        self._model = api.llama_model_load_from_file(str(path).encode(), api.llama_model_default_params())
        if not self._model:
            raise UsageError(f"{package} does not open {path}.")
        params = api.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = longest
        params.n_threads = params.n_threads_batch = torch.get_num_threads()
        if exact_cache and package == "llama_cpp":
            params.type_k = params.type_v = _F32
            params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        elif exact_cache:
            params.flash_attn = False
        self._context = api.llama_init_from_model(self._model, params)
        if not self._context:
            raise UsageError(f"{package} can't run {path} with this cache.")

    def logits(self, ids: list[int]) -> Tensor:
        """float32 [T, V] after each of the ids, which are the whole sequence."""
        api = self._api
        if hasattr(api, "llama_kv_cache_clear"):
            api.llama_kv_cache_clear(self._context)
        else:
            api.llama_memory_clear(api.llama_get_memory(self._context), True)
        batch = api.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for place, token in enumerate(ids):
            batch.token[place], batch.pos[place], batch.logits[place] = token, place, 1
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
        code = api.llama_decode(self._context, batch)
        api.llama_batch_free(batch)
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code}")
        rows = [api.llama_get_logits_ith(self._context, place) for place in range(len(ids))]
        return torch.from_numpy(np.stack([np.ctypeslib.as_array(row, (self._vocab,)) for row in rows]))

    def close(self) -> None:
        """Free the model."""
        self._api.llama_free(self._context)
        self._api.llama_free_model(self._model)
