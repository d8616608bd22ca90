"""Checks of part 6 that are not scored: benchmarks, and that known mistakes cost points."""
