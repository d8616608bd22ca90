# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 4: attention, looked at
#
# You will see how scores become weights, what a mask hides, on the way there and on the way back, and why one head is not enough.
# Every picture comes from the classes that you write in this part.

# %%
import sys
from pathlib import Path

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "autograder" / "run.py").exists())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np

plt.style.use(ROOT / "notebooks" / "look.mplstyle")

# %% [markdown]
# ## From scores to weights
#
# Nothing is learned here.
# A word is the vector of its letters, of length 1, so the score of two words is high where they are spelled alike: *cat*, *sat* and *mat* share two of three letters.
# Each row is a query, each column a key.
# Before the softmax we multiply the scores by a *sharpness*.

# %% alt="Four tables between six words: their scores, and their weights at three sharpnesses, from even to nearly diagonal."
from part4_attention.draw_masks import heat_map, letters_of
from part4_attention.scaled_dot_product_attention import masked_softmax

words = ["the", "cat", "sat", "on", "the", "mat"]
letters = np.stack([letters_of(word) for word in words])
scores = letters @ letters.T
nothing_hidden = np.zeros(scores.shape, dtype=bool)
panels = {"scores, times 100": scores} | {
    f"weights in %, sharpness {sharpness}": masked_softmax(sharpness * scores) for sharpness in (1, 4, 16)
}

figure, all_axes = plt.subplots(1, 4, figsize=(14, 4))
for axes, (title, numbers) in zip(all_axes, panels.items(), strict=True):
    heat_map(axes, words, numbers, nothing_hidden)
    axes.set_title(title)
plt.show()

# %% [markdown]
# With a sharpness of 1 every query spreads its weight almost evenly; with 16 a word hardly attends to anything but itself and its copies.
# The rows sum to 100 at any sharpness, up to rounding.
# Look at *the*: it stands there twice, with the same score, and so the two share the weight equally. A dot product does not depend on which came first.

# %% tags=["try"] alt="The weights between your words."
# Another sentence, another sharpness. From which sharpness on does your first word give half of its weight to itself?
your_words = ["one", "done", "gone", "on"]
your_sharpness = 4

your_letters = np.stack([letters_of(word) for word in your_words])
your_weights = masked_softmax(your_sharpness * your_letters @ your_letters.T)
figure, axes = plt.subplots(figsize=(4, 4))
heat_map(axes, your_words, your_weights, np.zeros(your_weights.shape, dtype=bool))
plt.show()

# %% [markdown]
# ## Why the scores are divided by √d
#
# The score of two vectors of d independent features of variance 1 has variance d: undivided, longer vectors make a sharper softmax.
# To the right is what a sharp softmax costs: the size of its derivative, ‖∂W/∂S‖, through which every gradient of query and key must pass.

# %% alt="Two charts over the number of features: undivided, the largest weight grows to nearly one and the derivative of the softmax falls; divided by the root of d, both stay."
rng = np.random.default_rng(0)
sizes = np.array([1, 4, 16, 64, 256, 1024])
largest, slope = {}, {}
for d in sizes:
    query, keys = rng.normal(size=(500, 1, d)), rng.normal(size=(500, 16, d))
    drawn = query @ keys.swapaxes(-1, -2)
    for name, given in (("Q Kᵀ", drawn), ("Q Kᵀ / √d", drawn / np.sqrt(d))):
        w = masked_softmax(given)
        jacobian = w.swapaxes(-1, -2) * (np.eye(16) - w)
        largest.setdefault(name, []).append(w.max(axis=-1).mean())
        slope.setdefault(name, []).append(np.linalg.norm(jacobian, axis=(1, 2)).mean())

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
for axes, lines, title in ((left, largest, "largest of 16 weights"), (right, slope, "‖∂W/∂S‖")):
    for name, values in lines.items():
        axes.plot(sizes, values, "o-", label=name)
    axes.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="features d", ylim=(0, None), title=title)
    axes.minorticks_off()
left.legend()
plt.show()

# %% [markdown] tags=["question"]
# **Question 1.** With d = 1024 and undivided scores, what does the layer still learn about *where* to attend when training begins, and why?
# What about *what* it outputs, the values?

# %% [markdown]
# ## Masks
#
# A mask is True where a query may not attend.
# `key_padding_mask` hides columns from all queries; the causal mask hides from each query what comes after it.
# `draw_masks.page` draws the same sentence after one step of padding, at a sharpness of nearly 4.
# Compare each row with the same row of the first panel: what the mask takes away is shared out among the keys that are left, in the proportions that they had.

# %% alt="Weights of attention between seven words under four masks."
from part4_attention.draw_masks import PADDING, page

page([PADDING, *words])

# %% [markdown]
# In the last panel `<pad>` may attend to nothing: the causal mask leaves it itself alone, and that is padding.
# Its row is zero and not nan; `masked_softmax` has to see to that.

# %% [markdown]
# ## What a mask does to gradients
#
# Now the way back, under both masks.
# We take one output at a time, send an upstream gradient of length 1 into it, and note how long the gradient is that arrives at each query, each key and each value.
# The trick is a batch with a copy of the sentence for every output.

# %% alt="Three tables, for queries, keys and values: how long the gradient is that each output sends to each of them."
from part4_attention.inputs import causal_mask
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention

shown = [PADDING, *words]
time = len(shown)
x = np.stack([letters_of(word) for word in shown])
mask = causal_mask(time) | (np.array(shown) == PADDING)
rng = np.random.default_rng(1)
value, upstream = rng.normal(size=(2, time, 8))
upstream /= np.linalg.norm(upstream, axis=-1, keepdims=True)

