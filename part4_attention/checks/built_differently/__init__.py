"""Right solutions that are built differently, but for an edge case that each leaves out."""
