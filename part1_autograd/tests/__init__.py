"""The tests of part 1: probes know no answer, oracles know torch's, strategies draw the problems."""
