"""The heads stand in the axis of the batch; masks are added to the scores as the lowest number there is."""

LOSES: tuple[str, ...] = ()
