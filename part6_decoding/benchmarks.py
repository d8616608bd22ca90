"""The speed of generation, beside Hugging Face's GPT-2: `python -m part6_decoding.benchmarks`.

Both sides have the same weights and a key/value cache, in float32.  Before anything is timed, logits, sequences, scores
and the distribution that is drawn from are compared, also with a model whose rows end early.  CTC's prefix beam search
stands beside dictionaries in plain Python, and beside flashlight-text where it is installed.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections import defaultdict
from functools import partial
from types import SimpleNamespace
from typing import Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, compare

SIZES: dict[str, Any] = {
    "num_layers": 6,
    "d_model": 256,
    "num_heads": 8,
    "d_ff": 1024,
    "max_len": 144,
    "num_classes": 1000,
}
SMALL: dict[str, Any] = {"num_layers": 2, "d_model": 32, "num_heads": 4, "d_ff": 64, "max_len": 48, "num_classes": 60}
PROMPT, NEW_TOKENS = 16, 128
BATCHES = (1, 8)
EOS = 0
NEVER, SOON = -50.0, 2.0  # added to the logit of EOS
BEAM_WIDTH = 5
SAMPLING: dict[str, Any] = {"temperature": 0.8, "top_k": 50, "top_p": 0.9}
SEARCHES: dict[str, dict[str, Any]] = {  # arguments of GPT-2's generate
    "greedy": {"do_sample": False},
    f"beam {BEAM_WIDTH}": {"do_sample": False, "num_beams": BEAM_WIDTH, "length_penalty": 0.0},
    "sampling": {"do_sample": True, **SAMPLING},
}
GOALS = (1.4, 1.7)
TIME, VOCAB, CTC_BEAM = 100, 30, 10
SHARPNESS = 4.0  # of CTC's frames; the flatter they are, the more two approximations differ

Found = tuple[Any, Any]  # sequences (b, t), scores (b,)
Prefixes = list[tuple[list[int], float]]

HAS_TRANSFORMERS = importlib.util.find_spec("transformers") is not None
HAS_FLASHLIGHT = importlib.util.find_spec("flashlight") is not None
NOTES = ["GPT-2 was left out: python autograder/run.py --install peers brings transformers."] * (not HAS_TRANSFORMERS)


def steps(rounds: int) -> list[Step]:
    """List what measures each row of the table."""
    measured: list[Step] = []
    if HAS_TRANSFORMERS:
        measured += [partial(beside_gpt2, search, batch, rounds) for batch in BATCHES for search in SEARCHES]
    measured.append(partial(beside_dictionaries, rounds))
    if HAS_FLASHLIGHT:
        measured.append(partial(beside_flashlight, rounds))
    return measured


def beside_gpt2(search: str, batch: int, rounds: int) -> list[Row]:
    """Measure a search's tokens a second, beside GPT-2's generate."""
    compare_search(search, *twins(SMALL, eos_bias=SOON, sharpness=3.0), batch, 4, 40)
    ours, theirs = twins(SIZES, eos_bias=NEVER)
    compare_search(search, ours, theirs, batch, PROMPT, NEW_TOKENS)
    prompts = prompts_for(theirs, batch, PROMPT)
    row = beside(
        search,
        lambda: our_search(search, ours, prompts, NEW_TOKENS),
        lambda: their_search(search, theirs, prompts, NEW_TOKENS),
        rounds,
    )
    our_speed, their_speed = (batch * NEW_TOKENS / (each / 1e3) for each in (row.ours, row.reference))
    work = f"{search}, {SIZES['num_layers']} layers d{SIZES['d_model']} N{batch}: tokens/s"
    return [Row(work, our_speed, their_speed, "GPT-2", 1 / row.ratio, *GOALS, better="higher")]


def beside_dictionaries(rounds: int) -> list[Row]:
    """Measure prefix beam search beside the same search with a dictionary of prefixes, number by number."""
    from part6_decoding.ctc_decoding import prefix_beam_decode

    log_probs, lengths = utterance(TIME, VOCAB)
    frames = log_probs[:, 0].tolist()
    compare_prefixes(prefix_beam_decode(log_probs, lengths, CTC_BEAM)[0], dictionary_search(frames, CTC_BEAM))
    return [
        beside(
            prefix_beam_work(),
            lambda: prefix_beam_decode(log_probs, lengths, CTC_BEAM),
            lambda: dictionary_search(frames, CTC_BEAM),
            rounds,
            name="dictionaries",
        )
    ]


def beside_flashlight(rounds: int) -> list[Row]:
    """Measure it beside flashlight-text's C++, whose beam holds a prefix twice: after a blank, and after its label."""
    from part6_decoding.ctc_decoding import prefix_beam_decode

    log_probs, lengths = utterance(TIME, VOCAB)
    search, frames = flashlight_search(VOCAB, CTC_BEAM), log_probs[:, 0].float().contiguous()
    labels, _ = prefix_beam_decode(log_probs, lengths, CTC_BEAM)[0][0]
    compare([labels], [search(frames)], ["labels"], rtol=0)
    return [
        beside(
            prefix_beam_work(),
            lambda: prefix_beam_decode(log_probs, lengths, CTC_BEAM),
            lambda: search(frames),
            rounds,
            name="flashlight-text",
        )
    ]


