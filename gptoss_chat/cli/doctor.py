"""`gptoss-chat doctor`: what this machine and installation are like, each finding with its remedy."""

from __future__ import annotations

import os
import platform
import shutil
import sys

import typer

from gptoss_chat.text import printable

app = typer.Typer(help="Look at this machine and installation.", invoke_without_command=True)


@app.callback()
def doctor() -> None:
    """Print what was found."""
    import importlib.metadata

    import torch

    from gptoss_chat import catalog
    from gptoss_chat.catalog.memory import fits, machine_memory
    from gptoss_chat.kernels import backend, backend_name
    from gptoss_chat.paths import Paths

    total, available = machine_memory()
    paths = Paths.of_user()
    _say("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    _say("torch", f"{torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    _say("kernels", backend_name(torch.device("cpu")))
    if remedy := backend.remedy():
        _say("", remedy)
    for number, finding in enumerate(_gpus()):
        _say("" if number else "gpu", finding)
    _say("textual", importlib.metadata.version("textual"))
    _say("memory", f"{available / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB")
    for entry in catalog.list_models():
        _say("model", f"{entry.name}: {fits(entry).sentence}")
    for name, folder in (("chats", paths.data), ("settings", paths.config), ("cache", paths.cache)):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        writable = os.access(place, os.W_OK)
        _say(name, str(folder) + ("" if writable else " — can't be written: check its permissions"))
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        _say("terminal", "none here (output is redirected): one-shot prompts with -p work")
    elif term in ("", "dumb"):
        _say("terminal", "dumb: set TERM, or use -p")
    else:
        colour = os.environ.get("COLORTERM", "")
        _say(
            "terminal",
            f"{term}{', true colour' if colour in ('truecolor', '24bit') else ', 256 colours or fewer: COLORTERM is not set'}",
        )


def _gpus() -> list[str]:
    """What can be used of NVIDIA GPUs, one line each; the way to them only where the machine seems to have one."""
    import torch

    from gptoss_chat.kernels import cuda
    from gptoss_chat.model.device import Accelerator, cuda_refusal, look_at

    if (refusal := cuda_refusal()) is not None:
        return [f"none: {refusal.message}", *([refusal.hint] if shutil.which("nvidia-smi") else [])]
    lines = []
    for index in range(torch.cuda.device_count()):
        found = look_at(index)
        if isinstance(found, Accelerator):
            free, total = found.free_bytes / 2**30, found.total_bytes / 2**30
            kernels = cuda.obstacle(found.device) or "Triton kernels."
            lines.append(f"cuda:{index}: {found.name}, {free:.1f} GiB free of {total:.1f} GiB. {kernels}")
        else:
            lines.append(f"cuda:{index}: {found.message}")
    return lines


def _say(name: str, finding: str) -> None:
    print(f"{name:10} {printable(finding)}")
