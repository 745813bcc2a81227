"""`gptoss-chat bench`: how fast a model runs on this machine, against the machine's limits and against peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss_chat.errors import UsageError
from gptoss_chat.paths import Paths, private_folder

if TYPE_CHECKING:
    from gptoss_chat.bench.work import Figure
    from gptoss_chat.settings import Settings

app = typer.Typer(help="Measure load time, prompt and decode speed, and memory.", invoke_without_command=True)


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
    hollow: Annotated[
        bool,
        typer.Option(
            "--hollow",
            help="With --synthetic, leave the experts' weights out: zeros, which take no disk. Shows whether memory suffices and "
            "how long the arithmetic takes, not how long a disk takes to bring the experts of a model that exceeds memory.",
        ),
    ] = False,
    prompt_tokens: Annotated[
        list[int] | None, typer.Option(min=2, max=100_000, help="Length of a prompt to time (repeatable; default 64).")
    ] = None,
    depth: Annotated[
        list[int] | None,
        typer.Option(min=0, max=100_000, help="Tokens that stand before the decoded ones (repeatable; default 0)."),
    ] = None,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill",
            help="Put random keys and values before the decoded tokens: great depths without a prefill (not for peers).",
        ),
    ] = False,
    decode_tokens: Annotated[int, typer.Option(min=1, max=10_000, help="Tokens to decode at each depth.")] = 16,
    repeats: Annotated[
        int, typer.Option(min=1, max=100, help="Runs of each figure; those that take minutes are run once.")
    ] = 3,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Threads to use; default: torch's own choice.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="A GGUF file to run in turns through llama-cpp-python and ik-llama-cpp-python, where installed."
        ),
    ] = None,
    transformers: Annotated[
        list[str] | None,
        typer.Option(
            help="Run the checkpoint itself in turns through transformers, too: bf16 (experts unpacked) or mxfp4 (repeatable)."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="As for the chat; auto leaves small models to the CPU.")
    ] = None,
    gpu_memory: Annotated[str | None, typer.Option("--gpu-memory", help="As for the chat, such as 12GiB.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep the synthetic checkpoint.")] = True,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure a model on this machine."""
    from gptoss_chat import catalog
    from gptoss_chat.cli.options import on_device
    from gptoss_chat.settings import load_settings

    if model and synthetic:
        raise UsageError("--model and --synthetic exclude each other.", "Choose one.")
    if hollow and not synthetic:
        raise UsageError("--hollow is for synthetic weights.", "Add --synthetic 120b.")
    paths = Paths.of_user()
    settings = on_device(load_settings(paths), device, gpu_memory)
    if synthetic:
        name = f"synthetic {synthetic}, hollow experts" if hollow else f"synthetic {synthetic}"
        folder = _synthetic(paths, synthetic, hollow=hollow)
    else:
        entry = catalog.find(model, settings)
        name, folder = entry.name, entry.folder
    say: Callable[[str], None] = (lambda _line: None) if json_ else print
    try:
        report = _measure(
            name,
            folder,
            settings,
            prompt_tokens or [64],
            depth or [0],
            fill,
            decode_tokens,
            repeats,
            threads,
            compare,
            transformers or [],
            say,
        )
    finally:
        if synthetic and not keep:
            _remove(folder)
    if json_:
        print(json.dumps(report))


