# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 6: decoding, looked at
#
# You will see how temperature and filters reshape a distribution, a beam search as a tree, and where greedy search, beams and chance end up.
# Then a lattice of four frames, small enough to count every path, shows what CTC's best path misses.

# %%
import sys
from pathlib import Path

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "autograder" / "run.py").exists())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import torch

plt.style.use(ROOT / "notebooks" / "look.mplstyle")
torch.set_num_threads(1)

# %% [markdown]
# ## A model without training
#
# What is decoded is a function: tokens in, logits of the next token out.
# Here it is a table that counts which letter, or a word's end, follows two letters in the docstrings of this Python's standard library.
# After *he* the word ends with a high probability, after *re* many letters are likely: two distributions to compare.
# (The words below are those of Python 3.11's docstrings; other versions may give others.)

# %%
from part5_transformers.train_lm import docstrings
from part6_decoding.draw_beams import Trigrams
from part6_decoding.tokenizer import CharTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
tokenizer = CharTokenizer(LETTERS)
text = docstrings()
model = Trigrams(text, tokenizer)
names = [*LETTERS, "sos", "end"]
contexts = {f"after “{begun}”": model(torch.tensor([tokenizer.encode(begun)])) for begun in ("he", "re")}


def draw_bars(axes, logits, reference):
    """Draw the 12 likeliest tokens of the reference: its probabilities as outlines, those of the logits filled."""
    order = reference[0].argsort(descending=True, stable=True)[:12]
    axes.bar(range(12), logits.softmax(dim=-1)[0, order], color="C0")
    axes.bar(range(12), reference.softmax(dim=-1)[0, order], fill=False, edgecolor="black", linewidth=1)
    axes.set_xticks(range(12), [names[token] for token in order])
    axes.set_ylim(0, 1)


def draw_table(reshaped):
    """Draw a row for each context, a column for each way to reshape its logits."""
    _, all_axes = plt.subplots(len(contexts), len(reshaped), figsize=(14, 5.4), sharey=True)
    for row, (context, logits) in zip(all_axes, contexts.items(), strict=True):
        for axes, (title, by_context) in zip(row, reshaped.items(), strict=True):
            draw_bars(axes, by_context[context], logits)
            axes.set_title(f"{context}, {title}")
    plt.show()


# %% [markdown]
# ## Temperature
#
# Outlines show the model's distribution, bars what temperature makes of it.
# Below 1 the likeliest gain, above 1 the others; the order of the tokens never changes.

# %% alt="The next letter after he and after re at temperatures 0.5, 1 and 2: sharper, as it is, flatter."
from part6_decoding.logit_filters import apply_temperature, filter_min_p, filter_top_k, filter_top_p


def reshape(filters):
    """Apply each filter to the logits of each context."""
    return {title: {name: change(logits) for name, logits in contexts.items()} for title, change in filters.items()}


temperatures = {f"temperature {t}": lambda logits, t=t: apply_temperature(logits, t) for t in (0.5, 1.0, 2.0)}
draw_table(reshape(temperatures))

# %% [markdown]
# ## Filters
#
# All three drop tokens, and the probabilities of the others grow until they sum to 1.
# They differ in how many they take. *Top-k* keeps five, whether the distribution is sharp or flat.
# *Top-p* keeps as many as it takes to reach 0.8, *min-p* those that are at least a tenth as likely as the likeliest: few where it is sharp, many where it is flat.

# %% alt="What top-k, top-p and min-p leave of both distributions."
filters = {
    "top-k 5": lambda logits: filter_top_k(logits, 5),
    "top-p 0.8": lambda logits: filter_top_p(logits, 0.8),
    "min-p 0.1": lambda logits: filter_min_p(logits, 0.1),
}
filtered = reshape(filters)
draw_table(filtered)
for title, by_context in filtered.items():
    kept = ", ".join(f"{int(logits.isfinite().sum())} {context}" for context, logits in by_context.items())
    print(f"{title:10} keeps {kept}")

# %% tags=["try"] alt="Two orders of temperature and top-p."
# Does it matter which comes first? Try other temperatures, and min-p in the place of top-p.
your_temperature, your_p = 2.0, 0.8

orders = {
    "temperature first": lambda logits: filter_top_p(apply_temperature(logits, your_temperature), your_p),
    "top-p first": lambda logits: apply_temperature(filter_top_p(logits, your_p), your_temperature),
}
draw_table(reshape(orders))

# %% [markdown] tags=["question"]
# **Question 1.** `SequenceGenerator.log_probs` applies temperature *before* top-p. What does a high temperature do to the number of tokens that top-p keeps, and to the number that top-k keeps?
# Which of the two orders would you give to somebody who wants surprising but correct words?

# %% [markdown]
# ## A beam search, step by step
#
# Three beams spell a word that begins with *p*. Each column is a step, its beams best first; a number is a sum of log-probabilities and can only fall.
# Find the beam that greedy search follows: it is best after the first step, and what becomes of it is the worst of the three in the end.
# Find the beam that is pushed out in the second step, too. It comes up again below.