# The models


def twins(sizes: dict[str, Any], *, eos_bias: float, sharpness: float = 1.0) -> tuple[Any, Any]:
    """Make our language model and a GPT-2 of the same weights, in evaluation mode.

    The final norm's first feature is always 1, so that the head can favour EOS as a bias would, which GPT-2's lacks.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, logging

    from part5_transformers.incremental import store_by_columns
    from part5_transformers.transformers import DecoderOnlyTransformer

    logging.set_verbosity_error()
    torch.manual_seed(0)
    ours = DecoderOnlyTransformer(**sizes, dropout=0.0).eval()
    with torch.no_grad():
        ours.norm.weight[0], ours.norm.bias[0] = 0.0, 1.0
        ours.final_linear.weight *= sharpness
        ours.final_linear.weight[:, 0] = 0.0
        ours.final_linear.weight[EOS, 0] = eos_bias
    config = GPT2Config(
        vocab_size=sizes["num_classes"],
        n_positions=sizes["max_len"],
        n_embd=sizes["d_model"],
        n_layer=sizes["num_layers"],
        n_head=sizes["num_heads"],
        n_inner=sizes["d_ff"],
        activation_function="gelu",  # the exact one
        layer_norm_epsilon=ours.norm.eps,
        bos_token_id=EOS,
        eos_token_id=EOS,
        pad_token_id=EOS,
        tie_word_embeddings=False,
    )
    theirs = GPT2LMHeadModel(config).eval()
    theirs.load_state_dict(gpt2_weights(ours))
    store_by_columns(ours)  # as GPT-2's are
    return ours, theirs


def gpt2_weights(model: Any) -> dict[str, Any]:
    """Give our language model's weights under GPT-2's names.

    | here                       | GPT-2                                        |
    |----------------------------|----------------------------------------------|
    | target_embedding.weight    | transformer.wte.weight                       |
    | positional_encoding.pe     | transformer.wpe.weight                       |
    | self_attn.norm.*           | ln_1.*                                       |
    | self_attn.mha.in_proj_*    | attn.c_attn.*, weights transposed            |
    | self_attn.mha.out_proj.*   | attn.c_proj.*, weights transposed            |
    | ffn.norm.*                 | ln_2.*                                       |
    | ffn.ffn.0.*, ffn.ffn.3.*   | mlp.c_fc.*, mlp.c_proj.*, weights transposed |
    | norm.*                     | transformer.ln_f.*                           |
    | final_linear.weight        | lm_head.weight; there is no bias, ours is 0  |
    """
    weights = {
        "transformer.wte.weight": model.target_embedding.weight,
        "transformer.wpe.weight": model.positional_encoding.pe[0],
        "transformer.ln_f.weight": model.norm.weight,
        "transformer.ln_f.bias": model.norm.bias,
        "lm_head.weight": model.final_linear.weight,
    }
    for number, layer in enumerate(model.dec_layers):
        mha, ffn = layer.self_attn.mha, layer.ffn.ffn
        pairs = {
            "ln_1": (layer.self_attn.norm.weight, layer.self_attn.norm.bias),
            "attn.c_attn": (mha.in_proj_weight.T, mha.in_proj_bias),
            "attn.c_proj": (mha.out_proj.weight.T, mha.out_proj.bias),
            "ln_2": (layer.ffn.norm.weight, layer.ffn.norm.bias),
            "mlp.c_fc": (ffn[0].weight.T, ffn[0].bias),
            "mlp.c_proj": (ffn[3].weight.T, ffn[3].bias),
        }
        for name, (weight, bias) in pairs.items():
            weights[f"transformer.h.{number}.{name}.weight"] = weight
            weights[f"transformer.h.{number}.{name}.bias"] = bias
    return weights


# The searches


def our_search(search: str, model: Any, prompts: Any, new_tokens: int) -> Found:
    """Find the best sequence of each prompt, and its score."""
    from part6_decoding.sequence_generator import SequenceGenerator

    tokenizer = SimpleNamespace(eos_id=EOS)
    generator = SequenceGenerator(model.incremental_scorer(), tokenizer, prompts.shape[1] + new_tokens)
    if search == "greedy":
        return generator.generate_greedy(prompts)
    if search == "sampling":
        return generator.generate_sample(prompts, **SAMPLING)
    sequences, scores = generator.generate_beam(prompts, BEAM_WIDTH)
    return sequences[:, 0], scores[:, 0]


def their_search(search: str, model: Any, prompts: Any, new_tokens: int, **options: Any) -> Any:
    """Run GPT-2's generate; EOS ends a row and fills it."""
    import torch

    mask = torch.ones_like(prompts)
    return model.generate(prompts, attention_mask=mask, max_new_tokens=new_tokens, **SEARCHES[search], **options)


