# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 3: gates, and all alignments
#
# You will see the gates of a GRU open and close while a telephone dials, how far a gradient reaches back in time, and the lattice of all alignments that CTC sums over.
# The network that you look at is trained on the way.

# %%
import sys
from pathlib import Path

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "autograder" / "run.py").exists())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np

plt.style.use(ROOT / "notebooks" / "look.mplstyle")

# %% [markdown]
# ## The input of the network
#
# A telephone key sounds as two tones at once, one for its row and one for its column.
# The upper picture is the sound itself, with noise; the lower one the energy in 40 bands of the mel scale, every 10 ms.
# In each blot look for the two bright lines: digits of one row share the lower one.

# %% alt="The wave of five dialled digits, and its log-mel spectrogram with two bright lines for each digit."
from part3_recurrent import features

digits = [1, 2, 3, 6, 9]
sound = features.touch_tones(digits, np.random.default_rng(0), lowest_snr=15)
mel = features.log_mel(sound)
seconds = len(sound) / features.SAMPLE_RATE
figure, (above, below) = plt.subplots(2, 1, figsize=(10, 4.4), sharex=True)
above.plot(np.arange(len(sound)) / features.SAMPLE_RATE, sound, linewidth=0.4)
above.set(ylabel="sound", title="dialled: " + " ".join(map(str, digits)))
below.imshow(mel.T, origin="lower", aspect="auto", extent=(0, seconds, 0, 40))
below.set(xlabel="seconds", ylabel="mel band", xlim=(0, seconds))
plt.show()

# %% [markdown]
# ## A recogniser, trained
#
# This is the part's own training script, cut short: 500 steps instead of 1 200.
# The targets do not hold when a digit was dialled, only which ones were, and in which order.

# %%
from part3_recurrent.train_gru_ctc import FRAMES_JOINED, Config, beginning, heard_page, listen, train

config = Config.tones(epochs=10)
untrained = beginning(config).model
history = train(config)
for number, epoch in enumerate(history.epochs, start=1):
    print(f"epoch {number:2}  loss {epoch.training_loss:.3f}  digit error on held-out strings {epoch.digit_error:.1%}")

# %% [markdown]
# A string of the test, and the network's probabilities.
# Each digit is probable about as long as its tone sounds, and the blank between them, also between the two equal digits at the end.

# %% alt="A spectrogram of dialled digits, and below it the network's probability of each digit over time: high while its tone sounds."
heard_page(history)

# %% [markdown] tags=["question"]
# **Question.** The loss knows no times: it does not demand a digit as long as its tone sounds.
# Which other outputs would give the same transcript? And what would be read if the network gave no blank between two equal digits?

# %% [markdown]
# ## Gates
#
# h' = (1 - z) ⊙ n + z ⊙ h: where the update gate z is near 1 a unit keeps its state, where it is near 0 it takes the new value n.
# The GRU of the recogniser reads in both directions; here is the forward one, stepped by hand with the cell that has its weights.
# Units are sorted by their mean z: the lowest rows take new values at almost every step, the top ones keep theirs longest.
# Look for the bright columns of z: around the edges of a tone, many units hold on together for a step or two.

# %% alt="A spectrogram, and below it the update gate, the reset gate and the state of 64 units over time."
from part3_recurrent.cell import sigmoid
from part3_recurrent.gru_cell import GRUCell
from part3_recurrent.utterances import Utterance, hear

said = [7, 7, 4, 0, 1, 5]
sound = features.touch_tones(said, np.random.default_rng(5), lowest_snr=15)
utterance = Utterance(hear(sound, FRAMES_JOINED), said)
cell = GRUCell(utterance.heard.shape[1], config.hidden_size)
for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
    getattr(cell, name)[...] = getattr(history.model.gru, f"{name}_l0")

h, updates, resets, states = np.zeros((1, config.hidden_size), np.float32), [], [], []
for x in utterance.heard[:, None]:
    x_r, x_z, _ = np.split(x @ cell.weight_ih.T + cell.bias_ih, 3, axis=1)
    h_r, h_z, _ = np.split(h @ cell.weight_hh.T + cell.bias_hh, 3, axis=1)
    h = cell.forward(x, h)
    for kept, values in ((resets, sigmoid(x_r + h_r)), (updates, sigmoid(x_z + h_z)), (states, h)):
        kept.append(values[0])