# %% alt="The tree of a beam search over letters: in each step three beams, and what they outranked."
from part6_decoding.draw_beams import page, search

found = search(model, tokenizer, "p", beam_width=3, steps=9)
page(found, f"three beams from “p”: “{tokenizer.decode(found.best)}”, log-probability {found.score:.2f}")

# %% [markdown]
# ## Greedy, beams, chance
#
# Greedy search and three widths of beam, each with its word's log-probability under the same model.
# The grey bars are 2 000 words by chance.

# %% alt="A histogram of the log-probabilities of words drawn by chance; greedy search stands below three beams, these below four, and these below thirty."
from part6_decoding.sequence_generator import SequenceGenerator

generator = SequenceGenerator(model, tokenizer, max_length=16)
prompt = torch.tensor([tokenizer.encode("p")])
chance = torch.Generator().manual_seed(0)
drawn, drawn_scores = generator.generate_sample(prompt.repeat(2000, 1), generator=chance)
chosen = {"greedy": generator.generate_greedy(prompt)}
for width in (3, 4, 30):
    beams, scores = generator.generate_beam(prompt, width)
    chosen[f"{width} beams"] = beams[:, 0], scores[:, 0]

figure, axes = plt.subplots(figsize=(10, 3.8))
axes.hist(drawn_scores.numpy(), bins=60, color="lightgray", label="2 000 by chance")
for number, (name, (tokens, scores)) in enumerate(chosen.items()):
    label = f"{name}: {tokenizer.decode(tokens[0])}, {scores[0]:.2f}"
    axes.axvline(float(scores[0]), color=f"C{number}", linewidth=2.5, label=label)
axes.set(xlabel="log-probability of the word", ylabel="words")
axes.legend()
plt.show()
print("by chance:", *(tokenizer.decode(row) for row in drawn[:14]))

# %% [markdown]
# Greedy search is the furthest from the likeliest word, and wider beams come nearer. *po…* is the beginning that three beams pushed out.
#
# The likeliest word is not a typical word: e^-3.53 is 3 in 100. Nearly all that chance gives is less likely, and most of it is longer, since there are so many such words.
# Which you want depends on the task. A transcript should be likely; a story should not be the same each time.
#
# Between the two lie temperature and filters. For each setting, the next picture draws 1 000 words and counts how many are different, and how many stand in the docstrings.

# %% alt="Words that differ from each other, and words that occur in the docstrings, by temperature: variety rises, correctness falls."
import re

known_words = set(re.findall("[a-z]+", text.lower()))
start = torch.tensor([[tokenizer.sos_id, letter] for letter in tokenizer.encode("abcdefghil")]).repeat(100, 1)


def variety(**settings):
    """Of 1 000 words that are drawn so, the shares that differ from each other and that are known."""
    rows, _ = generator.generate_sample(start, generator=torch.Generator().manual_seed(1), **settings)
    drawn_words = [tokenizer.decode(row) for row in rows]
    return len(set(drawn_words)) / len(drawn_words), sum(word in known_words for word in drawn_words) / len(drawn_words)


settings = {
    "temperature": (0.25, 0.5, 1.0, 2.0),
    "top_k": (2, 3, 5),
    "top_p": (0.4, 0.6, 0.9),
    "min_p": (0.6, 0.25, 0.1),
}
shares = {name: [variety(**{name: value}) for value in values] for name, values in settings.items()}

figure, axes = plt.subplots(figsize=(9, 5))
for (name, points), marker in zip(shares.items(), "osD^", strict=True):
    (line,) = axes.plot(*zip(*points, strict=True), marker=marker, label=name)
    for value, point in zip(settings[name], points, strict=True):
        axes.annotate(value, point, (6, 5), textcoords="offset points", color=line.get_color())
axes.set(xlabel="share of words that differ from each other", ylabel="share of words that are known")
axes.legend()
plt.show()

# %% [markdown]
# Every one of the four buys known words with variety, and the prices are much alike: this model sees two letters only, and its mistakes are often likely.
# A filter can take away what is unlikely, not what is wrong.

# %% tags=["try"]
# Longer words with a length penalty: beams are ranked by sum / length**penalty, and printed with their sum.
# Try 0.5, 2, and another beginning.
your_beginning, your_penalty = "p", 1.0

your_prompt = torch.tensor([tokenizer.encode(your_beginning)])
beams, scores = generator.generate_beam(your_prompt, beam_width=10, length_penalty=your_penalty)
for tokens, score in zip(beams[0, :5], scores[0], strict=False):
    print(f"{score:7.2f}  {tokenizer.decode(tokens)}")

# %% [markdown] tags=["question"]
# **Question 2.** Where in the tree did three beams lose the word that thirty found, and to whom?
# Here each wider beam found a likelier word. Must it always, or can you think of a tree in which two beams end worse than one?

