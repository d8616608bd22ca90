"""One method runs every stack of layers, of which those to drop are drawn before the first one runs."""

LOSES: tuple[str, ...] = ()
