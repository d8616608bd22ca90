"""For those who write parts: regions of a solution, the stubs made from them, drift between the two, a new exercise."""