order = np.argsort(np.mean(updates, axis=0))
rows = {"update gate z": np.array(updates), "reset gate r": np.array(resets), "state h": np.array(states)}


def spectrogram(axes, utterance, title):
    axes.imshow(
        utterance.heard.reshape(-1, 40).T, origin="lower", aspect="auto", extent=(0, len(utterance.heard), 0, 40)
    )
    axes.set(ylabel="mel band", title=title)


figure, all_axes = plt.subplots(4, 1, figsize=(10, 8), sharex=True)
spectrogram(all_axes[0], utterance, "dialled: " + " ".join(map(str, said)))
for axes, (name, values) in zip(all_axes[1:], rows.items()):
    low, cmap = (-1, "RdBu_r") if name == "state h" else (0, "magma")
    image = axes.imshow(
        values.T[order],
        origin="lower",
        aspect="auto",
        cmap=cmap,
        interpolation="nearest",
        vmin=low,
        vmax=1,
        extent=(0, len(values), 0, len(order)),
    )
    axes.set(ylabel="unit", title=name)
    figure.colorbar(image, ax=axes, pad=0.01)
all_axes[-1].set(xlabel="step of 30 ms")
plt.show()

# %% [markdown]
# ## How far back a gradient reaches
#
# Send a gradient of norm 1 into the last of 60 steps and watch it go back through the cells' own `backward`.
# A plain RNN multiplies it by the same matrix each time, and by the slope of tanh.
# With a largest eigenvalue of 0.7 nothing is left; with 1.3 the matrix stretches while tanh, saturated, shrinks, and the norm wanders.
# A GRU does no better by itself: with z near ½ about half is lost at every step.
# But it has a gate that can be learnt: with a bias of 3, z is about σ(3) = 0.95, and the norm falls by about five percent a step.

# %% alt="The norm of the gradient over steps back in time on a logarithmic axis, for plain RNNs and GRUs."
from part3_recurrent.rnn_cell import RNNCell

STEPS, SIZE = 60, 32


def gradient_norms(cell, seed=1):
    rng = np.random.default_rng(seed)
    h = np.zeros((1, SIZE))
    for _ in range(STEPS):
        h = cell.forward(0.1 * rng.normal(size=(1, 4)), h)
    grad = rng.normal(size=(1, SIZE))
    grad, norms = grad / np.linalg.norm(grad), [1.0]
    for _ in range(STEPS):
        _, grad = cell.backward(grad)
        norms.append(np.linalg.norm(grad))
    return norms


def plain(scale):
    cell = RNNCell(4, SIZE, dtype=np.float64, rng=np.random.default_rng(0))
    largest = np.abs(np.linalg.eigvals(cell.weight_hh)).max()
    cell.weight_hh *= scale / largest
    return cell


def gated(bias):
    cell = GRUCell(4, SIZE, dtype=np.float64, rng=np.random.default_rng(0))
    cell.bias_ih[SIZE : 2 * SIZE] += bias
    return cell


cells = {f"RNN, largest eigenvalue {scale}": plain(scale) for scale in (0.7, 1.0, 1.3)}
cells |= {f"GRU, update bias {bias}": gated(bias) for bias in (0, 3)}
figure, axes = plt.subplots(figsize=(9, 4.2))
for name, cell in cells.items():
    axes.semilogy(gradient_norms(cell), label=name, linestyle="-" if "RNN" in name else "--")
axes.set(xlabel="steps back", ylabel="norm of dL/dh")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
axes.grid()
plt.show()

# %% [markdown]
# **Try it.** Which bias of the update gate lets half of the gradient's norm arrive after 60 steps?
# And how does the plain cell fare with eigenvalue 1.0, for another seed?

# %% tags=["try"]
for bias in (1, 2, 3, 4, 5):
    print(f"bias {bias}: {gradient_norms(gated(bias))[-1]:.3f} of the gradient's norm arrive")

# %% [markdown] tags=["question"]
# **Question.** dL/dh = g ⊙ z + …, the first term of the GRU's backward.
# Explain the dashed lines with it. What does a unit pay for a z that is always near 1?

