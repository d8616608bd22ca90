"""Known mistakes in CTC decoding."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

greedy = partial(mistake, "ctc.greedy")
read_frame = partial(mistake, "ctc.read_frame")
keep_best = partial(mistake, "ctc.keep_best")
language_model = partial(mistake, "ctc.language_model")
prefix_beam = partial(mistake, "ctc.prefix_beam")

MERGED = "[label for label, _ in itertools.groupby(path[:length]) if label != blank]"
BEST = "log_probs.argmax(dim=-1).T.tolist()"
TOTAL = "total = torch.logaddexp(beam.log_blank, beam.log_label)"
BY_BLANK, BY_LABEL = "total + frame[blank]", "beam.log_label + frame[last]"
REPEATED = "extended[rows, last] = beam.log_blank + frame[last]"
NO_BLANK = "extended[:, blank] = -math.inf"
MERGES = "stay_label[row] = torch.logaddexp(stay_label[row], extended[parent, label])"
REMOVES = "            extended[parent, label] = -math.inf\n"
ADDS = "(beam.added[:, None] + additions).flatten()"
RANKS = "candidates.ranks().sort(descending=True, stable=True)"
KEPT = "best[ranks > -math.inf][:beam_width]"
OF_BLANK = "torch.cat([beam.log_blank, torch.full_like(extended, -math.inf).flatten()])"
OF_LABEL = "torch.cat([beam.log_label, extended.flatten()])"
TABLE = "logits.log_softmax(dim=-1)"
ROW = "[self.sos_id, *prefix]"
STACKED = "torch.stack([self.known[prefix] for prefix in prefixes])"
START = "Beam([()], log_one, log_zero, no_addition)"
COUNTED = "weighed(beam.prefixes) + length_bonus"
ENDED = "weighed(beam.prefixes)[:, eos_id]"
ORDER = "beam.ranks().sort(descending=True, stable=True)"
RANKED = "(list(beam.prefixes[i]), rank)"

MISTAKES = (
    # The best path
    greedy(
        "ctc_decoding: blanks dropped first",
        (MERGED, "[label for label, _ in itertools.groupby(s for s in path[:length] if s != blank)]"),
        says="blanks are dropped before repetitions are merged, so that a label on both sides of a blank is one",
    ),
    greedy(
        "ctc_decoding: repetitions stay",
        (MERGED, "[label for label in path[:length] if label != blank]"),
        says="repetitions are not merged",
    ),
    greedy(
        "ctc_decoding: blanks stay",
        (MERGED, "[label for label, _ in itertools.groupby(path[:length])]"),
        says="blanks are not dropped",
    ),
    greedy(
        "ctc_decoding: symbol 0 dropped",
        (MERGED, MERGED.replace("label != blank", "label != 0")),
        says="symbol 0 is dropped, whichever the blank is",
    ),
    greedy(
        "ctc_decoding: greedy to the last frame of the batch",
        (MERGED, MERGED.replace("path[:length]", "path")),
        says="frames after an utterance's end are read",
    ),
    greedy(
        "ctc_decoding: greedy without the last frame",
        (MERGED, MERGED.replace("path[:length]", "path[: length - 1]")),
        says="the last frame of each utterance is not read",
    ),
    greedy(
        "ctc_decoding: labels once",
        (MERGED, "list(dict.fromkeys(label for label in path[:length] if label != blank))"),
        says="a label is kept once, though it comes again later",
    ),
    greedy("ctc_decoding: the path of frames across the batch", (BEST, "log_probs.argmax(dim=-1).tolist()")),
    greedy("ctc_decoding: the least likely symbol", (BEST, BEST.replace("argmax", "argmin"))),
    greedy("ctc_decoding: labels as tensors", (MERGED, f"torch.tensor({MERGED})")),
    # One frame more
    read_frame(
        "ctc_decoding: no blank between",
        (REPEATED, "pass"),
        says="the last label extends its prefix from alignments that end in that label too; a blank must stand between",
    ),
    read_frame(
        "ctc_decoding: never the last label again",
        (REPEATED, "extended[rows, last] = -math.inf"),
        says="the last label never extends its prefix; after a blank it does",
    ),
    read_frame(
        "ctc_decoding: the last label after a blank",
        (BY_LABEL, "torch.where(last == blank, -math.inf, total + frame[last])"),
        says="the last label keeps its prefix after a blank too; there it is a new label",
    ),
    read_frame(
        "ctc_decoding: the last label of the empty prefix",
        (BY_LABEL, "total + frame[last]"),
    ),
    read_frame(
        "ctc_decoding: blank after blank",
        (BY_BLANK, "beam.log_blank + frame[blank]"),
        says="a blank keeps only alignments that end in a blank",
    ),
    read_frame(
        "ctc_decoding: blank after label",
        (BY_BLANK, "beam.log_label + frame[blank]"),
        says="a blank keeps only alignments that end in a label",
    ),
    read_frame(
        "ctc_decoding: the likelier alignment",
        (TOTAL, "total = torch.maximum(beam.log_blank, beam.log_label)"),
        (MERGES, MERGES.replace("logaddexp", "maximum")),
        says="the likelier of two kinds of alignments counts alone; their probabilities must be summed",
    ),
    read_frame(
        "ctc_decoding: logarithms added",
        (TOTAL, "total = beam.log_blank + beam.log_label"),
        (MERGES, "stay_label[row] += extended[parent, label]"),
        says="logarithms are added; it is the probabilities that must be",
    ),
    read_frame(
        "ctc_decoding: nothing merged",
        (f"            {MERGES}\n", ""),
        says="what extends one prefix to another of the beam is lost; it must be added to that one",
    ),
    read_frame(
        "ctc_decoding: merged and left",
        (REMOVES, ""),
        says="what extends one prefix to another of the beam stands among the extensions too, and so counts twice",
    ),
    read_frame("ctc_decoding: not merged at all", (f"            {MERGES}\n{REMOVES}", "            continue\n")),
    read_frame(
        "ctc_decoding: merged into blank",
        (MERGES, "stay_blank[row] = torch.logaddexp(stay_blank[row], extended[parent, label])"),
        says="what extends one prefix to another of the beam ends in a label; it is added to what ends in a blank",
    ),
    read_frame(
        "ctc_decoding: merged by replacing",
        (MERGES, "stay_label[row] = extended[parent, label]"),
        says="what extends one prefix to another of the beam takes that one's place; it must be added",
    ),
    read_frame(
        "ctc_decoding: the blank extends",
        (NO_BLANK, "extended[rows, last] = torch.where(last == blank, total + frame[blank], extended[rows, last])"),
        says="the blank is among the labels that extend a prefix",
    ),
    read_frame(
        "ctc_decoding: added as probability",
        (TOTAL, f"{TOTAL} + beam.added"),
        says="what is added to the rank is counted as probability",
    ),
    read_frame("ctc_decoding: the blank is 0", (NO_BLANK, "extended[:, 0] = -math.inf")),
    read_frame(
        "ctc_decoding: probabilities summed",
        (TOTAL, "total = (beam.log_blank.exp() + beam.log_label.exp()).log()"),
        says="log_blank holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0",
    ),
    read_frame(
        "ctc_decoding: read in place",
        (BY_BLANK, "beam.log_blank.copy_(total + frame[blank])"),
        (BY_LABEL, "beam.log_label + frame[last]"),
    ),
    # What is kept
    keep_best(
        "ctc_decoding: the likeliest kept",
        (RANKS, "candidates._replace(added=0 * candidates.added).ranks().sort(descending=True, stable=True)"),
        says="the likeliest are kept; what is added counts for the rank too",
    ),
    keep_best(
        "ctc_decoding: ranks by the likelier kind",
        (
            RANKS,
            "sum([torch.maximum(*candidates[1:3]), candidates.added]).sort(descending=True, stable=True)",
        ),
        says="a rank is the likelier of the two kinds of alignments; they must be summed",
    ),
    keep_best(
        "ctc_decoding: no additions",
        (ADDS, "(beam.added[:, None] + 0 * additions).flatten()"),
        says="what a label adds is not counted",
    ),
    keep_best(
        "ctc_decoding: additions alone",
        (ADDS, "additions.flatten()"),
        says="what was added to a prefix before is forgotten when a label extends it",
    ),
    keep_best(
        "ctc_decoding: additions in the probability",
        (OF_LABEL, "torch.cat([beam.log_label, (extended + additions).flatten()])"),
        (ADDS, "(beam.added[:, None] + 0 * additions).flatten()"),
        says="what a label adds to the rank is counted as probability",
    ),
    keep_best(
        "ctc_decoding: longer ones end in a blank",
        (OF_BLANK, "torch.cat([beam.log_blank, extended.flatten()])"),
        (OF_LABEL, "torch.cat([beam.log_label, torch.full_like(extended, -math.inf).flatten()])"),
        says="what a label extends is said to end in a blank",
    ),
    keep_best(
        "ctc_decoding: longer ones end in both",
        (OF_BLANK, "torch.cat([beam.log_blank, extended.flatten()])"),
        says="what a label extends is said to end in a blank as well",
    ),
    keep_best(
        "ctc_decoding: smallest ranks",
        (RANKS, "(-candidates.ranks()).masked_fill(candidates.ranks() == -math.inf, -math.inf).sort(descending=True)"),
        says="the smallest ranks are kept",
    ),
    keep_best(
        "ctc_decoding: only longer ones",
        (KEPT, "best[(ranks > -math.inf) & (best >= len(beam.prefixes))][:beam_width]"),
        says="what stays is not among the candidates",
    ),
    keep_best(
        "ctc_decoding: nothing longer",
        (KEPT, "best[(ranks > -math.inf) & (best < len(beam.prefixes))][:beam_width]"),
        says="what a label extends is not among the candidates",
    ),
    keep_best(
        "ctc_decoding: all are kept",
        (KEPT, "best[ranks > -math.inf]"),
        says="more are kept than beam_width",
    ),
    keep_best(
        "ctc_decoding: impossible ones kept",
        (KEPT, "best[:beam_width]"),
        says="prefixes of rank -inf are kept",
    ),
    keep_best("ctc_decoding: one too few", (KEPT, "best[ranks > -math.inf][: beam_width - 1]")),
    keep_best(
        "ctc_decoding: prefixes of the unsorted",
        ("[candidates.prefixes[i] for i in best.tolist()]", "candidates.prefixes[: len(best)]"),
    ),
    # A language model
    language_model(
        "ctc_decoding: logits",
        (TABLE, "logits"),
        says="these are logits; their log-softmax is asked for",
    ),
    language_model(
        "ctc_decoding: probabilities",
        (TABLE, "logits.softmax(dim=-1)"),
        says="these are probabilities; their logarithms are asked for",
    ),
    language_model(
        "ctc_decoding: softmax over prefixes",
        (
            Whole("LanguageModel.log_probs"),
            f"return torch.cat([self.logits([{ROW}]) for prefix in prefixes]).log_softmax(0)",
        ),
        says="the softmax runs over the prefixes; it must run over what follows each",
    ),
    language_model(
        "ctc_decoding: sos_id last",
        (ROW, "[*prefix, self.sos_id]"),
        says="the rows do not begin with sos_id",
    ),
    language_model(
        "ctc_decoding: labels reversed",
        (ROW, "[self.sos_id, *prefix[::-1]]"),
        says="the labels are asked about in the opposite order",
    ),
    language_model(
        "ctc_decoding: rows padded",
        (
            Whole("LanguageModel.log_probs"),
            """
            longest = max(map(len, prefixes))
            rows = [[self.sos_id, *prefix] + [0] * (longest - len(prefix)) for prefix in prefixes]
            return self.logits(rows).log_softmax(dim=-1)
            """,
        ),
        says="shorter prefixes are padded; the rows of a call must be equally long without",
    ),
    language_model(
        "ctc_decoding: answers by length",
        (STACKED, "torch.stack([self.known[prefix] for prefix in sorted(prefixes, key=len)])"),
        says=("the answers are in the order of the prefixes' lengths; they must be in the order that was asked for"),
    ),
    language_model(
        "ctc_decoding: asked again",
        ("for prefix in prefixes if prefix not in self.known", "for prefix in prefixes"),
        says="a prefix is asked about again that is known",
    ),
    language_model("ctc_decoding: only what is new", (STACKED, "torch.stack([self.known[p] for p in unknown])")),
    language_model("ctc_decoding: not by length", ("itertools.groupby(unknown, key=len)", "[(0, unknown)]")),
    language_model("ctc_decoding: all that is known", (STACKED, "torch.stack(list(self.known.values()))")),
    language_model(
        "ctc_decoding: logits changed",
        (TABLE, "logits.sub_(logits.logsumexp(dim=-1, keepdim=True))"),
    ),
    # Whole utterances
    prefix_beam(
        "ctc_decoding: no bonus",
        (COUNTED, "weighed(beam.prefixes)"),
        says="length_bonus is not counted",
    ),
    prefix_beam(
        "ctc_decoding: no language model",
        (COUNTED, "0 * weighed(beam.prefixes) + length_bonus"),
        says="the language model is not counted",
    ),
    prefix_beam(
        "ctc_decoding: weight twice",
        (COUNTED, "lm_weight * weighed(beam.prefixes) + length_bonus"),
        (ENDED, f"lm_weight * {ENDED}"),
        says="lm_weight is multiplied twice",
    ),
    prefix_beam(
        "ctc_decoding: weighted bonus",
        (COUNTED, "weighed(beam.prefixes) + lm_weight * length_bonus"),
        says="length_bonus is multiplied by lm_weight",
    ),
    prefix_beam(
        "ctc_decoding: no end",
        ("if eos_id is not None:", "if False:"),
        says="it is not counted that the labels end",
    ),
    prefix_beam(
        "ctc_decoding: bonus for the end",
        (ENDED, f"{ENDED} + length_bonus"),
        says="the end gets length_bonus too",
    ),
    prefix_beam(
        "ctc_decoding: the end after the order",
        (ORDER, "beam.ranks(), torch.arange(len(beam.prefixes))"),
        says="the order is that before the end was counted",
    ),
    prefix_beam(
        "ctc_decoding: without the first frame",
        ("for frame in frames:", "for frame in frames[1:]:"),
        says="the first frame is not read",
    ),
    prefix_beam(
        "ctc_decoding: without the last frame",
        ("for frame in frames:", "for frame in frames[:-1]:"),
        says="the last frame is not read",
    ),
    prefix_beam(
        "ctc_decoding: frames backwards",
        ("for frame in frames:", "for frame in frames.flip(0):"),
        says="the frames are read from the last to the first",
    ),
    prefix_beam(
        "ctc_decoding: worst first",
        (ORDER, "beam.ranks().sort()"),
        says="the worst comes first",
    ),
    prefix_beam(
        "ctc_decoding: only the best",
        (
            "zip(best.tolist(), ranks.tolist(), strict=True)]\n    ### END",
            "[(int(best[0]), float(ranks[0]))]]\n    ### END",
        ),
        says="only the best is returned",
    ),
    prefix_beam(
        "ctc_decoding: log P alone",
        (RANKED, "(list(beam.prefixes[i]), rank - float(beam.added[i]))"),
        says="the ranks leave out what is added to log P",
    ),
    prefix_beam(
        "ctc_decoding: ranks as probabilities",
        (RANKED, "(list(beam.prefixes[i]), math.exp(rank))"),
        says="these are probabilities; their logarithms are asked for",
    ),
    prefix_beam("ctc_decoding: labels as tuples", (RANKED, "(beam.prefixes[i], rank)")),
    prefix_beam("ctc_decoding: it begins in a label", (START, "Beam([()], log_zero, log_one, no_addition)")),
    prefix_beam("ctc_decoding: it begins in both", (START, "Beam([()], log_one, log_one, no_addition)")),
    prefix_beam(
        "ctc_decoding: the end at every frame",
        ("    if eos_id is not None:\n        beam =", "        if eos_id is not None:\n            beam ="),
    ),
    prefix_beam("ctc_decoding: pruned at the end alone", ("length_bonus, beam_width)", "length_bonus, 1000)")),
    prefix_beam("ctc_decoding: the end without weight", (ENDED, f"{ENDED} / (lm_weight or 1.0)")),
)
