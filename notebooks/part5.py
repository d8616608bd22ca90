# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 5: a transformer, looked at
#
# You will see what positions look like as numbers, and how masks meet.
# Then a small language model learns the docstrings of this Python's standard library for some seconds, and you look at its loss, its text, and the weights of its heads.

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
# ## Positions as a picture
#
# pe[p, 2i] = sin(p / 10000^(2i / d)) and pe[p, 2i + 1] = cos(p / 10000^(2i / d)).
# A row is a position, a column a feature. Follow a column downwards: it is a wave, short on the left and longer and longer to the right.
# Beyond the middle most columns hardly change within 100 positions.

# %% alt="The table of 100 positions and 64 features as colours, and five of its columns as waves."
from part5_transformers.positional_encoding import PositionalEncoding

table = PositionalEncoding(d_model=64, max_len=100).pe[0]

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
image = left.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
left.set(xlabel="feature", ylabel="position", title="the table")
figure.colorbar(image, ax=left)
for feature in (0, 8, 16, 24, 32):
    right.plot(table[:, feature] - 2.5 * feature / 8, label=f"feature {feature}")
right.set(xlabel="position", yticks=[], title="five columns, one below the other")
right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# ## What the dot product of two positions says
#
# sin a sin b + cos a cos b = cos(a - b): in the dot product of two positions every pair of features gives the cosine of their *distance*, and where they stand drops out.
# So the picture has stripes along the diagonal, and one curve says it all.

# %% alt="The dot products of all pairs of 100 positions, with stripes along the diagonal, and the same by distance: a peak at 0."
products = table @ table.T
distance = 40
by_distance = {middle: products[middle, middle - distance : middle + distance + 1] for middle in (40, 50, 59)}

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
figure.colorbar(left.imshow(products), ax=left)
left.set(xlabel="position", ylabel="position", title="dot products")
for (middle, curve), style in zip(by_distance.items(), ("-", "--", ":"), strict=True):
    right.plot(range(-distance, distance + 1), curve, style, linewidth=3, label=f"from position {middle}")
right.set(xlabel="distance", ylabel="dot product", title="the same curve from everywhere", ylim=(0, None))
right.legend()
plt.show()

# %% tags=["try"] alt="The dot product by distance for several numbers of features."
# How many features does it take for near and far to differ clearly? Try 2, 4, 16, 256.
your_sizes = (2, 16, 256)

your_tables = {d_model: PositionalEncoding(d_model, max_len=100).pe[0] for d_model in your_sizes}
figure, axes = plt.subplots(figsize=(8, 3.4))
for d_model, your_table in your_tables.items():
    axes.plot(your_table @ your_table[0] / (d_model / 2), label=f"{d_model} features")
axes.set(xlabel="distance", ylabel="dot product, 1 at distance 0")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown] tags=["question"]
# **Question 1.** The curve is the same to the left and to the right: +3 and -3 have the same dot product.
# A head has to attend to the character *before*, not the one after. How can it, with q and k projected by different matrices?

# %% [markdown]
# ## Without positions, order does not exist
#
# We give one attention layer five vectors, then the same five in another order, and compare the last query's output.
# Then the same with positions added.

# %%
from part5_transformers.sublayers import MultiHeadAttention

torch.manual_seed(0)
layer, positions = MultiHeadAttention(d_model=16, num_heads=2), PositionalEncoding(16, max_len=5)
x = torch.randn(1, 5, 16)
shuffled = x[:, [2, 0, 3, 1, 4]]  # the last stays where it is


@torch.no_grad()
def last_answer(x):
    """Attend with the last query of a sequence."""
    return layer(x, x, x)[0][0, -1]


for name, read in (("without positions", lambda x: x), ("with positions", positions)):
    difference = (last_answer(read(x)) - last_answer(read(shuffled))).abs().max()
    print(f"{name:18} the answers differ by at most {difference:.3f}")

