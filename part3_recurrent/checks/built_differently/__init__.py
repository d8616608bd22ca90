"""Right solutions that are built in other ways than the reference: each loses the edge case that it leaves out."""
