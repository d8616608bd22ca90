"""Known mistakes in beam search."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

candidates = partial(mistake, "beam.candidate_scores")
select = partial(mistake, "beam.select")
better_ended = partial(mistake, "beam.better_ended")
ranked = partial(mistake, "beam.ranked")
step = partial(mistake, "beam.step")

SUM = "return beams.scores[..., None] + torch.where(beams.is_finished[..., None], frozen, log_probs)"
FROZEN = "frozen = torch.zeros_like(log_probs).masked_fill(~is_eos, -math.inf)"
IS_EOS = "is_eos = torch.arange(log_probs.shape[-1], device=log_probs.device) == eos_id"

PENALTY = "penalty = diversity_penalty * times_used[:, None] * ~is_finished[:, members, None]"
BEST = "values, best = (ranks[:, members] - penalty).flatten(1).topk(size)"
APART = "source, token = best // vocab + first, best % vocab"
GOES_ON = "goes_on = values.isfinite() & ~is_finished.gather(1, source)"
COUNT = "times_used.scatter_add_(1, token, goes_on.to(ranks.dtype))"
ONE_OF_EACH = """
values, token = (ranks[:, members] - penalty).max(dim=2)
source = torch.arange(first, first + size, device=ranks.device).expand(batch, -1)
"""
INDENT = "\n        "

BOTH_ENDED = "both = best.beside(beams)"
ENDED_RANKS = "ranks = both.ranks(length_penalty).masked_fill(~both.is_finished, -math.inf)"
PICKED = "return both.pick(ranks.argmax(dim=1, keepdim=True))"
TOOK = """
now = beams.pick(beams.ranks(length_penalty).masked_fill(~beams.is_finished, -math.inf).argmax(dim=1, keepdim=True))
is_new = now.is_finished & now.scores.isfinite()
return Beams(*(torch.where(is_new.reshape(-1, 1, *[1] * (a.ndim - 2)), a, b) for a, b in zip(now, best, strict=True)))
"""
KEPT = TOOK.replace("now.scores.isfinite()", "now.scores.isfinite() & ~best.is_finished")

IS_SAME = "is_same = (beams.tokens == best.tokens).all(dim=2) & beams.scores.isfinite()"
ONCE = "once = best._replace(scores=best.scores.masked_fill(is_same.any(dim=1, keepdim=True), -math.inf))"
ORDER = "order = both.ranks(length_penalty).argsort(dim=1, descending=True, stable=True)"

ROWS = "rows = beams.tokens[:, :scored].flatten(0, 1)"
SCORED = "self.log_probs(rows, filters,"
LENGTHS = "lengths = beams.lengths + ~beams.is_finished"
RANKS = "ranks = candidates / lengths[..., None] ** length_penalty"
CHOSEN = "select(ranks, beams.is_finished, num_groups, diversity_penalty)"
TOLD = "self.score_fn.reorder((each * scored + sources % scored).flatten())"
ENDS = "beams.is_finished[each, sources] | (chosen == self.eos_id)"

BY_SCORE = "ordered by the scores themselves; they must be ordered by rank, score / length**length_penalty"

MISTAKES = (
    candidates(
        "beam search: ended beams go on",
        (SUM, "return beams.scores[..., None] + log_probs"),
        says="a beam that has ended goes on like the others",
    ),
    candidates(
        "beam search: the others are frozen",
        (SUM, SUM.replace("frozen, log_probs", "log_probs, frozen")),
        says="the beams that go on are frozen, and not those that have ended",
    ),
    candidates(
        "beam search: candidates without their beam's score",
        (SUM, SUM.replace("beams.scores[..., None] + ", "")),
        says="the scores of the beams are missing",
    ),
    candidates(
        "beam search: EOS costs after the end",
        (FROZEN, "frozen = log_probs.masked_fill(~is_eos, -math.inf)"),
        says="EOS costs its log-probability after a beam that has ended; it must cost nothing",
    ),
    candidates(
        "beam search: nothing after the end",
        (FROZEN, "frozen = torch.full_like(log_probs, -math.inf)"),
        says="nothing may follow a beam that has ended, not even EOS",
    ),
    candidates(
        "beam search: anything after the end",
        (FROZEN, "frozen = torch.zeros_like(log_probs)"),
        says="tokens other than EOS may follow a beam that has ended",
    ),
    candidates(
        "beam search: token 0 is EOS", (IS_EOS, IS_EOS.replace("eos_id", "0")), says="the token 0 is taken for EOS"
    ),
    candidates(
        "beam search: the last token is EOS",
        (IS_EOS, IS_EOS.replace("eos_id", "log_probs.shape[-1] - 1")),
        says="the last token is taken for EOS",
    ),
    candidates(
        "beam search: log-probabilities subtracted",
        (SUM, SUM.replace("] + torch", "] - torch")),
        (FROZEN, FROZEN.replace("-math", "math")),
        says="log-probabilities are subtracted; they must be added",
    ),
    candidates(
        "beam search: -inf is a large number",
        (FROZEN, FROZEN.replace("-math.inf", "-1e9")),
        says="what may not follow costs -1e9; it must be -inf",
    ),
    candidates(
        "beam search: probabilities added",
        (SUM, SUM.replace("frozen, log_probs", "frozen, log_probs.exp()")),
        says="probabilities are added; their logarithms must be",
    ),
    select(
        "beam search: beam and token mixed up",
        (APART, "token, source = best // vocab + first, best % vocab"),
        (GOES_ON, "goes_on = values.isfinite()"),
        (COUNT, "pass"),
        says="the beam and the token are mixed up",
    ),
    select(
        "beam search: index taken apart by the width",
        (APART, "source, token = best // width + first, best % width"),
        (GOES_ON, "goes_on = values.isfinite()"),
        (COUNT, "pass"),
        says="the index is taken apart by the number of beams; it must be by that of tokens",
    ),
    select(
        "beam search: one candidate of each beam",
        (f"{BEST}  # among (b, size · v){INDENT}{APART}", ONE_OF_EACH.strip().replace("\n", INDENT)),
        says="the best candidate of each beam is taken; one beam may have several",
    ),
    select(
        "beam search: the lowest ranks",
        (BEST, BEST.replace("topk(size)", "topk(size, largest=False)")),
        says="the lowest ranks are taken; the highest are asked for",
    ),
    select(
        "beam search: sources counted in their group",
        ("sources.append(source)", "sources.append(source - first)"),
        says="the beams are counted from their group's first",
    ),
    select(
        "beam search: groups choose from all beams",
        ("members = slice(first, first + size)", "members = slice(0, width)"),
        ("best // vocab + first", "best // vocab"),
        says="groups choose from all beams; each must from its own",
    ),
    select(
        "beam search: no penalty for diversity",
        (PENALTY, "penalty = 0"),
        says="the diversity penalty is missing",
    ),
    select(
        "beam search: the penalty added",
        (BEST, BEST.replace("- penalty", "+ penalty")),
        says="the diversity penalty is added; it must be subtracted",
    ),
    select(
        "beam search: a token penalised once",
        (PENALTY, PENALTY.replace("times_used[", "times_used.clamp(max=1)[")),
        says="a token that several beams chose is penalised once; it must be for each of them",
    ),
    select(
        "beam search: the group before alone",
        (COUNT, f"times_used.zero_(){INDENT}{COUNT}"),
        says="only the group just before counts; all groups before must",
    ),
    select(
        "beam search: ended beams penalised",
        (PENALTY, "penalty = diversity_penalty * times_used[:, None]"),
        says="ended beams are penalised too",
    ),
    select(
        "beam search: ended beams counted",
        (GOES_ON, "goes_on = values.isfinite()"),
        says="ended beams count for the penalty",
    ),
    select("beam search: spare beams counted", (GOES_ON, "goes_on = ~is_finished.gather(1, source)")),
    select(
        "beam search: a token counted once in a group",
        (COUNT, "times_used.scatter_(1, token, times_used.gather(1, token) + goes_on.to(ranks.dtype))"),
        says="a token that several beams chose is penalised once; it must be for each of them",
    ),
    select(
        "beam search: one group always",
        ("size = width // num_groups", "size = width"),
        says="the groups are ignored: all beams choose together",
    ),
    select(
        "beam search: the penalty by the batch",
        (PENALTY, PENALTY.replace("times_used[:, None]", "times_used.sum(0)")),
        says="tokens that other prompts chose are penalised too",
    ),
    better_ended(
        "beam search: the best ended by score",
        (ENDED_RANKS, ENDED_RANKS.replace("both.ranks(length_penalty)", "both.scores")),
        says=f"the ended beams are {BY_SCORE}",
    ),
    better_ended(
        "beam search: the best whether ended or not",
        (ENDED_RANKS, "ranks = both.ranks(length_penalty)"),
        says="a beam that goes on is taken for one that has ended",
    ),
    better_ended(
        "beam search: the best ended forgotten", (BOTH_ENDED, "both = beams"), says="the best one before is forgotten"
    ),
    better_ended(
        "beam search: the first ended kept",
        (PICKED, KEPT.strip().replace("\n", "\n    ")),
        says="the best one before is kept, though a better one has ended",
    ),
    better_ended(
        "beam search: the last ended taken",
        (PICKED, TOOK.strip().replace("\n", "\n    ")),
        says="the best one before is forgotten",
    ),
    better_ended(
        "beam search: the worst ended",
        (ENDED_RANKS, ENDED_RANKS.replace("-math", "math")),
        (PICKED, PICKED.replace("argmax", "argmin")),
        says="the worst of what has ended is taken",
    ),
    better_ended(
        "beam search: the best ended of all prompts",
        (PICKED, "return both.pick((ranks.argmax() % ranks.shape[1]).expand(best.scores.shape))"),
        says="the place of the best of all prompts is taken in each; each has its own best",
    ),
    ranked(
        "beam search: results by score",
        (ORDER, ORDER.replace("both.ranks(length_penalty)", "both.scores")),
        says=f"the results are {BY_SCORE}",
    ),
    ranked(
        "beam search: the worst first",
        (ORDER, "order = both.ranks(length_penalty).nan_to_num(neginf=math.inf).argsort(dim=1, stable=True)"),
        says="the worst comes first",
    ),
    ranked(
        "beam search: the best ended twice",
        (ONCE, "once = best"),
        says="the best ended one is counted twice where it is one of the beams",
    ),
    ranked(
        "beam search: the best ended left out",
        ("beams.beside(once)", "beams.beside(best._replace(scores=best.scores - math.inf))"),
        says="the best ended one is left out where it is none of the beams",
    ),
    ranked(
        "beam search: results as the beams stand",
        (ORDER, "order = torch.arange(both.scores.shape[1]).expand_as(both.scores)"),
        says="the beams come as they stand; sort them, with the best ended one",
    ),
    ranked(
        "beam search: spare beams hide the best ended",
        (IS_SAME, IS_SAME.replace(" & beams.scores.isfinite()", "")),
        says="the best ended one is left out where it is none of the beams",
    ),
    ranked("beam search: one result too many", ("order[:, : beams.scores.shape[1]]", "order")),
    ranked(
        "beam search: the best ended known by its last token",
        (IS_SAME, "is_same = (beams.tokens == best.tokens)[..., -1] & beams.scores.isfinite()"),
        says="the best ended one is left out where a beam has the same last token; all tokens must be the same",
    ),
    ranked(
        "beam search: ranks for scores",
        ("return best_first.tokens, best_first.scores", "return best_first.tokens, best_first.ranks(length_penalty)"),
        says="ranks are returned; scores are asked for",
    ),
    step(
        "beam search: candidates by score",
        (RANKS, "ranks = candidates"),
        says=f"candidates are {BY_SCORE}",
    ),
    step(
        "beam search: no diversity penalty in the step",
        (CHOSEN, "select(ranks, beams.is_finished, num_groups, 0.0)"),
        says="the diversity penalty is ignored",
    ),
    step(
        "beam search: no filters",
        (SCORED, SCORED.replace("filters", "Filters()")),
        says="the filters are ignored: temperature and repetition penalty",
    ),
    step(
        "beam search: lengths without the new token",
        (RANKS, RANKS.replace("lengths[", "beams.lengths.clamp(min=1)[")),
        says="a candidate's length is one too small: the new token counts",
    ),
    step(
        "beam search: ended beams grow",
        (LENGTHS, "lengths = beams.lengths + 1"),
        says="an ended beam grows in length by the EOS that fills it",
    ),
    step(
        "beam search: ranks kept for scores",
        ("candidates[each, sources, chosen]", "ranks[each, sources, chosen]"),
        says="the scores are ranks, divided by the length; they must be sums of log-probabilities",
    ),
    step(
        "beam search: no beam ends",
        (ENDS, "beams.is_finished[each, sources]"),
        says="no beam ends: one that has chosen EOS must",
    ),
    step(
        "beam search: tokens of the old places",
        ("torch.cat([beams.tokens[each, sources]", "torch.cat([beams.tokens"),
        says="the tokens before the last are not those of the beam that is continued",
    ),
    step(
        "beam search: ends of the old places",
        (ENDS, "beams.is_finished | (chosen == self.eos_id)"),
        says="is_finished is not that of the beam that is continued",
    ),
    step(
        "beam search: lengths of the old places",
        ("lengths[each, sources],", "lengths,"),
        says="the length is not that of the beam that is continued",
    ),
    step(
        "beam search: reorder is told places",
        (TOLD, "self.score_fn.reorder(sources.flatten())"),
        says="reorder is told which beam of its prompt a row continues; rows count through the batch",
    ),
    step(
        "beam search: reorder is told too late rows",
        (TOLD, "self.score_fn.reorder((each * width + sources).flatten())"),
        says="reorder is told rows as if every beam had been read",
    ),
    step(
        "beam search: reorder keeps the rows",
        (TOLD, "self.score_fn.reorder(torch.arange(batch * width))"),
        says="reorder is told each row's own number",
    ),
    step("beam search: reorder is not told", (TOLD, "pass"), says="reorder is not told"),
    step(
        "beam search: reorder is told in the first step alone",
        (TOLD, f"scored == 1 and {TOLD}"),
        says="reorder is not told",
    ),
    step("beam search: reorder is a must", ('if hasattr(self.score_fn, "reorder"):', "if True:")),
    step("beam search: all beams are read at once", (ROWS, ROWS.replace(":scored", ":"))),
    step(
        "beam search: beams before prompts",
        (ROWS, "rows = beams.tokens[:, :scored].transpose(0, 1).flatten(0, 1)"),
        says="score_fn's rows are beams first; all beams of the first prompt come first",
    ),
    step(
        "beam search: the rows of a prompt mixed",
        (".reshape(batch, scored, -1).expand", ".reshape(scored, batch, -1).transpose(0, 1).expand"),
    ),
    step(
        "beam search: one group in the step",
        (CHOSEN, "select(ranks, beams.is_finished, 1, diversity_penalty)"),
        says="the groups are ignored: all beams choose together",
    ),
    step(
        "beam search: ended beams penalised in the step",
        (CHOSEN, CHOSEN.replace("beams.is_finished", "torch.zeros_like(beams.is_finished)")),
        says="ended beams are penalised and counted for diversity",
    ),
    step(
        "beam search: scores of the first place", ("candidates[each, sources, chosen]", "candidates[each, 0, chosen]")
    ),
    step(
        "beam search: ended rows must be numbers",
        ("goes_on[:, :scored].flatten()", "torch.ones(batch * scored, dtype=torch.bool)"),
    ),
    step(
        "beam search: the callback's scores change later",
        ("return extended, sources", "beams.scores.sub_(1)\n        return extended, sources"),
    ),
)
