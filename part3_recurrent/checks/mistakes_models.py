"""What may go wrong in Embedding and in the models."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

look_up = partial(Mistake, exercise="embedding.forward", file="embedding.py")
add_up = partial(Mistake, exercise="embedding.backward", file="embedding.py")
classify = partial(Mistake, exercise="rnn_classifier.forward", file="rnn_classifier.py")
classify_backward = partial(Mistake, exercise="rnn_classifier.backward", file="rnn_classifier.py")
predict = partial(Mistake, exercise="char_predictor.forward", file="char_predictor.py")
predict_backward = partial(Mistake, exercise="char_predictor.backward", file="char_predictor.py")
generate = partial(Mistake, exercise="char_predictor.generate", file="char_predictor.py")
transcribe = partial(Mistake, exercise="gru_ctc.forward", file="gru_ctc.py")
transcribe_backward = partial(Mistake, exercise="gru_ctc.backward", file="gru_ctc.py")

ROWS, ADD = "return self.weight[x]", "np.add.at(self.weight_grad, self.x, grad_output)"
EMBEDDING = (
    look_up("models: a row too far", edits=((ROWS, "return self.weight[(x + 1) % self.num_embeddings]"),)),
    look_up(
        "models: one-hot vectors for a batch of texts only",
        edits=((ROWS, "return np.einsum('tbv,vd->tbd', np.eye(self.num_embeddings)[x], self.weight)"),),
    ),
    look_up(
        "models: one-hot vectors in float64", edits=((ROWS, "return np.eye(self.num_embeddings)[x] @ self.weight"),)
    ),
    add_up("models: keeps the last gradient", edits=((ADD, "self.weight_grad[self.x] += grad_output"),)),
    add_up("models: adds twice", edits=((ADD, f"{ADD}\n        {ADD}"),)),
    add_up("models: overwrites the embedding's", edits=((ADD, f"self.weight_grad[...] = 0\n        {ADD}"),)),
    add_up(
        "models: replaces the embedding's",
        edits=((ADD, f"self.weight_grad = np.zeros_like(self.weight)\n        {ADD}"),),
    ),
    add_up("models: averages over the symbols", edits=((ADD, ADD[:-1] + " / max(1, self.x.size))"),)),
    add_up(
        "models: only for a line of text",
        edits=((ADD, "for s, g in zip(self.x, grad_output):\n            self.weight_grad[s] += g"),),
    ),
)

LOGITS, H_N_GRAD = "return self.linear.forward(h_n[-1])", "h_n_grad[-1] = self.linear.backward(grad_output)"
RNN_BACKWARD = "x_grad, _ = self.rnn.backward(np.zeros_like(self.output), h_n_grad)"
LAST_STEP = """output_grad = np.zeros_like(self.output)
        output_grad[-1] = h_n_grad[-1]
        x_grad, _ = self.rnn.backward(output_grad)"""
RNN_CLASSIFIER = (
    classify("models: the output's last step", edits=((LOGITS, LOGITS.replace("h_n", "self.output")),)),
    classify("models: the bottom layer", edits=((LOGITS, LOGITS.replace("-1", "0")),)),
    classify("models: the average of the states", edits=((LOGITS, LOGITS.replace("h_n[-1]", "h_n.mean(axis=0)")),)),
    classify("models: lengths not handed on", edits=(("forward(x, lengths=lengths)", "forward(x)"),)),
    classify_backward("models: gradient to all layers", edits=((H_N_GRAD, H_N_GRAD.replace("[-1]", "[:]")),)),
    classify_backward("models: gradient to the bottom layer", edits=((H_N_GRAD, H_N_GRAD.replace("[-1]", "[0]")),)),
    classify_backward("models: gradient to the output's last step", edits=((RNN_BACKWARD, LAST_STEP),)),
    classify_backward("models: returns h_0's gradient", edits=(("x_grad, _ = ", "_, x_grad = "),)),
    classify_backward(
        "models: float64 gradients",
        edits=(("h_n_shape, grad_output.dtype", "h_n_shape"), ("return x_grad", "return x_grad.astype(float)")),
    ),
)

READ, PIECES = "self.gru.forward(self.embedding.forward(x), h_0)", "return self.linear.forward(output), h_n"
BACK = "self.gru.backward(self.linear.backward(logits_grad), h_n_grad)"
CHAR_PREDICTOR = (
    predict("models: h_0 not handed on", edits=((READ, READ.replace(", h_0", "")),)),
    predict("models: logits of the last character", edits=((PIECES, PIECES.replace("output", "output[-1]")),)),
    predict("models: the top layer's state", edits=((PIECES, PIECES.replace("h_n", "h_n[-1:]")),)),
    predict_backward("models: h_n_grad not handed on", edits=((BACK, BACK.replace(", h_n_grad", "")),)),
    predict_backward("models: embedding forgotten", edits=(("        self.embedding.backward(embedded_grad)\n", ""),)),
    predict_backward("models: returns the characters' gradient", edits=(("return h_0_grad", "return embedded_grad"),)),
)

SCALED = "logits[-1, 0].astype(np.float64) / temperature"
DRAW = "rng.choice(self.vocab_size, p=weights / weights.sum())"
PROMPT, NEXT = "self.forward(np.array(symbols)[:, None])", "self.forward(np.array(symbols[-1:])[:, None], h)"
GENERATE = (
    generate("models: no temperature", edits=((SCALED, SCALED.replace(" / temperature", "")),)),
    generate("models: times the temperature", edits=((SCALED, SCALED.replace("/", "*")),)),
    generate("models: the most probable", edits=((DRAW, "weights.argmax()"),)),
    generate("models: all alike", edits=((DRAW, "rng.integers(self.vocab_size)"),)),
    generate(
        "models: weights not exponentials", edits=(("np.exp(scaled - scaled.max())", "scaled - scaled.min() + 1e-3"),)
    ),
    generate("models: overflow", edits=(("np.exp(scaled - scaled.max())", "np.exp(scaled)"),)),
    generate("models: the first logits", edits=((SCALED, SCALED.replace("-1, 0", "0, 0")),)),
    generate("models: the prompt's last character", edits=((PROMPT, PROMPT.replace("symbols", "symbols[-1:]")),)),
    generate("models: state forgotten", edits=((NEXT, NEXT.replace(", h)", ")")),)),
    generate("models: what is drawn is not read", edits=((f"            logits, h = {NEXT}\n", ""),)),
    generate("models: the whole text from the state", edits=((NEXT, NEXT.replace("[-1:]", "")),)),
    generate("models: another generator", edits=((DRAW, DRAW.replace("rng.", "np.random.default_rng().")),)),
    generate("models: the same draw again", edits=((DRAW, DRAW.replace("rng.", "np.random.default_rng(0).")),)),
    generate("models: one character more", edits=(("range(length)", "range(length + 1)"),)),
    generate(
        "models: without the prompt",
        edits=(("return np.array(symbols)\n", "return np.array(symbols[len(prompt) :], np.int64)\n"),),
    ),
    generate("models: a list", edits=(("return np.array(symbols)\n", "return symbols\n"),)),
    generate("models: int32", edits=(("return np.array(symbols)\n", "return np.array(symbols, np.int32)\n"),)),
)

LOG_PROBS, TOTAL = "shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))", "np.exp(self.log_probs) * total"
SOFTMAX_BACKWARD = "(p := np.exp(self.log_probs)) * (log_probs_grad - (p * log_probs_grad).sum(axis=-1, keepdims=True))"
GRU_CTC = (
    transcribe("models: logits", edits=((LOG_PROBS, "logits"),)),
    transcribe("models: probabilities", edits=((LOG_PROBS, f"np.exp({LOG_PROBS})"),)),
    transcribe("models: softmax over the batch", edits=(("axis=-1", "axis=1"),)),
    transcribe(
        "models: not shifted", edits=(("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits"),)
    ),
    transcribe(
        "models: log of softmax",
        edits=((LOG_PROBS, "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))"),),
    ),
    transcribe("models: padding read", edits=(("forward(x, lengths=lengths)", "forward(x)"),)),
    transcribe_backward("models: no log-softmax on the way back", edits=((f" - {TOTAL}", ""),)),
    transcribe_backward("models: softmax's gradient", edits=((f"log_probs_grad - {TOTAL}", SOFTMAX_BACKWARD),)),
    transcribe_backward("models: the total is taken for -1", edits=((f"- {TOTAL}", "+ np.exp(self.log_probs)"),)),
    transcribe_backward("models: log-probabilities for probabilities", edits=((TOTAL, "self.log_probs * total"),)),
    transcribe_backward("models: no gradient of x", edits=(("return x_grad", "return np.zeros_like(x_grad)"),)),
)

MISTAKES = (*EMBEDDING, *RNN_CLASSIFIER, *CHAR_PREDICTOR, *GENERATE, *GRU_CTC)
