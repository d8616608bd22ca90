"""Right solutions that are built in other ways than the reference. Each names the edge cases that it leaves out."""