# %% [markdown]
# ## The lattice of alignments
#
# CTC puts a blank before, between and after the labels, and sums over every walk from the left to the upper right end.
# Here every symbol is equally likely at every frame, so a dot's size shows how many of the walks pass: γ, the posterior.
# The label 2 stands twice, and no line skips the blank between its two copies: without the blank they would be read as one.

# %% alt="A lattice of states over frames; dots are larger where more walks pass, in a band from lower left to upper right."
from part3_recurrent.ctc import extend_target_with_blank, log_forward, log_posteriors


def draw_lattice(target, frames, classes=4):
    log_probs = np.full((frames, classes), -np.log(classes))
    extended, can_skip = extend_target_with_blank(target)
    gamma = np.exp(log_posteriors(log_probs, target))
    walks = np.exp(log_forward(log_probs, target)[-1, -2:]).sum() * classes**frames
    _, axes = plt.subplots(figsize=(1 + frames, 0.6 * len(extended) + 0.6))
    for t, s in np.argwhere(gamma > 0):
        for step in (0, 1, 2)[: 3 if s + 2 < len(extended) and can_skip[s + 2] else 2]:
            if t + 1 < frames and s + step < len(extended) and gamma[t + 1, s + step] > 0:
                axes.plot([t, t + 1], [s, s + step], color="0.7", linewidth=1, zorder=1)
    place = np.argwhere(gamma > 0)
    colors = np.where(extended[place[:, 1]] == 0, "C4", "C0")
    axes.scatter(*place.T, s=500 * gamma[gamma > 0], c=colors, zorder=2)
    labels = ["blank" if label == 0 else str(label) for label in extended]
    axes.set(xlabel="frame", xticks=range(frames), yticks=range(len(extended)), yticklabels=labels)
    axes.set(
        ylabel="state", title=f"{' '.join(map(str, target))} in {frames} frames: {walks:.0f} of {classes**frames} paths"
    )
    plt.show()


draw_lattice([1, 2, 2], frames=8)

# %% [markdown]
# **Try it.** Take the shortest number of frames that a target can be spelled in: how many walks are left?
# Why is [1, 2, 2] impossible in three frames, and [1, 2, 3] not?

# %% tags=["try"] alt="The lattice of a target in as few frames as it needs: a single walk."
draw_lattice([1, 2, 2], frames=4)

# %% [markdown]
# ## The same lattice, over a real sound
#
# Now the probabilities are the network's, for the six digits from above.
# Before training, γ is a wide band of alignments; afterwards hardly more than one of them is left.
# The gradient is p - γ, the network's probability minus the posterior (red: too much, blue: too little).
# Row 0 is the blank, row d + 1 the digit d: before training nearly every frame has a gradient, afterwards next to none has.

# %% alt="Before and after training: the posterior over the lattice, and the gradient for every symbol at every frame."
target = np.array(said) + 1
figure, all_axes = plt.subplots(2, 2, figsize=(11, 6.5))
for row, (name, model) in zip(all_axes, {"before training": untrained, "after": history.model}.items()):
    log_probs = listen(model, [utterance])[0][:, 0]
    gamma = np.exp(log_posteriors(log_probs, target))
    extended, _ = extend_target_with_blank(target)
    by_symbol = np.stack([gamma[:, extended == symbol].sum(axis=1) for symbol in range(11)], axis=1)
    row[0].imshow(gamma.T, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1)
    row[0].set(title=f"γ {name}", ylabel="state", yticks=range(1, 13, 2), yticklabels=said)
    difference = (np.exp(log_probs) - by_symbol).T
    image = row[1].imshow(difference, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
    row[1].set(title=f"p - γ {name}", ylabel="symbol", yticks=range(0, 11, 2))
    figure.colorbar(image, ax=row[1], pad=0.01)
for axes in all_axes[1]:
    axes.set_xlabel("step of 30 ms")
plt.show()

# %% [markdown] tags=["question"]
# **Question.** Before training the blank's row of p - γ is blue nearly everywhere.
# Count the states of the blank and explain why the blank is the first thing that such a network learns.
