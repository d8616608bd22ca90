"""Checks of part 5 that are not scored: real use, README examples, and that known mistakes cost points."""
