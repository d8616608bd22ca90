"""The tests of part 3: probes know no answer, oracles know torch's, strategies draw the problems."""
