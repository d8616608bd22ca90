"""Right solutions that are built differently: each loses only the edge cases that it names."""
