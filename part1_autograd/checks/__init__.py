"""Checks of part 1 that are not scored: the reference's benchmarks, its pictures, the README's examples."""
