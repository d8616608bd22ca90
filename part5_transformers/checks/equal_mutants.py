"""Mutants of part 5's reference that mean the same as it does: (file, line, line with the change) → why."""

from __future__ import annotations

DROPS = "return self.training and self.layer_drop_rate > 0 and bool(torch.rand(()) < self.layer_drop_rate)"
NO_WEIGHTS = "weights are computed and thrown away: the same logits, more slowly"
NO_HINT = "the causal mask written out gives the same, more slowly"
AS_MANY = "there are as many caches as layers, since the scorer makes one for each"

EQUAL: dict[tuple[str, str, str], str] = {
    (
        "sublayers.py",
        "if query is key and key is value:",
        "if False:",
    ): "three products with thirds of the matrix give what one product gives",
    (
        "sublayers.py",
        "scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # (b, h, t, s)",
        "scores = q @ k.transpose(-1, 2) / q.shape[-1] ** 0.5  # (b, h, t, s)",
    ): "keys have four axes, of which 2 is -2",
    (
        "transformers.py",
        "x, weights = layer(x, padding, causal, need_weights=return_attention, is_causal=True)",
        "x, weights = layer(x, padding, causal, need_weights=return_attention, is_causal=False)",
    ): NO_HINT,
    (
        "transformers.py",
        "x, encoded, padding, pad_mask, causal, need_weights=return_attention, is_causal=True",
        "x, encoded, padding, pad_mask, causal, need_weights=return_attention, is_causal=False",
    ): NO_HINT,
    (
        "transformers.py",
        DROPS,
        DROPS.replace("self.layer_drop_rate > 0", "(self.layer_drop_rate >= 0)"),
    ): "torch.rand is never below a rate of 0",
    (
        "transformers.py",
        DROPS,
        DROPS.replace("torch.rand(()) < self.layer_drop_rate", "(torch.rand(()) <= self.layer_drop_rate)"),
    ): "torch.rand is exactly the rate once in 16 million times",
    (
        "transformers.py",
        "logits, _ = self.forward(prompts, return_attention=False)",
        "logits, _ = self.forward(prompts, return_attention=True)",
    ): NO_WEIGHTS,
    (
        "transformers.py",
        "for layer, cache in zip(self.dec_layers, caches, strict=True):",
        "for layer, cache in zip(self.dec_layers, caches, strict=False):",
    ): AS_MANY,
    (
        "transformers.py",
        "x, _ = layer(x, attn_mask=causal, need_weights=False, cache=cache, is_causal=offset == 0)",
        "x, _ = layer(x, attn_mask=causal, need_weights=True, cache=cache, is_causal=offset == 0)",
    ): NO_WEIGHTS,
    (
        "transformers.py",
        "logits, _ = self.decode(prompts, encoded, pad_mask=pad_mask, return_attention=False)",
        "logits, _ = self.decode(prompts, encoded, pad_mask=pad_mask, return_attention=True)",
    ): NO_WEIGHTS,
    (
        "transformers.py",
        "for layer, cache, cross_cache in zip(self.dec_layers, caches, cross_caches, strict=True):",
        "for layer, cache, cross_cache in zip(self.dec_layers, caches, cross_caches, strict=False):",
    ): AS_MANY,
    (
        "transformers.py",
        "need_weights=False,",
        "need_weights=True,",
    ): NO_WEIGHTS,
}