# %% [markdown]
# ## Two masks become one
#
# A batch of three texts, of 6, 4 and 2 tokens.
# `PadMask` has a row for each text and hides keys from all its queries; `CausalMask` is one triangle for all texts.
# `merge_masks` hides what either hides (dark).

# %% alt="The padding mask of three texts, the causal mask, and both merged for each text."
from part5_transformers.masks import CausalMask, PadMask
from part5_transformers.sublayers import merge_masks

lengths = torch.tensor([6, 4, 2])
batch = torch.zeros(3, 6)
padding, causal = PadMask(batch, lengths), CausalMask(batch)
merged = merge_masks(padding, causal)

figure, all_axes = plt.subplots(1, 5, figsize=(13, 3.2))
panels = {"PadMask (b, s)": padding, "CausalMask (t, s)": causal}
panels |= {f"merged, {length} tokens": mask[0] for length, mask in zip(lengths.tolist(), merged, strict=True)}
for axes, (title, mask) in zip(all_axes, panels.items(), strict=True):
    axes.pcolormesh(mask, cmap="Blues", vmin=0, vmax=1.4, edgecolors="white", linewidth=2)
    axes.set(title=title, aspect="equal", xlabel="key", xticks=[], yticks=[])
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
all_axes[0].set_ylabel("text")
all_axes[1].set_ylabel("query")
plt.show()

# %% [markdown]
# With padding at the end, as here, the causal mask already hides it from every token that counts; the rows in which it still shows belong to padding itself.
# With padding at the beginning a query would be left that may attend to nothing.

# %% [markdown] tags=["question"]
# **Question 2.** A language model with padding at the end gives the same logits for the tokens that count with and without `PadMask`.
# Why does `EncoderDecoderTransformer` need it all the same? Where would the padding of the *sources* count?

# %% [markdown]
# ## Some seconds of learning
#
# A model of two layers with four heads each, 400 steps.
# Two horizontal lines to compare it with: what a table of single characters reaches on the validation text, and a table of pairs.

# %%
from part5_transformers.train_lm import Config, beginning, sample, train

history = beginning(Config(steps=400, num_layers=2, d_ff=256, warmup=50, validate_every=40))
untrained = sample(history, 120)
train(history)
first, last = history.points[0], history.points[-1]
print(f"validation: {first.validation['validation']:.2f} nats after {first.step} steps", end=", ")
print(f"{last.validation['validation']:.2f} after {last.step}")

# %% alt="Training and validation loss by step: they fall below what a table of single characters and one of pairs reach."
import math

from torch.nn import functional

text, size = history.text, len(history.text.vocabulary)
pairs = torch.ones(size, size)  # one each, so that none is impossible
pairs.index_put_((text.training[:-1], text.training[1:]), torch.tensor(1.0), accumulate=True)
before, after = text.validation[:-1], text.validation[1:]
baselines = {
    "single characters": functional.cross_entropy(pairs.sum(dim=0).log().expand(len(after), -1), after),
    "pairs": functional.cross_entropy(pairs.log()[before], after),
}

figure, axes = plt.subplots(figsize=(9, 4))
steps = [point.step for point in history.points]
axes.plot(steps, [point.training_loss for point in history.points], ":", label="training, since the point before")
axes.plot(steps, [point.validation["validation"] for point in history.points], ".-", label="validation")
for (name, loss), color in zip(baselines.items(), ("gray", "black"), strict=True):
    axes.axhline(float(loss), color=color, linestyle="--", linewidth=1)
    place = {"xytext": (0, -3), "textcoords": "offset points", "ha": "right", "va": "top"}
    axes.annotate(f"{name}: {loss:.2f}", (steps[-1], float(loss)), color=color, **place)
axes.set(
    xlabel="step",
    ylabel="nats per character",
    title=f"Cross-entropy; all {size} characters alike: {math.log(size):.2f}",
)
axes.legend()
plt.show()

# %% [markdown]
# Below the line of *pairs* the model must use more than the last character: no table of pairs gets there.
# Its text shows the same. Before learning all characters are alike; afterwards there are spaces in the right distance, endings, and now and then a word.

