"""The ground of training scripts, drawings and benchmarks; it knows no part, and exercises never import it."""