# %% [markdown]
# ## CTC: a lattice of four frames
#
# Four frames, three symbols: the blank *–*, *a* and *b*. There are 3⁴ = 81 paths, and we can look at all of them.
# A path becomes labels when repetitions are merged and then blanks dropped.
# To the left the lattice with its best path; to the right the six likeliest labellings, each made of the paths that spell it.

# %% alt="The probabilities of three symbols in four frames with the best path; the likeliest labellings, stacked from their paths."
import itertools
from collections import defaultdict

from part6_decoding.ctc_decoding import greedy_decode, prefix_beam_decode

symbols = "–ab"
probabilities = torch.tensor([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.5, 0.1, 0.4], [0.5, 0.1, 0.4]])
log_probs, lengths = probabilities.log()[:, None], torch.tensor([4])


def spelled(labels):
    """Write labels as a word; “nothing” without any."""
    return "".join(symbols[label] for label in labels) or "nothing"


paths = defaultdict(list)
for path in itertools.product(range(3), repeat=4):
    labels = [label for label, _ in itertools.groupby(path) if label]
    mass = float(probabilities[range(4), path].prod())
    paths[spelled(labels)].append((mass, "".join(symbols[label] for label in path)))
best_labels = spelled(greedy_decode(log_probs, lengths)[0])
totals = {word: sum(mass for mass, _ in made_of) for word, made_of in paths.items()}

figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.4), width_ratios=[1, 1.7])
left.imshow(probabilities.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for frame, symbol in itertools.product(range(4), range(3)):
    left.text(frame, symbol - 0.25, f"{probabilities[frame, symbol]:.1f}", ha="center")
left.plot(range(4), probabilities.argmax(dim=1), "o-", color="C1", label=f"best path: {best_labels}")
left.set_xticks(range(4), range(1, 5))
left.set_yticks(range(3), symbols)
left.set(xlabel="frame", ylim=(2.5, -0.9))
left.legend(loc="upper left")
for row, word in enumerate(sorted(totals, key=totals.get, reverse=True)[:6]):
    begin = 0.0
    for mass, path in sorted(paths[word], reverse=True):
        right.barh(row, mass, left=begin, color="C0", edgecolor="white")
        if mass > 0.015:
            right.text(begin + mass / 2, row, path, ha="center", va="center", color="white", fontsize=8)
        begin += mass
    right.text(begin, row, f" {begin:.3f} ({len(paths[word])})", va="center")
right.set_yticks(range(6), sorted(totals, key=totals.get, reverse=True)[:6])
right.set(xlabel="probability", title="labellings: probability, and in brackets how many paths", xlim=(0, 0.42))
right.invert_yaxis()
plt.show()

# %% [markdown]
# The best path is the likeliest of all 81, and all blanks.
# But *nothing* is spelled by that path alone, while other words collect many smaller ones.
# `prefix_beam_decode` adds them up without going through all of them: wide enough it gives the sums that we counted.

# %%
print("best path  ", best_labels)
for labels, score in prefix_beam_decode(log_probs, lengths, beam_width=16)[0][:4]:
    word = spelled(labels)
    print(f"prefix beam {word:8} {torch.tensor(score).exp():.4f}   counted {totals[word]:.4f}")

# %% [markdown]
# ## Prefix beam search, frame by frame
#
# For each prefix the search keeps two sums: of the paths that end in a blank, and of those that end in the prefix's last label.
# Watch *ab* come up from nothing, and the empty prefix halve with each frame.

# %% alt="After each of four frames, the four best prefixes with two sums: ending in a blank, ending in a label."
from part6_decoding.ctc_decoding import Beam, keep_best, read_frame

zero = torch.zeros(1)
beam, after_frames = Beam([()], zero, zero - torch.inf, zero), []
for frame in log_probs[:, 0]:
    beam, extended = read_frame(beam, frame, blank=0)
    beam = keep_best(beam, extended, torch.zeros_like(extended), beam_width=4)
    after_frames.append(beam)

figure, all_axes = plt.subplots(1, 4, figsize=(14, 3.6), sharex=True)
for number, (axes, beam) in enumerate(zip(all_axes, after_frames, strict=True), start=1):
    rows, ends_blank, ends_label = range(len(beam.prefixes)), beam.log_blank.exp(), beam.log_label.exp()
    axes.barh(rows, ends_blank, color="C0", label="ends in a blank")
    axes.barh(rows, ends_label, left=ends_blank, color="C1", label="ends in its label")
    axes.set_yticks(rows, [spelled(prefix) for prefix in beam.prefixes])
    axes.set(title=f"after frame {number}", xlabel="probability", ylim=(3.6, -0.6))
all_axes[0].legend(loc="lower right")
plt.show()

# %% [markdown] tags=["question"]
# **Question 3.** Why is one sum per prefix not enough? Say what must happen to *a* when the next frame is an *a* again, once for the paths that end in a blank and once for those that end in *a*.
# With four beams, are the sums of the last picture those that we counted? Where could a part of them have been lost?
