# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 2: layers, looked at
#
# You will see kernels slide over a picture, which inputs an output depends on, where pooling sends its gradient, the paths of optimisers, and the gradient of softmax and cross-entropy.
# Every picture is made by the layers of this part: their forward, and as often their backward.

# %%
import sys
from pathlib import Path

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "autograder" / "run.py").exists())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np

plt.style.use(ROOT / "notebooks" / "look.mplstyle")

# %% [markdown]
# ## What a kernel responds to
#
# A convolution compares one small pattern with every place of a picture, and gives a number: high where the picture is like the pattern, low where it is like its opposite.
# The picture comes with scikit-learn; its mean over 3 × 3 pixels, a mean pooling, makes it small.
# Below, red is positive and blue negative.
# Look at the roof's horizontal lines, to which the second kernel gives nothing and the third does, and at the sky: it is even, so all but the blur give next to nothing there.

# %% alt="A grey picture of a Chinese pavilion, and the outputs of four kernels: blur, vertical edges, horizontal edges, corners and dots."
from sklearn.datasets import load_sample_image

from part2_layers.conv2d import Conv2d
from part2_layers.pool import MaxPool2d, MeanPool2d

photo = load_sample_image("china.jpg").mean(axis=2)[None, None].astype(np.float32) / 255
photo = MeanPool2d(3).forward(photo)
kernels = {
    "blur": np.ones((3, 3)) / 9,
    "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4,
    "horizontal edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4,
    "dots": np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 4,
}
conv = Conv2d(in_channels=1, out_channels=4, kernel_size=3, bias=False)
conv.weight[:, 0] = list(kernels.values())
answers = conv.forward(photo)[0]


def show(axes, values, largest=None, **options):
    largest = largest or np.abs(values).max()
    axes.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


figure, all_axes = plt.subplots(2, 5, figsize=(12, 3.6), height_ratios=[1, 2.6])
all_axes[0, 0].axis("off")
all_axes[1, 0].imshow(photo[0, 0], cmap="gray")
all_axes[1, 0].set(xticks=[], yticks=[], title="the picture")
for (above, below), (name, kernel), answer in zip(all_axes.T[1:], kernels.items(), answers):
    show(above, kernel)
    above.set_title(name)
    show(below, answer, largest=0.4)
plt.show()

# %% [markdown]
# **Try it.** Write your own kernel; it may have any size.
# What would find the left edges of dark things only? What does a kernel of a single 1 away from its middle do?

# %% tags=["try"] alt="The output of a longer kernel for diagonal lines."
mine = -np.ones((5, 5)) + 5 * np.eye(5)
conv = Conv2d(1, 1, kernel_size=mine.shape, bias=False)
conv.weight[0, 0] = mine
figure, axes = plt.subplots(figsize=(6, 4))
show(axes, conv.forward(photo)[0, 0])
plt.show()

# %% [markdown]
# ## The inputs that an output depends on
#
# One output of a 3 × 3 convolution depends on nine inputs.
# Put such layers on top of each other, send a gradient of 1 into a single output, and `backward` shows what that output depends on, and how much.
# All weights are ones here, so the numbers count the ways from an input to the output.
# The field grows by two pixels with each layer, and its middle weighs most.
# A stride of 2 makes every layer after it grow the field twice as fast; now the pixels weigh most that lie under two windows.

# %% alt="Four squares of input pixels: the field of one output grows from three to seven pixels, and to fifteen with strides."
from part2_layers.sequential import Sequential


