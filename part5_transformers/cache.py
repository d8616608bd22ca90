"""The keys and values that a decoder has computed already, so that the next step computes only its own. Given."""

from __future__ import annotations

from torch import Tensor, cat


class KeyValueCache:
    """Keys and values (b, heads, t, d / heads) of one attention layer.

    `append` is for self-attention, whose keys grow by a step each time; cross-attention's are stored once.
    """

    def __init__(self) -> None:
        self.key: Tensor | None = None
        self.value: Tensor | None = None

    def __len__(self) -> int:
        """How many steps are stored."""
        return 0 if self.key is None else self.key.shape[2]

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of further steps, and give those of all."""
        if self.key is None or self.value is None:
            self.key, self.value = key, value
        else:
            self.key, self.value = cat([self.key, key], dim=2), cat([self.value, value], dim=2)
        return self.key, self.value

    def reorder(self, rows: Tensor) -> None:
        """Row i continues what row rows[i] was, as after a step of beam search."""
        if self.key is not None and self.value is not None:
            self.key, self.value = self.key[rows], self.value[rows]
