"""Filters row by row over sorted tokens; min-p by a difference of logits."""

LOSES: tuple[str, ...] = ()
