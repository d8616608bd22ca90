"""No derivative is written down: where J = Jᵀ, backward is the imaginary part of forward at x + i·h·g, divided by h."""

LOSES: tuple[str, ...] = ()