def receptive_field(*strides):
    layers = Sequential(*(Conv2d(1, 1, 3, stride=stride, bias=False) for stride in strides))
    for layer in layers:
        layer.weight[...] = 1
    output = layers.forward(np.zeros((1, 1, 31, 31), np.float32))
    grad_output = np.zeros_like(output)
    grad_output[0, 0, output.shape[2] // 2, output.shape[3] // 2] = 1
    return layers.backward(grad_output)[0, 0]


stacks = {"1 layer": (1,), "2 layers": (1, 1), "3 layers": (1, 1, 1), "3 layers, stride 2": (2, 2, 2)}
figure, all_axes = plt.subplots(1, 4, figsize=(12, 3.4))
for axes, (name, strides) in zip(all_axes, stacks.items()):
    field = receptive_field(*strides)
    axes.imshow(np.where(field > 0, field, np.nan), cmap="viridis")
    width = int((field.sum(axis=0) > 0).sum())
    axes.set(title=f"{name}: {width} × {width}", xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
plt.show()

# %% [markdown] tags=["question"]
# **Question.** How many layers of 3 × 3 with stride 1 does an output need to see a whole picture of 31 × 31, and how many with stride 2?
# What is paid for the stride?

# %% [markdown]
# ## Where pooling sends its gradient
#
# Max pooling keeps the largest of each window, mean pooling their mean.
# On the way back the gradient of 1 of every output goes to the largest alone, or to all four in equal parts.
# Compare the last two panels: one trains a few inputs at full strength, the other all of them weakly.

# %% alt="Six by six numbers, their maxima and means over two by two windows, and where the gradients go."
rng = np.random.default_rng(3)
x = rng.integers(0, 10, (1, 1, 6, 6)).astype(np.float32)
panels = {"x": x}
for name, layer in {"max": MaxPool2d(2), "mean": MeanPool2d(2)}.items():
    panels[name] = layer.forward(x)
    panels[f"gradient through {name}"] = layer.backward(np.ones_like(panels[name]))
order = ["x", "max", "mean", "gradient through max", "gradient through mean"]
figure, all_axes = plt.subplots(1, 5, figsize=(13, 2.9))
for axes, name in zip(all_axes, order):
    values = panels[name][0, 0]
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1.8 if "gradient" in name else 15)
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value:g}", ha="center", va="center")
    if len(values) == 6:
        axes.set_xticks([1.5, 3.5], minor=True)
        axes.set_yticks([1.5, 3.5], minor=True)
        axes.grid(which="minor", color="black", alpha=1)
    axes.tick_params(which="both", length=0)
    axes.set(title=name, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## Kernels that were learnt
#
# Nobody writes kernels by hand.
# A network of one convolution, one pooling and one Linear learns its own from scikit-learn's handwritten digits of 8 × 8 pixels.

# %%
from sklearn.datasets import load_digits

from part2_layers.activation import ReLU, Softmax
from part2_layers.flatten import Flatten
from part2_layers.linear import Linear
from part2_layers.loss import CrossEntropyLoss
from part2_layers.optim import SGD, Adam

images, labels = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
rng = np.random.default_rng(0)
order = rng.permutation(len(images))
training, test = order[:1400], order[1400:]

model = Sequential(Conv2d(1, 8, 3, rng=rng), ReLU(), MaxPool2d(2), Flatten(), Linear(72, 10, rng=rng))
loss, optimizer = CrossEntropyLoss(), Adam(model, lr=5e-3)
for _ in range(15):
    for batch in np.split(rng.permutation(training), 28):
        optimizer.zero_grad()
        loss.forward(model.forward(images[batch]), labels[batch])
        model.backward(loss.backward())
        optimizer.step()
right = model.forward(images[test]).argmax(axis=1) == labels[test]
print(f"{right.sum()} of {len(test)} test digits are read correctly")

# %% [markdown]
# Above are its eight kernels, below the output of each for one digit, after the ReLU.
# Ink is positive, so the second kernel responds to an edge with ink below and paper above, and the last one to an upright stroke.
# The third and the seventh stayed small, and give nothing for this digit.

# %% alt="Eight learnt kernels of three by three, and below each its output for a handwritten digit."
digit = images[test[0]][None]
maps = ReLU().forward(model[0].forward(digit))[0]
figure, all_axes = plt.subplots(2, 9, figsize=(12, 3))
all_axes[0, 0].axis("off")
all_axes[1, 0].imshow(digit[0, 0], cmap="gray_r")
all_axes[1, 0].set(xticks=[], yticks=[], title=f"a {labels[test[0]]}")
for (above, below), kernel, answer in zip(all_axes.T[1:], model[0].weight[:, 0], maps):
    show(above, kernel, largest=np.abs(model[0].weight).max())
    show(below, answer, largest=maps.max())
plt.show()

# %% [markdown] tags=["question"]
# **Question.** This convolution has 80 parameters; a Linear from 64 pixels to the same 8 · 36 numbers would have 18 720.
# What does the convolution assume about pictures that the Linear would have to learn, and when would that be wrong?

# %% [markdown]
# ## The paths of optimisers
#
# The surface is a long valley, twenty times steeper across than along; the best place is marked by a star.
# All three start at the same point and take 40 steps; a dot is a step.
# SGD jumps from wall to wall and creeps along the floor; momentum adds up what the steps have in common, and overshoots; Adam divides by the size of the gradients, so that steep and flat count alike and it sets out diagonally.
# Here it overshoots as well, and ends behind the other two.

# %% alt="Contours of a narrow valley with three paths: SGD zigzags, momentum swings, Adam walks diagonally."
from part2_layers.module import Module


class Valley(Module):
    """L(w) = (w₀² + 20 w₁²) / 2, with the only parameter w."""

    steepness = np.array([1.0, 20.0])

    def __init__(self):
        super().__init__()
        self.add_parameter("w", np.array([-9.0, 1.8]))

    def backward(self):
        self.w_grad += self.steepness * self.w


def walk(make_optimizer, steps=40):
    valley = Valley()
    optimizer, path = make_optimizer(valley), [valley.w.copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        valley.backward()
        optimizer.step()
        path.append(valley.w.copy())
    return np.array(path)


def draw_walks(optimizers):
    across, along = np.meshgrid(np.linspace(-10, 4, 200), np.linspace(-2.6, 2.6, 100))
    heights = (across**2 + 20 * along**2) / 2
    _, all_axes = plt.subplots(1, len(optimizers), figsize=(4 * len(optimizers), 3.4), sharey=True)
    for axes, (name, make_optimizer) in zip(np.atleast_1d(all_axes), optimizers.items()):
        path = walk(make_optimizer)
        axes.contour(across, along, heights, levels=np.geomspace(0.3, 120, 10), colors="0.75", linewidths=1)
        axes.plot(*path.T, "o-", color="C1", markersize=3, linewidth=1)
        axes.plot(0, 0, "*", color="black", markersize=12)
        final = (Valley.steepness * path[-1] ** 2).sum() / 2
        axes.set(title=f"{name}: loss {final:.2g}", xlim=(-10, 4), ylim=(-2.6, 2.6))
    plt.show()


draw_walks(
    {
        "SGD": lambda valley: SGD(valley, lr=0.09),
        "SGD, momentum 0.8": lambda valley: SGD(valley, lr=0.03, momentum=0.8),
        "Adam": lambda valley: Adam(valley, lr=0.5),
    }
)

# %% [markdown]
# **Try it.** The steepest direction has slope 20, so SGD diverges above lr = 2 / 20 = 0.1: see what happens at 0.101.
# Then find the learning rate and the momentum with the smallest loss after 40 steps.

# %% tags=["try"] alt="The paths of SGD just above its limit, and with Nesterov momentum."
draw_walks(
    {
        "SGD, lr 0.101": lambda valley: SGD(valley, lr=0.101),
        "Nesterov 0.8": lambda valley: SGD(valley, lr=0.03, momentum=0.8, nesterov=True),
    }
)

# %% [markdown]
# ## Softmax and cross-entropy
#
# Softmax turns logits into probabilities p, and cross-entropy is -log p of the class that is right.
# On the left, four logits with class 1 as the target: the gradient is p - q, negative for the right class alone, and its bars sum to 0.
# On the right, the loss over the lead of the right logit in front of a single other one.
# A wrong and certain answer costs in proportion to how certain it is, and its slope is near -1; a right one soon costs nothing, and its slope vanishes.

# %% alt="Bars of probabilities and their gradient, and the cross-entropy falling with the lead of the right logit."
logits, target = np.array([[2.0, 0.5, -1.0, 1.0]]), np.array([1])
loss = CrossEntropyLoss()
value = loss.forward(logits, target)
gradient = loss.backward()[0]

leads = np.linspace(-6, 6, 121)
pairs = np.stack([leads, np.zeros_like(leads)], axis=1)
each = CrossEntropyLoss(reduction="none")
losses = each.forward(pairs, np.zeros(len(leads), dtype=int))
slopes = each.backward(np.ones_like(leads))[:, 0]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
classes = np.arange(4)
left.bar(classes - 0.2, Softmax(dim=1).forward(logits)[0], width=0.4, label="p")
left.bar(classes + 0.2, gradient, width=0.4, label="dL/dlogit = p - q")
left.axhline(0, color="black", linewidth=0.8)
left.set(xticks=classes, xlabel="class (1 is right)", title=f"loss {value:.2f}")
left.legend()
right.plot(leads, losses, label="loss")
right.plot(leads, slopes, label="its slope")
right.set(xlabel="lead of the right logit", title="Two classes")
right.legend()
right.grid()
plt.show()

# %% [markdown] tags=["question"]
# **Question.** Suppose the loss were (1 - p)² of the right class instead.
# What would its slope be for a wrong and certain answer, and what would that mean for learning from bad mistakes?
