"""Nothing is kept but the inputs: backward computes all else once more, as gradient checkpointing does.

attention_weights is a property.
"""

LOSES: tuple[str, ...] = ()
