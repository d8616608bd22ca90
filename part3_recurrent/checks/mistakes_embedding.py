"""Known mistakes in Embedding."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "embedding.forward")
backward = partial(mistake, "embedding.backward")

ROWS, ADD = "return self.weight[x]", "np.add.at(self.weight_grad, self.x, grad_output)"

MISTAKES = (
    forward(
        "embedding: symbols count from 1",
        (ROWS, "return self.weight[x.astype(np.int64) - 1]"),
        says="each symbol has the row before its own; symbols count from 0",
    ),
    forward(
        "embedding: one-hot vectors for a batch of texts only",
        (ROWS, "return np.einsum('tbv,vd->tbd', np.eye(self.num_embeddings)[x], self.weight)"),
    ),
    forward(
        "embedding: one-hot vectors in float64",
        (ROWS, "return np.eye(self.num_embeddings)[x] @ self.weight"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    backward(
        "embedding: keeps the last gradient",
        (ADD, "self.weight_grad[self.x] += grad_output"),
        says="of the gradients of a repeated symbol only the last is kept; they add up",
    ),
    backward("embedding: adds twice", (ADD, f"{ADD}\n        {ADD}")),
    backward(
        "embedding: overwrites the embedding's",
        (ADD, f"self.weight_grad[...] = 0\n        {ADD}"),
        says="weight_grad is overwritten by a second backward; each backward must add",
    ),
    backward(
        "embedding: replaces the embedding's",
        (ADD, f"self.weight_grad = np.zeros_like(self.weight)\n        {ADD}"),
        says="weight_grad is overwritten by a second backward; each backward must add",
    ),
    backward(
        "embedding: averages over the symbols",
        (ADD, ADD[:-1] + " / max(1, self.x.size))"),
        says="the gradients are averaged over all symbols; only a loss averages",
    ),
    backward(
        "embedding: averages repeated symbols",
        (
            ADD,
            "counts = np.bincount(self.x.ravel(), minlength=self.num_embeddings)[self.x]\n        "
            + ADD[:-1]
            + " / counts[..., None])",
        ),
        says="the gradients of a repeated symbol are averaged; they add up",
    ),
    backward(
        "embedding: only for a line of text",
        (ADD, "for s, g in zip(self.x, grad_output):\n            self.weight_grad[s] += g"),
    ),
)
