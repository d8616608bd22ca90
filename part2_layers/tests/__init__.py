"""The tests of part 2: probes know no answer, oracles know torch's, strategies draw the problems."""