def prompts_for(gpt2: Any, batch: int, length: int) -> Any:
    """Draw tokens (b, t) without EOS."""
    import torch

    return torch.randint(1, gpt2.config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(batch))


def compare_search(search: str, ours: Any, theirs: Any, batch: int, length: int, new_tokens: int) -> None:
    """Stop unless both sides have the same logits, and find the same sequences or draw from the same distribution."""
    import torch

    prompts = prompts_for(theirs, batch, length)
    with torch.no_grad():
        compare([ours(prompts, return_attention=False)[0]], [theirs(prompts).logits], ["logits"])
    record: dict[str, Any] = {"return_dict_in_generate": True, "output_scores": True}
    if search == "sampling":
        drawn_from = their_search(search, theirs, prompts, 1, **record).scores[0].softmax(dim=-1)
        compare([our_distribution(ours, prompts)], [drawn_from], ["distribution"])
        return
    sequences, scores = our_search(search, ours, prompts, new_tokens)
    found = their_search(search, theirs, prompts, new_tokens, **record)
    padded = [
        torch.nn.functional.pad(each, (0, length + new_tokens - each.shape[1]), value=EOS)
        for each in (sequences, found.sequences)
    ]
    compare(padded[:1], padded[1:], ["sequences"], rtol=0)
    if search != "greedy":
        compare([scores], [found.sequences_scores], ["scores"])


def our_distribution(model: Any, prompts: Any) -> Any:
    """Compute the probabilities (b, v) from which generate_sample draws the first token."""
    import torch

    from part6_decoding.sequence_generator import Filters, SequenceGenerator

    generator = SequenceGenerator(model.incremental_scorer(), SimpleNamespace(eos_id=EOS), prompts.shape[1] + 1)
    with torch.no_grad():
        goes_on = torch.ones(len(prompts), dtype=torch.bool)
        return generator.log_probs(prompts, Filters(**SAMPLING), goes_on).exp()


# CTC


def prefix_beam_work() -> str:
    return f"prefix beam {CTC_BEAM}, T{TIME} V{VOCAB}: ms"


def utterance(time: int, vocab: int) -> tuple[Any, Any]:
    """Draw CTC's log-probabilities (t, 1, v), and give their length."""
    import torch

    logits = SHARPNESS * torch.randn(time, 1, vocab, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return logits.log_softmax(dim=-1), torch.tensor([time])


def dictionary_search(frames: list[list[float]], beam_width: int) -> Prefixes:
    """Search prefixes with blank 0 and without a language model, best first     (Hannun et al. 2014)."""
    # Each prefix with the log-probabilities that it ends in a blank, and in its last label
    beam: dict[tuple[int, ...], list[float]] = {(): [0.0, -math.inf]}
    for blank, *labels in frames:
        after: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (log_blank, log_label) in beam.items():
            total = log_add(log_blank, log_label)
            add(after[prefix], 0, total + blank)
            if prefix:
                add(after[prefix], 1, log_label + labels[prefix[-1] - 1])
            for label, log_prob in enumerate(labels, start=1):
                before = log_blank if prefix[-1:] == (label,) else total
                add(after[*prefix, label], 1, before + log_prob)
        beam = dict(sorted(after.items(), key=lambda item: -log_add(*item[1]))[:beam_width])
    return [(list(prefix), log_add(*ends)) for prefix, ends in beam.items()]


def add(ends: list[float], which: int, log_prob: float) -> None:
    """Count this too among the alignments that end in a blank (0) or in a label (1)."""
    ends[which] = log_add(ends[which], log_prob)


def log_add(a: float, b: float) -> float:
    """Compute log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))


def flashlight_search(vocab: int, beam_width: int) -> Any:
    """Make a function that gives the best labels of float32 frames (t, v), with blank 0 and no language model."""
    import itertools

    from flashlight.lib.text import decoder

    options = decoder.LexiconFreeDecoderOptions(
        beam_size=beam_width,
        beam_size_token=vocab,
        beam_threshold=math.inf,
        lm_weight=0.0,
        sil_score=0.0,
        log_add=True,
        criterion_type=decoder.CriterionType.CTC,
    )
    search = decoder.LexiconFreeDecoder(options, decoder.ZeroLM(), -1, 0, [])

    def labels(frames: Any) -> list[int]:
        best = search.decode(frames.data_ptr(), *frames.shape)[0].tokens
        return [label for label, _ in itertools.groupby(best) if label > 0]

    return labels


def compare_prefixes(ours: Prefixes, theirs: Prefixes) -> None:
    """Stop unless both sides have the same prefixes, in the same order, with the same log-probabilities."""
    if [labels for labels, _ in ours] != [labels for labels, _ in theirs]:
        raise AssertionError(f"prefixes must be the same on both sides; got {ours} and {theirs}.")
    compare([[score for _, score in ours]], [[score for _, score in theirs]], ["scores"])


if __name__ == "__main__":
    sys.exit(side_by_side.main("part6_decoding", __doc__, steps, NOTES))
