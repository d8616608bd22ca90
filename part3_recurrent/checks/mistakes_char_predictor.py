"""Known mistakes in CharacterPredictor."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "char_predictor.forward")
backward = partial(mistake, "char_predictor.backward")
generate = partial(mistake, "char_predictor.generate")

READ, PIECES = "self.gru.forward(self.embedding.forward(x), h_0)", "return self.linear.forward(output), h_n"
BACK = "self.gru.backward(self.linear.backward(logits_grad), h_n_grad)"
SCALED = "logits[-1, 0].astype(np.float64) / temperature"
DRAW = "rng.choice(self.vocab_size, p=weights / weights.sum())"
PROMPT, NEXT = "self.forward(np.array(symbols)[:, None])", "self.forward(np.array(symbols[-1:])[:, None], h)"

MISTAKES = (
    forward("char_predictor: h_0 not handed on", (READ, READ.replace(", h_0", "")), says="h_0 has no effect"),
    forward(
        "char_predictor: logits of the last character",
        (PIECES, PIECES.replace("output", "output[-1]")),
        says="only the last character has logits; every one has",
    ),
    forward(
        "char_predictor: the top layer's state",
        (PIECES, PIECES.replace("h_n", "h_n[-1]")),
        says="h_n is that of the top layer alone",
    ),
    backward(
        "char_predictor: h_n_grad not handed on", (BACK, BACK.replace(", h_n_grad", "")), says="h_n_grad has no effect"
    ),
    backward(
        "char_predictor: embedding forgotten",
        ("        self.embedding.backward(embedded_grad)\n", ""),
        says="the gradient does not reach the embedding",
    ),
    backward("char_predictor: returns the characters' gradient", ("return h_0_grad", "return embedded_grad")),
    generate(
        "char_predictor: no temperature",
        (SCALED, SCALED.replace(" / temperature", "")),
        says="temperature has no effect",
    ),
    generate(
        "char_predictor: times the temperature",
        (SCALED, SCALED.replace("/", "*")),
        says="the logits are multiplied by the temperature; divide them",
    ),
    generate(
        "char_predictor: the most probable",
        (DRAW, "weights.argmax()"),
        says="the most probable character is always taken; draw one",
    ),
    generate(
        "char_predictor: all alike",
        (DRAW, "rng.integers(self.vocab_size)"),
        says="all characters are drawn equally often",
    ),
    generate(
        "char_predictor: weights not exponentials", ("np.exp(scaled - scaled.max())", "scaled - scaled.min() + 1e-3")
    ),
    generate("char_predictor: overflow", ("np.exp(scaled - scaled.max())", "np.exp(scaled)")),
    generate(
        "char_predictor: the first logits",
        (SCALED, SCALED.replace("-1, 0", "0, 0")),
        says="the logits after the prompt's first character are taken; those after its last count",
    ),
    generate(
        "char_predictor: the prompt's last character",
        (PROMPT, PROMPT.replace("symbols", "symbols[-1:]")),
        says="of the prompt only the last character is read",
    ),
    generate(
        "char_predictor: state forgotten",
        (NEXT, NEXT.replace(", h)", ")")),
        says="of what was drawn only the last character is read; hand on the state",
    ),
    generate(
        "char_predictor: what is drawn is not read",
        (f"            logits, h = {NEXT}\n", ""),
        says="what is drawn is not read: each character is drawn as the first was",
    ),
    generate("char_predictor: the whole text from the state", (NEXT, NEXT.replace("[-1:]", ""))),
    generate("char_predictor: another generator", (DRAW, DRAW.replace("rng.", "np.random.default_rng()."))),
    generate("char_predictor: the same draw again", (DRAW, DRAW.replace("rng.", "np.random.default_rng(0)."))),
    generate("char_predictor: one character more", ("range(length)", "range(length + 1)")),
    generate(
        "char_predictor: without the prompt",
        ("return np.array(symbols)\n", "return np.array(symbols[len(prompt) :], np.int64)\n"),
    ),
    generate("char_predictor: a list", ("return np.array(symbols)\n", "return symbols\n")),
    generate("char_predictor: int32", ("return np.array(symbols)\n", "return np.array(symbols, np.int32)\n")),
)
