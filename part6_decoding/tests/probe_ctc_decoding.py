"""Probes of CTC decoding: its steps on given beams, a language model, and whole utterances."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from part6_decoding.ctc_decoding import (
    Beam,
    Labels,
    LanguageModel,
    greedy_decode,
    keep_best,
    prefix_beam_decode,
    read_frame,
)
from part6_decoding.tests.probe_answers import named
from part6_decoding.tests.probe_score_table import TableScorer

Array = np.ndarray
Named = dict[str, Any]

FIELDS = Beam._fields


def greedy(log_probs: Array, lengths: Array, blank: int) -> Named:
    """Call greedy_decode(log_probs, lengths, blank)."""
    return {"labels": greedy_decode(torch.tensor(log_probs), torch.tensor(lengths), blank)}


def greedy_and_inputs(log_probs: Array, lengths: Array, blank: int) -> Named:
    """Call it with log-probabilities that have a gradient, and give the arguments afterwards."""
    given = {"log_probs": torch.tensor(log_probs, requires_grad=True), "lengths": torch.tensor(lengths)}
    return {"labels": greedy_decode(**given, blank=blank), **given}


def one_frame(beam: Named, frame: Array, blank: int) -> Named:
    """Call read_frame: the beam and its extensions after one frame more."""
    return _read(Beam(**_tensors(beam)), torch.tensor(frame), blank)


def one_frame_and_inputs(beam: Named, frame: Array, blank: int) -> Named:
    """Call it likewise, and give the arguments afterwards."""
    given, read = Beam(**_tensors(beam)), torch.tensor(frame)
    return {**_read(given, read, blank), "beam afterwards": given._asdict(), "frame afterwards": read}


def kept(beam: Named, extended: Array, additions: Array, beam_width: int) -> Named:
    """Call keep_best, and sort what it keeps by its labels."""
    return _sorted(keep_best(Beam(**_tensors(beam)), torch.tensor(extended), torch.tensor(additions), beam_width))


def kept_and_inputs(beam: Named, extended: Array, additions: Array, beam_width: int) -> Named:
    """Call it likewise, and give the arguments afterwards."""
    given, numbers = Beam(**_tensors(beam)), (torch.tensor(extended), torch.tensor(additions))
    answer = _sorted(keep_best(given, *numbers, beam_width))
    return {
        **answer,
        "beam afterwards": given._asdict(),
        "extended afterwards": numbers[0],
        "additions afterwards": numbers[1],
    }


def next_log_probs(table: Array, sos_id: int, given: list[list[Labels]]) -> Named:
    """Call LanguageModel.log_probs with each of these: the results, score_fn's calls, and its logits afterwards."""
    scorer = TableScorer(torch.tensor(table))
    model = LanguageModel(scorer, sos_id, table.shape[1], torch.device("cpu"))
    log_probs = [model.log_probs(prefixes) for prefixes in given]
    return {"log_probs": log_probs, "calls": scorer.calls, "logits": scorer.logits}


def decode(
    log_probs: Array,
    lengths: Array,
    blank: int,
    beam_width: int,
    table: Array | None,
    lm_weight: float,
    length_bonus: float,
    sos_id: int | None,
    eos_id: int | None,
) -> Named:
    """Call prefix_beam_decode."""
    scorer = None if table is None else TableScorer(torch.tensor(table))
    results = prefix_beam_decode(
        torch.tensor(log_probs),
        torch.tensor(lengths),
        beam_width,
        blank,
        score_fn=scorer,
        lm_weight=lm_weight,
        length_bonus=length_bonus,
        sos_id=sos_id,
        eos_id=eos_id,
    )
    return {"results": results}


def decode_and_inputs(
    log_probs: Array,
    lengths: Array,
    blank: int,
    beam_width: int,
    table: Array,
    lm_weight: float,
    length_bonus: float,
    sos_id: int | None,
    eos_id: int | None,
) -> Named:
    """Call it where everything has a gradient: the results, the arguments afterwards, the tokens and the logits of
    score_fn's calls, and whether these have recorded gradients."""
    scorer = TableScorer(torch.tensor(table, requires_grad=True))
    given = {"log_probs": torch.tensor(log_probs, requires_grad=True), "lengths": torch.tensor(lengths)}
    results = prefix_beam_decode(
        **given,
        beam_width=beam_width,
        blank=blank,
        score_fn=scorer,
        lm_weight=lm_weight,
        length_bonus=length_bonus,
        sos_id=sos_id,
        eos_id=eos_id,
    )
    records = any(logits.requires_grad for logits in scorer.logits)
    return {"results": results, **given, "calls": scorer.calls, "logits": scorer.logits, "gradients recorded": records}


def _read(beam: Beam, frame: Tensor, blank: int) -> Named:
    answer = named("read_frame", read_frame(beam, frame, blank), ("beam", "extended"))
    return {**named("the beam of read_frame", answer["beam"], FIELDS), "extended": answer["extended"]}


def _sorted(beam: Any) -> Named:
    """Give the fields of a beam, sorted by its labels."""
    fields = named("keep_best", beam, FIELDS)
    prefixes = fields.pop("prefixes")
    order = sorted(range(len(prefixes)), key=lambda row: prefixes[row])
    return {"prefixes": [prefixes[row] for row in order], **{name: value[order] for name, value in fields.items()}}


def _tensors(beam: Named) -> Named:
    """Make tensors of the arrays among the fields of a beam."""
    return {name: torch.tensor(value) if name != "prefixes" else list(value) for name, value in beam.items()}
