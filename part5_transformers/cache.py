"""The keys and values that a decoder has computed already, so that the next step computes only its own. Given."""

from __future__ import annotations

from torch import Tensor


class KeyValueCache:
    """Keys and values (b, heads, t, d / heads) of one attention layer.

    Self-attention's grow by a step each time.  With `complete`, as for cross-attention, the first ones are all there
    will be.  They are written in place, into room for twice as many steps as there were when it was made.
    """

    def __init__(self, complete: bool = False) -> None:
        self.complete = complete
        self.steps = 0
        self.stored: Tensor | None = None  # (b, 2, heads, room, d / heads): keys, then values

    def __len__(self) -> int:
        """Count the stored steps."""
        return self.steps

    def missing(self, x: Tensor) -> Tensor:
        """Return the steps of x (b, t, d) whose keys and values are to be computed."""
        return x[:, :0] if self.complete and len(self) else x

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of further steps, and return those of all, which reorder changes."""
        start, end = self.steps, self.steps + key.shape[2]
        stored = self.stored
        if stored is None or (end > stored.shape[3] and not self.complete):
            batch, heads, _, features = key.shape
            stored = key.new_empty(batch, 2, heads, end if self.complete else 2 * end, features)
            if self.stored is not None:
                stored[..., :start, :] = self.stored[..., :start, :]
            self.stored = stored
        if not (self.complete and start):
            stored[:, 0, :, start:end], stored[:, 1, :, start:end] = key, value
            self.steps = end
        return stored[:, 0, :, : self.steps], stored[:, 1, :, : self.steps]

    def reorder(self, rows: Tensor, start: int = 0) -> None:
        """Let row i continue what row rows[i] was, as after a step of beam search; before `start` both are the same."""
        if self.stored is None:
            return
        if start == 0:
            self.stored = self.stored.index_select(0, rows)
        else:
            differing = self.stored[..., start : self.steps, :]
            differing.copy_(differing.index_select(0, rows))
