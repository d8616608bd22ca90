"""Mutants of part 6's reference that mean the same as it does: (file, line, line with the change) → why."""

from __future__ import annotations

SAME_ORDER = "torch sorts in a stable way on the CPU, whether asked to or not"
TWO_AXES = "logits have two axes, of which 1 is the last"

EQUAL: dict[tuple[str, str, str], str] = {
    (
        "logit_filters.py",
        "order = logits.argsort(dim=-1, descending=True, stable=True)",
        "order = logits.argsort(dim=-1, descending=True, stable=False)",
    ): SAME_ORDER,
    (
        "logit_filters.py",
        "return logits.scatter(-1, order[..., k:], -math.inf)",
        "return logits.scatter(1, order[..., k:], -math.inf)",
    ): TWO_AXES,
    (
        "logit_filters.py",
        "order = logits.argsort(dim=-1, descending=True, stable=True)",
        "order = logits.argsort(dim=1, descending=True, stable=True)",
    ): TWO_AXES,
    (
        "logit_filters.py",
        "cumulative = logits.softmax(dim=-1).gather(-1, order).cumsum(dim=-1)",
        "cumulative = logits.softmax(dim=-1).gather(-1, order).cumsum(dim=1)",
    ): TWO_AXES,
    (
        "logit_filters.py",
        "least = min_p * probabilities.amax(dim=-1, keepdim=True)",
        "least = min_p * probabilities.amax(dim=1, keepdim=True)",
    ): TWO_AXES,
    ("sequence_generator.py", "return logits.log_softmax(dim=-1)", "return logits.log_softmax(dim=1)"): TWO_AXES,
    (
        "sequence_generator.py",
        "return torch.multinomial(log_probs.exp(), 1, generator=generator)[:, 0]",
        "return torch.multinomial(log_probs.exp(), 2, generator=generator)[:, 0]",
    ): "the first of two tokens that are drawn without putting back is one that is drawn alone",
    (
        "ctc_decoding.py",
        "ranks, best = beam.ranks().sort(descending=True, stable=True)",
        "ranks, best = beam.ranks().sort(descending=True, stable=False)",
    ): SAME_ORDER,
}