# %%
print("before\n", untrained, "\n\nafter\n", sample(history, 240), sep="")

# %% [markdown]
# ## The weights of the heads
#
# `forward` returns the mean of a layer's heads. To see them one by one, we note what goes into each attention, and attend with the identity as the values: what comes back is then the weights themselves.

# %%
model = history.model.eval()


@torch.no_grad()
def heads_of(tokens):
    """Compute the weights of every head of every layer, (b, heads of all layers, t, t)."""
    entered = []
    hooks = [
        layer.self_attn.mha.register_forward_pre_hook(lambda mha, inputs: entered.append((mha, inputs[0])))
        for layer in model.dec_layers
    ]
    model(tokens)
    for hook in hooks:
        hook.remove()
    weights = []
    for mha, x in entered:
        q, k, _ = (mha.split(each) for each in mha.project(x, x, x))
        identity = torch.eye(x.shape[1]).expand(*q.shape[:2], -1, -1)
        weights.append(mha.attend(q, k, identity, merge_masks(None, CausalMask(x)))[0])
    return torch.cat(weights, dim=1)


# %% alt="The weights of all eight heads over a line of text, causal."
names = [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3, 4)]


def draw_heads(line):
    """Draw the weights: rows are queries, columns keys."""
    tokens = torch.tensor([[text.vocabulary.index(character) for character in line]])
    characters = line.replace(" ", "\N{OPEN BOX}")
    _, all_axes = plt.subplots(2, 4, figsize=(14, 7.6))
    for axes, name, head in zip(all_axes.flat, names, heads_of(tokens)[0], strict=True):
        axes.imshow(head, cmap="Blues", vmin=0, vmax=1)
        axes.set_title(name)
        axes.set_xticks(range(len(line)), characters, fontsize=8)
        axes.set_yticks(range(len(line)), characters, fontsize=8)
        axes.tick_params(length=0)
    plt.show()


draw_heads("Return the name of a file.")

# %% [markdown]
# In the first layer the weight stays near the diagonal; in the second it reaches further back, and some columns are dark in several rows: a character that many later ones attend to.
# One line may mislead. The next picture is a mean over 64 pieces of the validation text: how much weight each head gives to the character itself, to the one before, and so on.

# %% alt="How much weight each of eight heads gives to the characters 0 to 11 steps back, and to all that are further away."
pieces = text.validation[: 64 * 64].view(64, 64)
weights = heads_of(pieces).mean(dim=0)
late = range(12, 64)  # queries that have at least 12 characters behind them
back = torch.stack([weights[:, late, [t - steps for t in late]].mean(dim=1) for steps in range(12)], dim=1)
rows = torch.cat([back, 1 - back.sum(dim=1, keepdim=True)], dim=1)

figure, axes = plt.subplots(figsize=(11, 4.4))
axes.imshow(rows, cmap="Blues", vmin=0, vmax=0.6, aspect="auto")
for (row, column), share in zip(torch.cartesian_prod(torch.arange(8), torch.arange(13)), rows.flatten(), strict=True):
    color = "white" if share > 0.36 else "black"
    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=color, fontsize=9)
axes.set_xticks(range(13), [*map(str, range(12)), "further"])
axes.set_yticks(range(8), names)
axes.set(xlabel="characters back", title="weight in percent")
axes.tick_params(length=0)
axes.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# Compare the two layers.
# With the docstrings of Python 3.11, three heads of the first give most to the character before, and nearly nothing to what is further than 11 back; the heads of the second give that a quarter to two fifths.

# %% tags=["try"] alt="The weights of all eight heads over your line of text."
# A line of your own, of at most 64 printable ASCII characters. Does a head find the same word when it comes again?
your_line = "a file is a file is a file"

draw_heads(your_line)

# %% [markdown] tags=["question"]
# **Question 3.** Choose a head of the last table and say in one sentence what it seems to do; then say what you would measure to be proven wrong.
# Large weights on a character: do they prove that the model's output depends on it?
