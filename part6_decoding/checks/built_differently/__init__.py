"""Right solutions that are built in other ways than the reference; each leaves out an edge case."""
