"""The autograder: what a submission does is found out in one process and judged in another."""
