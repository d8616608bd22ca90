"""Known mistakes in the logit filters."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

repetition = partial(mistake, "filters.repetition_penalty")
temperature = partial(mistake, "filters.temperature")
top_k = partial(mistake, "filters.top_k")
top_p = partial(mistake, "filters.top_p")
min_p = partial(mistake, "filters.min_p")

PENALIZED = "torch.where(logits > 0, logits / penalty, logits * penalty)"
USED = "torch.zeros_like(logits, dtype=torch.bool).scatter(-1, sequences, True)"
RETURNED = "torch.where(is_used, penalized, logits)"
TIMES = "torch.stack([torch.bincount(s, minlength=logits.shape[-1]) for s in sequences])"
EACH_TIME = f"logits * (penalty ** {TIMES}.to(logits)) ** torch.where(logits > 0, -1, 1)"
SORTED = "logits.argsort(dim=-1, descending=True, stable=True)"
LAST_FIRST = "logits.flip(-1).argsort(dim=-1, descending=True, stable=True).mul(-1).add(logits.shape[-1] - 1)"
ORDER = "logits.argsort(dim=-1, descending=True, stable=True)\n    return"
SCATTERED = "logits.scatter(-1, order[..., k:], -math.inf)"
LIKELIER = "functional.pad(cumulative[..., :-1], (1, 0))"
CUMULATIVE = "logits.softmax(dim=-1).gather(-1, order).cumsum(dim=-1)"
LEAST = "min_p * probabilities.amax(dim=-1, keepdim=True)"
DROPPED = "logits.masked_fill(is_dropped, -math.inf)"
RARE = "logits.masked_fill(probabilities < least, -math.inf)"
IN_PLACE = "the logits that were given are changed in place; the result must be a new tensor"

MISTAKES = (
    repetition(
        "filters: penalty divides all",
        (PENALIZED, "logits / penalty"),
        says="negative logits are divided too, which makes them more likely",
    ),
    repetition(
        "filters: penalty the other way round",
        (PENALIZED, "torch.where(logits > 0, logits * penalty, logits / penalty)"),
        says="positive logits are multiplied and negative ones divided; it must be the other way round",
    ),
    repetition(
        "filters: penalty each time",
        (
            RETURNED,
            EACH_TIME,
        ),
        says="a token is penalised each time it occurs; it must be once",
    ),
    repetition(
        "filters: penalty for every token",
        (RETURNED, "penalized"),
        says="every token is penalised; only those of the row must be",
    ),
    repetition(
        "filters: penalty for the tokens of all rows",
        (RETURNED, "torch.where(is_used.any(dim=0), penalized, logits)"),
        says="tokens of other rows are penalised too",
    ),
    repetition(
        "filters: penalty for what was not used",
        (RETURNED, "torch.where(is_used, logits, penalized)"),
        says="tokens that the row does not have are penalised; it must be those that it has",
    ),
    repetition(
        "filters: penalty subtracted",
        (PENALIZED, "logits - penalty"),
        says="the penalty is subtracted; it must divide or multiply",
    ),
    repetition(
        "filters: penalty for the last token",
        (USED, USED.replace("sequences", "sequences[:, -1:]")),
        says="only the last token of each row is penalised",
    ),
    repetition("filters: penalty in place", (RETURNED, f"logits.copy_({RETURNED})"), says=IN_PLACE),
    repetition(
        "filters: penalty makes nan of what is impossible",
        (PENALIZED, f"{PENALIZED} + 0 * logits"),
        says="what was -inf is nan, as 0 · -inf and -inf + inf are",
    ),
    temperature(
        "filters: temperature multiplies",
        ("return logits / temperature", "return logits * temperature"),
        says="the logits are multiplied by the temperature; they must be divided",
    ),
    temperature(
        "filters: temperature gives probabilities",
        ("return logits / temperature", "return (logits / temperature).softmax(dim=-1)"),
        says="these are probabilities; logits are asked for",
    ),
    temperature(
        "filters: temperature in place",
        ("return logits / temperature", "return logits.div_(temperature)"),
        says=IN_PLACE,
    ),
    temperature(
        "filters: temperature forgotten",
        ("return logits / temperature", "return logits"),
        says="logits is logits, unchanged",
    ),
    top_k(
        "filters: one more than k",
        (SCATTERED, SCATTERED.replace("k:", "k + 1 :")),
        says="one token too many is kept; k must stay",
    ),
    top_k(
        "filters: one fewer than k",
        (SCATTERED, SCATTERED.replace("k:", "k - 1 :")),
        says="one token too few is kept; k must stay",
    ),
    top_k(
        "filters: the k smallest",
        (ORDER, ORDER.replace("descending=True, ", "")),
        says="the k smallest are kept; it must be the largest",
    ),
    top_k(
        "filters: the k largest dropped",
        (SCATTERED, SCATTERED.replace("k:", ":k")),
        says="the k largest are dropped; they must be kept",
    ),
    top_k(
        "filters: k of the whole batch",
        (SCATTERED, "logits.masked_fill(logits < logits.flatten().sort(descending=True).values[k - 1], -math.inf)"),
        says="the bound is that of the whole batch; each row must have its own",
    ),
    top_k(
        "filters: top k makes zeros",
        (SCATTERED, SCATTERED.replace("-math.inf", "0.0")),
        says="what is dropped is 0; it must be -inf",
    ),
    top_k(
        "filters: equal logits all stay",
        (SCATTERED, "logits.masked_fill(logits < logits.topk(min(k, logits.shape[-1])).values[..., -1:], -math.inf)"),
        says="all logits equal to the k-th largest are kept; exactly k must stay",
    ),
    top_k(
        "filters: of equal logits the last stay",
        (ORDER, ORDER.replace(SORTED, LAST_FIRST)),
        says="of equal logits the last are kept; it must be the first",
    ),
    top_k("filters: top k in place", (SCATTERED, SCATTERED.replace("scatter", "scatter_")), says=IN_PLACE),
    top_k("filters: no large k", (SCATTERED, f"{SCATTERED} if logits.topk(k) else logits")),
    top_p(
        "filters: the crossing token dropped",
        (LIKELIER, "cumulative"),
        says="the token that crosses p is dropped; it must stay",
    ),
    top_p(
        "filters: one more than crosses",
        (LIKELIER, "functional.pad(cumulative[..., :-1], (2, 0))[..., :-1]"),
        says="one token more than the one that crosses p is kept",
    ),
    top_p(
        "filters: the least likely reach p",
        ("descending=True, stable=True)\n    cumulative", "stable=True)\n    cumulative"),
        says="the least likely tokens are kept, until they reach p",
    ),
    top_p(
        "filters: tokens less likely than p",
        (DROPPED, "logits.masked_fill(logits.softmax(dim=-1) < p, -math.inf)"),
        says="tokens less likely than p are dropped; what counts is the sum of all that are likelier",
    ),
    top_p(
        "filters: added in the order of the tokens",
        (CUMULATIVE, "logits.softmax(dim=-1).cumsum(dim=-1)"),
        (".scatter(-1, order, likelier >= p)", " | (likelier >= p)"),
        says="probabilities are added in the order of the tokens; it must be from the likeliest on",
    ),
    top_p(
        "filters: top p makes zeros",
        (DROPPED, DROPPED.replace("-math.inf", "0.0")),
        says="what is dropped is 0; it must be -inf",
    ),
    top_p(
        "filters: the order not undone",
        (".scatter(-1, order, likelier >= p)", " | (likelier >= p)"),
        says="places in the sorted order are taken for tokens: the order is not undone",
    ),
    top_p(
        "filters: logits added, not probabilities",
        (CUMULATIVE, "logits.gather(-1, order).cumsum(dim=-1)"),
        says="logits are added up; probabilities must be",
    ),
    top_p(
        "filters: of equal probabilities the last stay",
        (f"{SORTED}\n    c", f"{LAST_FIRST}\n    c"),
        says="of equal probabilities the last are kept; it must be the first",
    ),
    top_p("filters: top p in place", (DROPPED, DROPPED.replace("fill", "fill_")), says=IN_PLACE),
    min_p(
        "filters: min p itself",
        (LEAST, "min_p"),
        says="the bound is min_p itself; it must be min_p times the largest probability",
    ),
    min_p(
        "filters: likely tokens dropped",
        (RARE, RARE.replace("<", ">=")),
        says="what is less likely than the bound is kept, and the rest dropped",
    ),
    min_p(
        "filters: min p of the batch's likeliest",
        (LEAST, "min_p * probabilities.amax()"),
        says="the bound is that of the likeliest token of the whole batch; each row must have its own",
    ),
    min_p(
        "filters: min p of logits",
        (RARE, "logits.masked_fill(logits < min_p * logits.amax(dim=-1, keepdim=True), -math.inf)"),
        says="logits are compared; probabilities must be",
    ),
    min_p(
        "filters: min p makes zeros",
        (RARE, RARE.replace("-math.inf", "0.0")),
        says="what is dropped is 0; it must be -inf",
    ),
    min_p(
        "filters: the bound dropped",
        (RARE, RARE.replace("<", "<=")),
        says="what is just as likely as the bound is dropped; it must stay",
    ),
    min_p("filters: min p in place", (RARE, RARE.replace("fill", "fill_")), says=IN_PLACE),
)
