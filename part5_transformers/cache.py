"""The keys and values that a decoder has computed already, so that the next step computes only its own. Given."""

from __future__ import annotations

from torch import Tensor, cat


class KeyValueCache:
    """Keys and values (b, heads, t, d / heads) of one attention layer.

    Self-attention's grow by a step each time.  With `complete`, as for cross-attention, the first ones are all there
    will be.
    """

    def __init__(self, complete: bool = False) -> None:
        self.complete = complete
        self.key: Tensor | None = None
        self.value: Tensor | None = None

    def __len__(self) -> int:
        """How many steps are stored."""
        return 0 if self.key is None else self.key.shape[2]

    def missing(self, x: Tensor) -> Tensor:
        """The steps of x (b, t, d) whose keys and values are to be computed."""
        return x[:, :0] if self.complete and len(self) else x

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of further steps, and give those of all."""
        if self.key is None or self.value is None:
            self.key, self.value = key, value
        elif not self.complete:
            self.key, self.value = cat([self.key, key], dim=2), cat([self.value, value], dim=2)
        return self.key, self.value

    def reorder(self, rows: Tensor) -> None:
        """Row i continues what row rows[i] was, as after a step of beam search."""
        if self.key is not None and self.value is not None:
            self.key, self.value = self.key[rows], self.value[rows]
