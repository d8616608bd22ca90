"""Every head has an attention of its own; the heads are split by slices, and joined and gathered by lists."""

LOSES: tuple[str, ...] = ()
