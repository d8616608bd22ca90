"""Checks of part 4 that are not scored: benchmarks, pictures, README examples, and that known mistakes cost points."""
