"""What may go wrong in Embedding and in the models."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

look_up = partial(mistake, "embedding.forward")
add_up = partial(mistake, "embedding.backward")
classify = partial(mistake, "rnn_classifier.forward")
classify_backward = partial(mistake, "rnn_classifier.backward")
predict = partial(mistake, "char_predictor.forward")
predict_backward = partial(mistake, "char_predictor.backward")
generate = partial(mistake, "char_predictor.generate")
transcribe = partial(mistake, "gru_ctc.forward")
transcribe_backward = partial(mistake, "gru_ctc.backward")

ROWS, ADD = "return self.weight[x]", "np.add.at(self.weight_grad, self.x, grad_output)"
EMBEDDING = (
    look_up("models: a row too far", (ROWS, "return self.weight[(x + 1) % self.num_embeddings]")),
    look_up(
        "models: one-hot vectors for a batch of texts only",
        (ROWS, "return np.einsum('tbv,vd->tbd', np.eye(self.num_embeddings)[x], self.weight)"),
    ),
    look_up(
        "models: one-hot vectors in float64",
        (ROWS, "return np.eye(self.num_embeddings)[x] @ self.weight"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    add_up(
        "models: keeps the last gradient",
        (ADD, "self.weight_grad[self.x] += grad_output"),
        says="of the gradients of a repeated symbol only the last is kept; they add up",
    ),
    add_up("models: adds twice", (ADD, f"{ADD}\n        {ADD}")),
    add_up(
        "models: overwrites the embedding's",
        (ADD, f"self.weight_grad[...] = 0\n        {ADD}"),
        says="weight_grad is overwritten by a second backward; each backward must add",
    ),
    add_up(
        "models: replaces the embedding's",
        (ADD, f"self.weight_grad = np.zeros_like(self.weight)\n        {ADD}"),
        says="weight_grad is overwritten by a second backward; each backward must add",
    ),
    add_up(
        "models: averages over the symbols",
        (ADD, ADD[:-1] + " / max(1, self.x.size))"),
        says="the gradients are averaged over all symbols; only a loss averages",
    ),
    add_up(
        "models: only for a line of text",
        (ADD, "for s, g in zip(self.x, grad_output):\n            self.weight_grad[s] += g"),
    ),
)

LOGITS, H_N_GRAD = "return self.linear.forward(h_n[-1])", "h_n_grad[-1] = self.linear.backward(grad_output)"
RNN_BACKWARD = "x_grad, _ = self.rnn.backward(np.zeros_like(self.output), h_n_grad)"
LAST_STEP = """output_grad = np.zeros_like(self.output)
        output_grad[-1] = h_n_grad[-1]
        x_grad, _ = self.rnn.backward(output_grad)"""
RNN_CLASSIFIER = (
    classify(
        "models: the output's last step",
        (LOGITS, LOGITS.replace("h_n", "self.output")),
        says="the Linear reads the output at the last time step, which is zero for a sequence that ended before",
    ),
    classify(
        "models: the bottom layer",
        (LOGITS, LOGITS.replace("-1", "0")),
        says="the Linear reads the bottom layer's last state; it reads the top layer's",
    ),
    classify("models: the average of the states", (LOGITS, LOGITS.replace("h_n[-1]", "h_n.mean(axis=0)"))),
    classify(
        "models: lengths not handed on",
        ("forward(x, lengths=lengths)", "forward(x)"),
        says="lengths has no effect: the padding is read too",
    ),
    classify_backward("models: gradient to all layers", (H_N_GRAD, H_N_GRAD.replace("[-1]", "[:]"))),
    classify_backward("models: gradient to the bottom layer", (H_N_GRAD, H_N_GRAD.replace("[-1]", "[0]"))),
    classify_backward("models: gradient to the output's last step", (RNN_BACKWARD, LAST_STEP)),
    classify_backward("models: returns h_0's gradient", ("x_grad, _ = ", "_, x_grad = ")),
    classify_backward(
        "models: float64 gradients",
        ("h_n_shape, grad_output.dtype", "h_n_shape"),
        ("return x_grad", "return x_grad.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
)

READ, PIECES = "self.gru.forward(self.embedding.forward(x), h_0)", "return self.linear.forward(output), h_n"
BACK = "self.gru.backward(self.linear.backward(logits_grad), h_n_grad)"
CHAR_PREDICTOR = (
    predict("models: h_0 not handed on", (READ, READ.replace(", h_0", "")), says="h_0 has no effect"),
    predict(
        "models: logits of the last character",
        (PIECES, PIECES.replace("output", "output[-1]")),
        says="only the last character has logits; every one has",
    ),
    predict("models: the top layer's state", (PIECES, PIECES.replace("h_n", "h_n[-1:]"))),
    predict_backward(
        "models: h_n_grad not handed on", (BACK, BACK.replace(", h_n_grad", "")), says="h_n_grad has no effect"
    ),
    predict_backward(
        "models: embedding forgotten",
        ("        self.embedding.backward(embedded_grad)\n", ""),
        says="the gradient does not reach the embedding",
    ),
    predict_backward("models: returns the characters' gradient", ("return h_0_grad", "return embedded_grad")),
)

SCALED = "logits[-1, 0].astype(np.float64) / temperature"
DRAW = "rng.choice(self.vocab_size, p=weights / weights.sum())"
PROMPT, NEXT = "self.forward(np.array(symbols)[:, None])", "self.forward(np.array(symbols[-1:])[:, None], h)"
GENERATE = (
    generate("models: no temperature", (SCALED, SCALED.replace(" / temperature", ""))),
    generate("models: times the temperature", (SCALED, SCALED.replace("/", "*"))),
    generate(
        "models: the most probable",
        (DRAW, "weights.argmax()"),
        says="the most probable character is always taken; draw one",
    ),
    generate("models: all alike", (DRAW, "rng.integers(self.vocab_size)")),
    generate("models: weights not exponentials", ("np.exp(scaled - scaled.max())", "scaled - scaled.min() + 1e-3")),
    generate("models: overflow", ("np.exp(scaled - scaled.max())", "np.exp(scaled)")),
    generate("models: the first logits", (SCALED, SCALED.replace("-1, 0", "0, 0"))),
    generate(
        "models: the prompt's last character",
        (PROMPT, PROMPT.replace("symbols", "symbols[-1:]")),
        says="of the prompt only the last character is read",
    ),
    generate(
        "models: state forgotten",
        (NEXT, NEXT.replace(", h)", ")")),
        says="of what was drawn only the last character is read; hand on the state",
    ),
    generate(
        "models: what is drawn is not read",
        (f"            logits, h = {NEXT}\n", ""),
        says="what is drawn is not read: each character is drawn as the first was",
    ),
    generate("models: the whole text from the state", (NEXT, NEXT.replace("[-1:]", ""))),
    generate("models: another generator", (DRAW, DRAW.replace("rng.", "np.random.default_rng()."))),
    generate("models: the same draw again", (DRAW, DRAW.replace("rng.", "np.random.default_rng(0)."))),
    generate("models: one character more", ("range(length)", "range(length + 1)")),
    generate(
        "models: without the prompt",
        ("return np.array(symbols)\n", "return np.array(symbols[len(prompt) :], np.int64)\n"),
    ),
    generate("models: a list", ("return np.array(symbols)\n", "return symbols\n")),
    generate("models: int32", ("return np.array(symbols)\n", "return np.array(symbols, np.int32)\n")),
)

LOG_PROBS, TOTAL = "shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))", "np.exp(self.log_probs) * total"
SOFTMAX_BACKWARD = "(p := np.exp(self.log_probs)) * (log_probs_grad - (p * log_probs_grad).sum(axis=-1, keepdims=True))"
GRU_CTC = (
    transcribe("models: logits", (LOG_PROBS, "logits"), says="log softmax is missing: these are the logits"),
    transcribe(
        "models: probabilities",
        (LOG_PROBS, f"np.exp({LOG_PROBS})"),
        says="the logarithm is missing: these are probabilities",
    ),
    transcribe(
        "models: softmax over the batch",
        ("axis=-1", "axis=1"),
        says="the softmax runs over the batch; the classes are the last axis",
    ),
    transcribe("models: not shifted", ("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits")),
    transcribe(
        "models: log of softmax", (LOG_PROBS, "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))")
    ),
    transcribe(
        "models: padding read",
        ("forward(x, lengths=lengths)", "forward(x)"),
        says="lengths has no effect: the padding is read too",
    ),
    transcribe_backward(
        "models: no log-softmax on the way back",
        (f" - {TOTAL}", ""),
        says="backward leaves the log-softmax out: the Linear gets g as it is",
    ),
    transcribe_backward(
        "models: softmax's gradient",
        (f"log_probs_grad - {TOTAL}", SOFTMAX_BACKWARD),
        says="the gradient is that of softmax, p (g - Σ g p); of its logarithm it is g - p Σ g",
    ),
    transcribe_backward("models: the total is taken for -1", (f"- {TOTAL}", "+ np.exp(self.log_probs)")),
    transcribe_backward("models: log-probabilities for probabilities", (TOTAL, "self.log_probs * total")),
    transcribe_backward(
        "models: no gradient of x", ("return x_grad", "return np.zeros_like(x_grad)"), says="x_grad is zero everywhere"
    ),
)

MISTAKES = (*EMBEDDING, *RNN_CLASSIFIER, *CHAR_PREDICTOR, *GENERATE, *GRU_CTC)
