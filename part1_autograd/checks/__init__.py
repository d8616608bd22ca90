"""Checks of part 1 that are not scored: its benchmarks, pictures and README examples, and that known mistakes cost points."""
