"""A checkpoint in transformers, as a peer opens and runs it; knows nothing of processes or of time."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Literal

Form = Literal["bf16", "mxfp4"]


class TransformersSession:
    """The model in `folder` on the first CUDA device, or else the CPU: experts unpacked to bf16, or as they are packed.

    `longest` is not needed: its cache grows. Raises RuntimeError where transformers would not run it in that form, and what
    transformers raises.
    """

    def __init__(self, folder: str, longest: int, threads: int, *, form: Form) -> None:
        import torch

        transformers: Any = importlib.import_module("transformers")
        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if form == "mxfp4" and self._device == "cpu":
            raise RuntimeError("it runs packed experts on a GPU only")
        how: dict[str, Any] = {}
        if getattr(transformers.AutoConfig.from_pretrained(folder), "quantization_config", None) is not None:
            how["quantization_config"] = transformers.Mxfp4Config(dequantize=form == "bf16")
        if importlib.util.find_spec("accelerate") is not None:  # else it is loaded whole before it is moved
            how["device_map"] = self._device
        load = transformers.AutoModelForCausalLM.from_pretrained
        self._model: Any = load(folder, dtype=torch.bfloat16, **how).to(self._device)
        kept = any("Mxfp4" in type(module).__name__ for module in self._model.modules())
        if kept != (form == "mxfp4"):
            raise RuntimeError("it unpacked the experts: packed ones need the packages kernels and triton")
        self._cache: Any = None

    def prefill(self, ids: list[int]) -> None:
        """Run a prompt anew."""
        self._cache = None
        self._run(ids)

    def step(self, token: int) -> None:
        """Run one more token."""
        self._run([token])

    def _run(self, ids: list[int]) -> None:
        with self._torch.inference_mode():
            input_ids = self._torch.tensor([ids], device=self._device)
            out = self._model(input_ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._cache = out.past_key_values
        self.scores_V = out.logits[0, -1].float().cpu()  # waits for the device, as whoever samples would