attention = ScaledDotProductAttention()
copies = [np.broadcast_to(each, (time, *each.shape)) for each in (np.sqrt(20) * x, np.sqrt(20) * x, value)]
attention.forward(*copies, np.broadcast_to(mask, (time, time, time)))
one_output = np.eye(time)[:, :, None] * upstream
lengths = [np.linalg.norm(gradient, axis=-1) for gradient in attention.backward(one_output)]

figure, all_axes = plt.subplots(1, 3, figsize=(14, 5))
for axes, name, length, hidden in zip(all_axes, "QKV", lengths, (np.zeros_like(mask), mask, mask), strict=True):
    heat_map(axes, shown, length, hidden)
    axes.set_title(f"length of d{name}, times 100")
all_axes[0].set_ylabel("the output that the gradient enters")
figure.supxlabel("the query, key or value at which it arrives; hatched: masked", fontsize="medium")
plt.show()

# %% [markdown]
# Four things to find:
#
# 1. Under the hatching there is nothing: a masked key gets no gradient from a query that may not attend to it, neither does its value.
# 2. An output depends on its own query alone: dQ is a diagonal.
# 3. dV is the picture of the weights once more: ‖dvⱼ‖ = W[i, j] ‖gᵢ‖.
# 4. The first *the* attends to a single key. Its value gets the whole gradient, its key and its query get none.
#
# The next cell checks the first and the third with numbers.

# %%
print("largest gradient under the mask  ", max(length[mask].max() for length in lengths[1:]))
print("dV is the weights                ", np.allclose(lengths[2], attention.attention_weights[0]))
print("gradients of a query without keys", *(length[0].max() for length in lengths))

# %% [markdown] tags=["question"]
# **Question 2.** The first *the* attends to one key only, and the query's and the key's gradients are exactly zero.
# Read it off the equation dS = W ⊙ (dW - Σ dW ⊙ W). When does a query that attends to *two* keys get no gradient either?

# %% [markdown]
# ## Heads that attend to different things
#
# One softmax has one maximum. So that a word can attend to several things at once, a layer has several heads, each on its own part of the projected features.
# We set the projections by hand, so that each of three heads compares something else.
# A word is now three vectors of 26 features: all its letters, its first letter, its position as cosines and sines.
# Head 3 compares the *turned* position of the query: turning all waves back by one step makes the position of the word before.

# %%
sentence = ["big", "bears", "sat", "on", "small", "beds"]
waves = 2 * np.pi * np.arange(1, 14) / 27
angles = np.outer(np.arange(len(sentence)), waves)
positions = np.hstack([np.cos(angles), np.sin(angles)])
spelled = np.stack([letters_of(word) for word in sentence])
initials = np.stack([letters_of(word[0]) for word in sentence])
features = np.hstack([spelled, initials, positions / np.sqrt(13)])[None]


def look_back(steps):
    """Make the matrix that turns the position of a word into that of the word so many steps before."""
    cosine, sine = np.diag(np.cos(steps * waves)), np.diag(np.sin(steps * waves))
    return np.block([[cosine, sine], [-sine, cosine]])


# %% alt="The weights of three heads that compare letters, first letters and positions, and those of one head that compares all."
from part4_attention.multi_head_attention import MultiHeadAttention


def layer_of(num_heads, steps_back, sharpness=20.0):
    """Attention whose projections keep the three kinds of features apart, and turn the position of the query."""
    layer = MultiHeadAttention(78, num_heads, dtype=float, rng=np.random.default_rng(0))
    layer.q_proj.weight[...] = sharpness * np.eye(78)
    layer.q_proj.weight[52:, 52:] = sharpness * look_back(steps_back)
    layer.k_proj.weight[...] = np.eye(78)
    return layer


def draw_heads(weights, titles):
    """Draw a panel for each head's weights (t, t)."""
    size = 3.6 * len(titles), 4.4
    all_axes = plt.figure(figsize=size).subplots(1, len(titles), squeeze=False)
    for axes, title, each in zip(all_axes[0], titles, weights, strict=True):
        heat_map(axes, sentence, each, np.zeros(each.shape, dtype=bool))
        axes.set_title(title)
    plt.show()


three, one = layer_of(num_heads=3, steps_back=1), layer_of(num_heads=1, steps_back=1)
for layer in (three, one):
    layer.forward(features, features, features)
weights = [*three.attention.attention_weights[0], *one.attention.attention_weights[0]]
draw_heads(weights, ["head 1: letters", "head 2: first letter", "head 3: the word before", "one head, all features"])

# %% [markdown]
# Read the row of *bears*: beside itself it finds *beds* in head 1, *big* and *beds* equally in head 2, and *big* alone in head 3. Three results at the same time.
# The single head has the same projections, but it adds the three scores up before its one softmax, and its result is a compromise: *bears* attends mostly to *big*, and the weights do not show for which reason.
# Look at the first row of head 3: there is no word before the first, no key fits better than another, and the weights are even.

# %% tags=["try"] alt="The weights of head 3, the position turned by your steps."
# Let head 3 attend two words back, or ahead (a negative number). What does a half step give?
your_steps = 2

layer = layer_of(num_heads=3, steps_back=your_steps)
layer.forward(features, features, features)
draw_heads(layer.attention.attention_weights[0, 2:], [f"head 3: {your_steps} back"])

# %% [markdown] tags=["question"]
# **Question 3.** Let *bears* and *sat* change places. In which heads' pictures do rows and columns change places with them, and which head's picture stays as it is?
# What would head 3 need to attend to the last *noun* before, instead of the last word?
