"""Known mistakes in SequenceGenerator and in post_process_sequence, but for beam search."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

log_probs = partial(mistake, "generator.log_probs")
extend = partial(mistake, "generator.extend")
greedy = partial(mistake, "generator.greedy")
sample = partial(mistake, "generator.sample")
post_process = partial(mistake, "generator.post_process")

PENALTY = "        logits = apply_repetition_penalty(logits, tokens, filters.repeat_penalty)\n"
TEMPERATURE = "        logits = apply_temperature(logits, filters.temperature)\n"
TOP_K = "        logits = filter_top_k(logits, filters.top_k)\n"
TOP_P = "        logits = filter_top_p(logits, filters.top_p)\n"
MIN_P = "        logits = filter_min_p(logits, filters.min_p)\n"
LOG_SOFTMAX = "return logits.log_softmax(dim=-1)"
SCORED_ROWS = "log_probs = self.log_probs(tokens, filters, ~is_finished)"
GAINED = "gained = log_probs.gather(1, chosen[:, None])[:, 0]"
SCORED = "            scores = torch.where(is_finished, scores, scores + gained)\n"
CHOSEN, FILLED = "choose(log_probs)", ".masked_fill(is_finished, self.eos_id)"
ENDED = "            is_finished = is_finished | (chosen == self.eos_id)\n"
BEGUN = "is_finished = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)"
ARGMAX, OF_GREEDY = "log_probs.argmax(dim=-1)", "Filters(repeat_penalty, temperature), callback"
OF_SAMPLES = "filters = Filters(repeat_penalty, temperature, top_k, top_p, min_p)"
DRAWN, HANDED_ON = (
    "torch.multinomial(log_probs.exp(), 1, generator=generator)[:, 0]",
    "self.extend(x, draw, filters, callback)",
)
FILTERED = "filter_min_p(filter_top_p(filter_top_k(log_probs / temperature, top_k), top_p), min_p).softmax(dim=-1)"
CUT = "sequence[: int(ends[0, 0]) + 1] if len(ends) else sequence"

MISTAKES = (
    # log_probs
    *(
        log_probs(f"generator: without {name}", (line, ""), says=f"{name} has no effect")
        for name, line in {
            "repeat_penalty": PENALTY,
            "temperature": TEMPERATURE,
            "top_k": TOP_K,
            "top_p": TOP_P,
            "min_p": MIN_P,
        }.items()
    ),
    log_probs(
        "generator: penalty after top-k",
        (PENALTY, ""),
        (TOP_K, TOP_K + PENALTY),
        says="repeat_penalty comes after top_k; it comes first",
    ),
    log_probs(
        "generator: temperature after top-p",
        (TEMPERATURE, ""),
        (TOP_P, TOP_P + TEMPERATURE),
        says="temperature comes after top_p; it comes before top_k",
    ),
    log_probs(
        "generator: temperature last",
        (TEMPERATURE, ""),
        (MIN_P, MIN_P + TEMPERATURE),
        says="temperature comes last; it comes before top_k",
    ),
    log_probs(
        "generator: top-p before top-k", (TOP_K + TOP_P, TOP_P + TOP_K), says="top_p comes before top_k; it comes after"
    ),
    log_probs(
        "generator: min-p before top-p", (TOP_P + MIN_P, MIN_P + TOP_P), says="min_p comes before top_p; it comes after"
    ),
    log_probs(
        "generator: probabilities",
        (LOG_SOFTMAX, "return logits.softmax(dim=-1)"),
        says="these are probabilities; their logarithms are asked for",
    ),
    log_probs(
        "generator: logits",
        (LOG_SOFTMAX, "return logits"),
        says="these are filtered logits; log_softmax is missing",
    ),
    log_probs(
        "generator: softmax over rows",
        (LOG_SOFTMAX, "return logits.log_softmax(dim=0)"),
        says="log_softmax goes along the rows; it must go along the tokens",
    ),
    log_probs(
        "generator: log-softmax before the filters",
        (PENALTY, f"        logits = logits.log_softmax(dim=-1)\n{PENALTY}"),
        (LOG_SOFTMAX, "return logits"),
        says="log_softmax comes before the filters; it comes last",
    ),
    log_probs(
        "generator: penalty for the last token",
        ("(logits, tokens, filters.repeat_penalty)", "(logits, tokens[:, -1:], filters.repeat_penalty)"),
        says="repeat_penalty sees the last token only; it concerns all tokens of the row",
    ),
    log_probs(
        "generator: asked twice",
        (PENALTY, f"        logits = self.score_fn(tokens)\n{PENALTY}"),
        says="score_fn is called twice",
    ),
    log_probs("generator: float32", (LOG_SOFTMAX, "return logits.float().log_softmax(dim=-1)")),
    # extend
    extend(
        "generator: the score goes on",
        (SCORED, "            scores = scores + gained\n"),
        says="the score of a row that has ended goes on changing",
    ),
    extend(
        "generator: EOS does not count",
        (SCORED, ""),
        (ENDED, ENDED + SCORED),
        says="the EOS that ends a row is missing from its score",
    ),
    extend(
        "generator: the last score",
        (SCORED, SCORED.replace("scores + gained", "gained")),
        says="the scores are those of the last token; they add up",
    ),
    extend(
        "generator: scores of the likeliest",
        (GAINED, "gained = log_probs.amax(dim=1)"),
        says="the scores are those of the likeliest token; the chosen one counts",
    ),
    extend(
        "generator: ended rows are not filled",
        (FILLED, ""),
        says="a row that has ended gets what is chosen for it; it must get EOS",
    ),
    extend(
        "generator: EOS in the prompt ends at once",
        (BEGUN, "is_finished = (tokens == self.eos_id).any(dim=1)"),
        says="a row with EOS in its prompt is taken as ended; a new EOS ends it",
    ),
    extend(
        "generator: EOS in the prompt ends",
        (ENDED, "            is_finished = (tokens == self.eos_id).any(dim=1)\n"),
        says="a row with EOS in its prompt ends after one token; a new EOS ends it",
    ),
    extend(
        "generator: without filters",
        (SCORED_ROWS, SCORED_ROWS.replace("filters", "Filters()")),
        says="the filters have no effect",
    ),
    extend(
        "generator: ended rows are asked about, others not",
        (SCORED_ROWS, SCORED_ROWS.replace("~is_finished", "is_finished")),
        says="log_probs is told which rows have ended; it must be told which go on",
    ),
    extend(
        "generator: all rows are asked about",
        (SCORED_ROWS, SCORED_ROWS.replace("~is_finished", "torch.ones_like(is_finished)")),
    ),
    extend("generator: no row ends", (ENDED, ""), says="no row ends: one that gets EOS must"),
    extend(
        "generator: all rows end with the first",
        (ENDED, ENDED + "            is_finished = is_finished | is_finished.any()\n"),
        says="all rows end with the first that does; each has its own end",
    ),
    extend(
        "generator: the token comes first",
        ("torch.cat([tokens, chosen[:, None]], dim=1)", "torch.cat([chosen[:, None], tokens], dim=1)"),
        says="the new token is put before the others; it comes after them",
    ),
    extend(
        "generator: the likeliest is chosen",
        (CHOSEN, "log_probs.argmax(dim=-1)"),
        says="choose is not asked: the likeliest token is taken",
    ),
    extend(
        "generator: probabilities are added",
        (SCORED, SCORED.replace("scores + gained", "scores + gained.exp()")),
        says="probabilities are added up; their logarithms must be",
    ),
    extend(
        "generator: the last token is read alone",
        (SCORED_ROWS, SCORED_ROWS.replace("tokens", "tokens[:, -1:]")),
        says="log_probs gets the last token only; it needs all of the row",
    ),
    extend(
        "generator: asked once more after the end",
        ("        return tokens, scores\n", "        self.score_fn(tokens)\n        return tokens, scores\n"),
        says="score_fn is called once more after the last step",
    ),
    extend(
        "generator: one token more",
        ("while tokens.shape[1] < self.max_length", "while tokens.shape[1] <= self.max_length"),
        says="there is one token more than max_length allows",
    ),
    # generate_greedy
    greedy(
        "generator: the least likely",
        (ARGMAX, "log_probs.argmin(dim=-1)"),
        says="the least likely token is taken; take the likeliest",
    ),
    greedy("generator: greedy draws", (ARGMAX, "torch.multinomial(log_probs.exp(), 1)[:, 0]")),
    greedy(
        "generator: greedy without the penalty",
        (OF_GREEDY, "Filters(1.0, temperature), callback"),
        says="repeat_penalty has no effect",
    ),
    greedy(
        "generator: greedy without the temperature",
        (OF_GREEDY, "Filters(repeat_penalty), callback"),
        says="temperature has no effect",
    ),
    greedy(
        "generator: settings exchanged",
        (OF_GREEDY, "Filters(temperature, repeat_penalty), callback"),
        says="temperature and repeat_penalty are exchanged",
    ),
    greedy(
        "generator: greedy without the callback",
        (OF_GREEDY, "Filters(repeat_penalty, temperature)"),
        says="the callback sees no step: it is not handed on",
    ),
    greedy(
        "generator: greedy records gradients",
        ("    @torch.no_grad()\n    def generate_greedy", "    def generate_greedy"),
        says="gradients are recorded: torch.no_grad is missing",
    ),
    # generate_sample
    sample(
        "generator: the likeliest is sampled",
        (DRAWN, ARGMAX),
        says="the likeliest token is always taken; draw one",
    ),
    sample(
        "generator: drawn evenly",
        (DRAWN, "torch.multinomial(log_probs.exp().clamp(min=0, max=1) * 0 + 1, 1, generator=generator)[:, 0]"),
        says="all tokens are drawn equally often",
    ),
    *(
        sample(
            f"generator: samples without {name}",
            (OF_SAMPLES, OF_SAMPLES.replace(name, neutral)),
            says=f"{name} has no effect",
        )
        for name, neutral in {
            "repeat_penalty": "1.0",
            "temperature": "1.0",
            "top_k": "0",
            "top_p": "1.0",
            "min_p": "0.0",
        }.items()
    ),
    sample(
        "generator: drawn by log-probabilities", (DRAWN, DRAWN.replace("log_probs.exp()", "-log_probs.clamp(min=-9)"))
    ),
    sample(
        "generator: torch's own generator",
        (DRAWN, DRAWN.replace("generator=generator", "generator=None")),
        says="the seed has no effect on what is drawn",
    ),
    sample(
        "generator: torch's own generator is seeded",
        (
            DRAWN,
            DRAWN.replace(
                "generator=generator", "generator=torch.manual_seed(generator.initial_seed()) if generator else None"
            ),
        ),
    ),
    sample(
        "generator: always the same seed",
        (DRAWN, DRAWN.replace("generator=generator", "generator=torch.Generator().manual_seed(0)")),
    ),
    sample(
        "generator: one draw for all rows",
        (DRAWN, f"{DRAWN}[:1].expand(len(log_probs))"),
        says="all rows get the same tokens; each must draw its own",
    ),
    sample(
        "generator: samples without the callback",
        (HANDED_ON, "self.extend(x, draw, filters)"),
        says="the callback sees no step: it is not handed on",
    ),
    sample(
        "generator: filtered where it is drawn",
        (OF_SAMPLES, "filters = Filters(repeat_penalty)"),
        (DRAWN, DRAWN.replace("log_probs.exp()", FILTERED)),
        says="the scores are those before temperature, top_k, top_p and min_p",
    ),
    # post_process_sequence
    post_process("generator: EOS is cut off", (CUT, CUT.replace(" + 1", "")), says="EOS itself is missing; it stays"),
    post_process(
        "generator: cut after the last EOS",
        (CUT, CUT.replace("ends[0, 0]", "ends[-1, 0]")),
        says="the row is cut after its last EOS; cut after the first",
    ),
    post_process("generator: not cut", (CUT, "sequence"), says="the row is not cut after EOS"),
    post_process(
        "generator: EOS taken out",
        (CUT, "sequence[sequence != tokenizer.eos_id]"),
        says="every EOS is taken out; what follows the first goes too",
    ),
    post_process(
        "generator: without EOS nothing is left",
        (CUT, CUT.replace("else sequence", "else sequence[:0]")),
        says="a row without EOS is lost; it stays whole",
    ),
    post_process(
        "generator: a row of several", ("if sequence.ndim == 2:", "if sequence.ndim == 2 and len(sequence) > 2:")
    ),
)
