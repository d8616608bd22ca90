"""Small changes to the reference that mean the same as it does: (file, line, line with the change) → why.

`python -m autograder.authoring.mutants part2` leaves them out.
"""

ROWS = "# a row for every index of the axes before the last"

EQUAL: dict[tuple[str, str, str], str] = {
    (
        "conv2d.py",
        "p, q = ((length - k) // s + 1 for length, k, s in zip(shape[2:], kernel_size, stride, strict=True))",
        "p, q = ((length - k) // s + 1 for length, k, s in zip(shape[2:], kernel_size, stride, strict=False))",
    ): "All three have two entries: forward has checked x's axes, and the others are pairs.",
    (
        "dropout.py",
        "if self.training and self.p > 0:",
        "if self.training and (self.p >= 0):",
    ): "With p = 0 every number is kept, with the factor 1; how much is drawn for that is not promised.",
    (
        "dropout.py",
        "keeps = self.rng.random(x.shape) >= self.p",
        "keeps = (self.rng.random(x.shape) > self.p)",
    ): "A number that is drawn equals p with a chance of 2⁻⁵³ at most, and never 1; p = 0 does not come here.",
    (
        "dropout.py",
        "self.scale = keeps * x.dtype.type(0 if self.p == 1 else 1 / (1 - self.p))",
        "self.scale = keeps * x.dtype.type(1 if self.p == 1 else 1 / (1 - self.p))",
    ): "With p = 1 nothing is kept, since all that is drawn lies below 1; any factor will do.",
    (
        "linear.py",
        f"x_rows = self.x.reshape(-1, self.in_features)  {ROWS}",
        f"x_rows = self.x.reshape(-2, self.in_features)  {ROWS}",
    ): "NumPy takes any negative length for the one that it has to find.",
    (
        "linear.py",
        "grad_rows = grad_output.reshape(-1, self.out_features)",
        "grad_rows = grad_output.reshape(-2, self.out_features)",
    ): "NumPy takes any negative length for the one that it has to find.",
    (
        "loss.py",
        "surprise = np.where(self.q == 0, 0, -self.log_probs)  # 0 · ∞ = 0: a class may be impossible",
        "surprise = np.where(self.q == 0, 1, -self.log_probs)  # 0 · ∞ = 0: a class may be impossible",
    ): "Where q is 0 any finite number will do: it is multiplied by q.",
    (
        "optim.py",
        "if self.weight_decay:",
        "if True:",
    ): "A weight decay of 0 adds 0 · w to the gradient, which is 0 for any number.",
    (
        "optim.py",
        "if self.momentum:",
        "if True:",
    ): "With a momentum of 0 each step is the gradient's either way; that no buffer is kept then is not promised.",
    (
        "optim.py",
        "if scale < 1:",
        "if (scale <= 1):",
    ): "Where the scale is 1, to multiply by it changes nothing.",
}
