"""`gptoss-chat bench`: how fast a model runs on this machine; it measures through the same engine as the chat."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from gptoss_chat.errors import UsageError
from gptoss_chat.paths import Paths, private_folder

app = typer.Typer(help="Measure load time, prompt and decode speed, and memory.", invoke_without_command=True)


@dataclass(frozen=True, slots=True)
class Result:
    """One run. Speeds in tokens a second; memory is the peak resident set, mapped weights included."""

    model: str
    backend: str
    threads: int
    load_s: float
    prompt_tokens: int
    prompt_tokens_per_s: float
    decode_tokens: int
    decode_tokens_per_s: float
    peak_memory_gib: float


@app.callback()
def bench(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="As for the chat.")] = None,
    synthetic: Annotated[
        str | None,
        typer.Option(
            help="Random weights of a real size: 20b or 120b. Written to the cache folder, kept for the next run."
        ),
    ] = None,
    prompt_tokens: Annotated[int, typer.Option(min=1, max=100_000)] = 64,
    decode_tokens: Annotated[int, typer.Option(min=1, max=10_000)] = 16,
    keep: Annotated[bool, typer.Option(help="Keep the synthetic checkpoint.")] = True,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure a model on this machine."""
    from gptoss_chat import catalog
    from gptoss_chat.settings import load_settings

    if model and synthetic:
        raise UsageError("--model and --synthetic exclude each other.", "Choose one.")
    paths = Paths.of_user()
    if synthetic:
        name, folder = f"synthetic {synthetic}", _synthetic(paths, synthetic)
    else:
        entry = catalog.find(model, load_settings(paths))
        name, folder = entry.name, entry.folder
    try:
        result = measure(name, folder, prompt_tokens, decode_tokens)
    finally:
        if synthetic and not keep:
            _remove(folder)
    if json_:
        print(json.dumps(asdict(result)))
        return
    print(f"{result.model} · {result.backend} · {result.threads} threads")
    print(f"load    {result.load_s:9.2f} s")
    print(f"prompt  {result.prompt_tokens_per_s:9.1f} tokens/s over {result.prompt_tokens} tokens")
    print(f"decode  {result.decode_tokens_per_s:9.1f} tokens/s over {result.decode_tokens} tokens")
    print(f"memory  {result.peak_memory_gib:9.2f} GiB at the peak, mapped weights included")


def measure(name: str, folder: Path, prompt_tokens: int, decode_tokens: int) -> Result:
    """Load the checkpoint in `folder`, prefill random tokens, decode greedily, and report. Raises CheckpointError."""
    import random

    import torch

    from gptoss_chat.engine.engine import Engine
    from gptoss_chat.engine.types import Finished, GenerateRequest, SamplingParams
    from gptoss_chat.model.checkpoint import load_model

    began_s = time.monotonic()
    model = load_model(folder)
    load_s = time.monotonic() - began_s
    engine = Engine(model, cache_bytes=max(2**28, 2 * (prompt_tokens + decode_tokens) * model.kv_bytes_per_token))
    try:
        rng = random.Random(0)
        prompt = tuple(rng.randrange(min(model.spec.vocab, 199_000)) for _ in range(prompt_tokens))
        sampling = SamplingParams(temperature=0.0, max_tokens=decode_tokens, seed=0)
        generation = engine.submit(GenerateRequest(prompt, sampling))
        finished: Finished | None = None
        while finished is None:
            generation.wait()
            finished = next((event for event in generation.drain() if isinstance(event, Finished)), None)
        if finished.error is not None:
            raise finished.error
        usage = finished.usage
        return Result(
            model=name,
            backend=engine.backend,
            threads=torch.get_num_threads(),
            load_s=load_s,
            prompt_tokens=usage.prefilled_tokens,
            prompt_tokens_per_s=usage.prefilled_tokens / usage.prefill_s,
            decode_tokens=usage.generated_tokens,
            decode_tokens_per_s=usage.decode_tokens_per_s,
            peak_memory_gib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30,
        )
    finally:
        engine.close()


def _synthetic(paths: Paths, size: str) -> Path:
    from gptoss_chat.model.synthetic import write_synthetic

    folder = private_folder(paths.cache) / f"synthetic-{size}"
    if not (folder / "config.json").exists():
        print(f"Writing random weights of the {size}'s size to {folder} ...", file=sys.stderr)
        write_synthetic(folder, size)
    return folder


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
