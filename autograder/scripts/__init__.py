"""What training scripts, drawings and benchmarks stand on; it knows no part, and exercises never import it."""
