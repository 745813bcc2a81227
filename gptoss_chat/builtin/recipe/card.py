"""Writes the model card and its picture of the routing from what was measured. Knows nothing of how it was measured."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from gptoss_chat.builtin.recipe.corpus import SKILLS
from gptoss_chat.builtin.recipe.evaluate import Figures
from gptoss_chat.model.spec import ModelSpec

_CELL, _ROW, _LEFT, _TOP = 13, 13, 84, 34

_TARGETS = {"arithmetic": 0.95, "conversion": 0.95, "decline": 0.95}
_TARGET = 0.90


def heat_map(by_skill_SLE: Tensor) -> str:
    """SVG text: one panel a layer, one row a skill, one column an expert, darker where more tokens go."""
    skills, layers, experts = by_skill_SLE.shape
    columns = 2
    width, height = experts * _CELL + _LEFT + 20, skills * _ROW + _TOP + 10
    total = (width * columns, height * ((layers + columns - 1) // columns))
    top = float(by_skill_SLE.max())
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" font-family="sans-serif" font-size="10">',
        f'<rect width="{total[0]}" height="{total[1]}" fill="white"/>',
    ]
    for layer in range(layers):
        x, y = layer % columns * width, layer // columns * height
        out.append(
            f'<text x="{x + _LEFT}" y="{y + 22}">layer {layer}: share of tokens by expert 0 to {experts - 1}</text>'
        )
        for row, skill in enumerate(SKILLS):
            at = y + _TOP + row * _ROW
            out.append(f'<text x="{x + _LEFT - 6}" y="{at + 10}" text-anchor="end">{skill}</text>')
            for expert, share in enumerate(by_skill_SLE[row, layer].tolist()):
                out.append(
                    f'<rect x="{x + _LEFT + expert * _CELL}" y="{at}" width="{_CELL - 1}" height="{_ROW - 1}" '
                    f'fill="#0b4f9e" fill-opacity="{share / top:.2f}"><title>{share:.1%}</title></rect>'
                )
    return "\n".join([*out, "</svg>", ""])


def model_card(figures: Figures, spec: ModelSpec, *, minutes: float, steps: int, file_bytes: int) -> str:
    """MODEL_CARD.md: what the model is, what it can do as measured, and what it can't."""
    rows = [
        f"| {skill} | {figures.counts[skill]} | {share:.1%} | {_TARGETS.get(skill, _TARGET):.0%} |"
        for skill, share in figures.exact.items()
    ]
    loads = [
        f"| {layer} | {load:.2%} | {bits:.3f} |"
        for layer, (load, bits) in enumerate(zip(figures.least_load, figures.divergence, strict=True))
    ]
    missed = [skill for skill, share in figures.exact.items() if share < _TARGETS.get(skill, _TARGET)]
    verdict = (
        f"Below target: {', '.join(missed)}. Answers of these skills are not to be relied on; a longer run is the remedy."
        if missed
        else "Every target is met."
    )
    return "\n".join(
        [
            "# The built-in model",
            "",
            "A small model of the gpt-oss architecture, trained from nothing on conversations that the code beside it writes.",
            "It is there so that the app answers at once, with no download, and so that every part of the architecture is in",
            "use. It is made to say so when a question is outside its narrow field; how well it does either is measured below.",
            "",
            f"{spec.layers} layers, alternating a window of {spec.window} tokens and full attention, hidden size {spec.hidden},",
            f"{spec.q_heads} query and {spec.kv_heads} key-value heads of {spec.head_dim}, learned sinks, YaRN rotary embedding,",
            f"{spec.experts} experts a layer of which {spec.experts_per_token} are used, {spec.vocab} tokens, {spec.context_limit}",
            f"positions; {spec.parameters / 1e6:.1f} million parameters in {file_bytes / 1e6:.1f} MB. The experts are MXFP4 and",
            "were trained that way (quantised in every forward pass); the rest is bfloat16, rounded in training too.",
            "",
            f"Trained for {minutes:.0f} minutes on 2 CPU cores ({steps} updates), by `python -m gptoss_chat.builtin.recipe --out DIR`.",
            "",
            "## Measured",
            "",
            "Prompts of the held-out split, which training never saw; greedy; right only if the final text is equal to the",
            f"expected one, letter for letter. {verdict}",
            "",
            "| skill | prompts | exact | target |",
            "|---|---|---|---|",
            *rows,
            "",
            "`decline` is the honest answer to out-of-domain prompts; its held-out prompts share no filler with training.",
            "",
            "## Routing",
            "",
            "Smallest share of a layer's tokens that any of its experts gets (target 0.5 %), and how much the routing differs",
            "from skill to skill (Jensen-Shannon divergence; 0 bits would be no difference).",
            "",
            "| layer | least used expert | divergence, bits |",
            "|---|---|---|",
            *loads,
            "",
            "![Share of tokens by skill, layer and expert](routing_by_skill.svg)",
            "",
        ]
    )


def write_card(folder: Path, figures: Figures, *, minutes: float, steps: int) -> None:
    """Writes MODEL_CARD.md and routing_by_skill.svg beside the model."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    card = model_card(figures, ModelSpec.read(folder), minutes=minutes, steps=steps, file_bytes=size)
    (folder / "routing_by_skill.svg").write_text(heat_map(figures.by_skill_SLE), encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