def _measure(
    name: str,
    folder: Path,
    settings: Settings,
    prompts: list[int],
    depths: list[int],
    fill: bool,
    decode_tokens: int,
    repeats: int,
    threads: int | None,
    gguf: Path | None,
    forms: list[str],
    say: Callable[[str], None],
) -> dict[str, object]:
    """Run everything and say each figure as it comes; the whole as data. Raises CheckpointError and UsageError."""
    import torch

    from gptoss_chat.bench import machine, peers
    from gptoss_chat.bench.runner import OwnRunner, Runner
    from gptoss_chat.bench.work import Job, run
    from gptoss_chat.model.spec import ModelSpec
    from gptoss_chat.model.target import find_target

    if threads is not None:
        torch.set_num_threads(threads)
    longest = max(*prompts, *depths) + decode_tokens * (repeats + 1) + 2
    packages = peers.installed() if gguf is not None else []
    if gguf is not None and not packages:
        raise UsageError(
            "No peer is installed to run the GGUF.", "pip install llama-cpp-python or ik-llama-cpp-python."
        )
    of_checkpoint = [peers.transformers_peer(form) for form in forms]
    limits = machine.probe(torch.get_num_threads())
    spec = ModelSpec.read(folder)
    cache_bytes = max(1 << 28, 2 * (longest + 64) * spec.kv_bytes_per_token)
    limit = settings.gpu_memory_gib
    target = find_target(
        spec,
        settings.device,
        cache_bytes=cache_bytes,
        memory_bytes=None if limit is None else int(limit * 2**30),
    )
    if target is not None:
        limits = replace(limits, device=machine.probe_device(target.device))
    with ExitStack() as stack:
        own = OwnRunner(name, folder, longest=longest, target=target, fill=fill)
        stack.callback(own.close)
        others: list[Runner] = []
        files = [(package, gguf) for package in packages] if gguf is not None else []
        for package, path in [*files, *((peer, folder) for peer in of_checkpoint)]:
            others.append(peers.PeerRunner(package, path, longest=longest, threads=limits.threads))
            stack.callback(others[-1].close)
        say(f"{own.name} · {own.backend} · {limits.threads} threads")
        say(
            f"this machine reads {limits.bandwidth_bytes_per_s / 1e9:.1f} GB/s and computes "
            f"{limits.float32_ops_per_s / 1e9:.0f} G float32 operations/s"
        )
        if limits.device is not None:
            say(
                f"its GPU reads {limits.device.bandwidth_bytes_per_s / 1e9:.0f} GB/s, takes "
                f"{limits.device.upload_bytes_per_s / 1e9:.1f} GB/s and computes "
                f"{limits.device.bf16_ops_per_s / 1e12:.0f} T bf16 operations/s"
            )
        for runner in (own, *others):
            say(f"load    {runner.load_s:9.2f} s            {_who(runner.name, others)}")
        jobs = [Job("prompt", tokens) for tokens in prompts] + [Job("decode", decode_tokens, at) for at in depths]
        figures = run(
            own, others, jobs, limits, repeats=repeats, report=lambda figure: say(_line(figure, bool(others)))
        )
        memory = {runner.name: runner.peak_memory_bytes() for runner in (own, *others)}
        for runner in (own, *others):
            size = memory[runner.name] / 2**30
            say(f"memory  {size:9.2f} GiB at the peak, mapped weights included  {_who(runner.name, others)}")
        if device_bytes := own.peak_device_bytes():
            say(f"memory  {device_bytes / 2**30:9.2f} GiB at the peak, of the GPU")
        return {
            "model": own.name,
            "backend": own.backend,
            "device": str(own.model.device or "cpu"),
            "peak_device_bytes": device_bytes,
            "machine": asdict(limits),
            "load_s": {runner.name: runner.load_s for runner in (own, *others)},
            "figures": [asdict(figure) for figure in figures],
            "peak_memory_bytes": memory,
        }


def _who(name: str, others: object) -> str:
    return name if others else ""


def _line(figure: Figure, several: bool) -> str:
    job = figure.job
    what = f"over {job.tokens} tokens" if job.kind == "prompt" else f"after {job.depth} tokens"
    spread = f" ({figure.lowest:.1f} to {figure.highest:.1f})" if figure.repeats > 1 else ""
    limit = ""
    if figure.of_limit is not None:
        of = "of the arithmetic" if job.kind == "prompt" else "of the bandwidth"
        limit = f", {figure.of_limit:.0%} {of}"
    if figure.bytes_per_token is not None:
        limit += f", {figure.bytes_per_token / 1e6:,.1f} MB a token"
    who = f"  {figure.runner}" if several else ""
    return f"{job.kind:7} {figure.tokens_per_s:9.1f} tokens/s {what}{spread}{limit}{who}"


def _synthetic(paths: Paths, size: str, *, hollow: bool) -> Path:
    from gptoss_chat.model.synthetic import write_synthetic

    folder = private_folder(paths.cache) / (f"synthetic-{size}-hollow" if hollow else f"synthetic-{size}")
    if not (folder / "config.json").exists():
        print(f"Writing random weights of the {size}'s size to {folder} ...", file=sys.stderr)
        write_synthetic(folder, size, hollow=hollow)
    return folder


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
