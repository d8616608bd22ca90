# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 1: what a tape records
#
# You will see the tape of real computations drawn as graphs, and gradients arriving along their edges in reverse order.
# At the end, numbers from the tape are compared with slopes that were measured without it.

# %%
import sys
from pathlib import Path

ROOT = next(folder for folder in [Path.cwd(), *Path.cwd().parents] if (folder / "autograder" / "run.py").exists())
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np

plt.style.use(ROOT / "notebooks" / "look.mplstyle")

# %% [markdown]
# ## A tape
#
# Three numbers, four operations.
# While Python computes the loss, every operation writes one line on the tape: what went in, what came out, and the rule for its gradient.
# Boxes with corners are leaves, the arrays that you made; rounded boxes are operations.
# Note `w`: it is used twice, so two arrows leave its box.

# %% alt="The graph of a small expression: leaves at the top, the loss at the bottom."
from part1_autograd.graph import draw
from part1_autograd.tensor import Tensor, default_autograd

x, w, b = (Tensor(value, requires_grad=True) for value in (2.0, -0.5, 1.5))
loss = (w * x + b) * w
draw(loss)
plt.show()

# %%
for number, (inputs, output, _, backward) in enumerate(default_autograd().operation_list, start=1):
    took = ", ".join(f"{array:5.2f}" for array in inputs)
    print(f"{number}  {backward.__name__:12}  in {took}  out {output:5.2f}")

# %% [markdown]
# ## Back along the tape
#
# The walk back reads these lines from the last to the first.
# L = (w·x + b)·w, so dL/dw = 2wx + b by hand: the two arrows of `w` bring wx + b and wx, and they add up.

# %%
loss.backward()
for name, tensor in {"x": x, "w": w, "b": b}.items():
    print(f"dL/d{name} = {tensor.grad:5.2f}")
print(f"by hand: 2wx + b = {2 * w.item() * x.item() + b.item():5.2f}")
default_autograd().zero_grad()

# %% [markdown] tags=["question"]
# **Question.** The tape is read from the back, and no line is ever visited twice or sorted.
# Why is every use of an array met before the operation that made it?

# %% [markdown]
# ## A network with one hidden layer
#
# The same machine records a network that learns XOR: four points, of which two opposite corners belong together.
# Constants (the points, the targets) are not on the tape, since their gradient is not needed.
# Read the picture from the top: every weight enters where it is used, and everything meets in one number.

# %% alt="The tape of a two-layer network: weights enter from the sides, one mean at the bottom."
points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
targets = np.array([[0], [1], [1], [0]], dtype=float)
rng = np.random.default_rng(4)
parameters = {
    "W1": Tensor(rng.normal(size=(2, 4)), requires_grad=True),
    "b1": Tensor(np.zeros(4), requires_grad=True),
    "W2": Tensor(rng.normal(size=(4, 1)), requires_grad=True),
    "b2": Tensor(np.zeros(1), requires_grad=True),
}


def predict(inputs):
    hidden = (inputs @ parameters["W1"] + parameters["b1"]).tanh()
    return (hidden @ parameters["W2"] + parameters["b2"]).sigmoid()


def squared_error():
    return ((predict(Tensor(points)) - targets) ** 2).mean()


draw(squared_error())
plt.show()

# %% [markdown]
# ## Gradients, flowing
#
# `retain_grad` keeps what is otherwise dropped: the gradients of results on the way.
# Below, each row of a matrix is one of the four points.
# The gradient that arrives at h (second panel) times the slope of tanh (third) is what goes on to z (fourth).
# Where a unit is saturated (|h| near 1), the slope is small and little passes: follow unit 0 at the point 1 1.

# %% alt="Four coloured matrices: the hidden activations, their gradient, the slope of tanh, and the product of both."
default_autograd().zero_grad()
before = Tensor(points) @ parameters["W1"] + parameters["b1"]
hidden = before.tanh()
error = (((hidden @ parameters["W2"] + parameters["b2"]).sigmoid() - targets) ** 2).mean()
before.retain_grad()
hidden.retain_grad()
error.backward()

panels = {
    "h = tanh(z)": hidden.data,
    "dL/dh": hidden.grad,
    "1 - h²": 1 - hidden.data**2,
    "dL/dz = dL/dh · (1 - h²)": before.grad,
}
figure, all_axes = plt.subplots(1, 4, figsize=(11, 3.2))
for axes, (title, values) in zip(all_axes, panels.items()):
    largest = np.abs(values).max()
    axes.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(values):
        shade = "white" if abs(value) > 0.6 * largest else "black"
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=shade, fontsize=9)
    axes.set(title=title, xlabel="hidden unit", xticks=range(4), yticks=range(4))
    axes.set_yticklabels(["0 0", "0 1", "1 0", "1 1"])
all_axes[0].set_ylabel("point")
plt.show()

# %% [markdown] tags=["question"]
# **Question.** Multiply W1 by ten and think of the third panel: what happens to its numbers, and what to the gradient of W1?
# Why is that a reason to begin with small weights?

# %% [markdown]
# ## Is it true?
#
# A derivative can be measured without any rule: move one number a little, and see how the loss moves.
# [L(w + ε) - L(w - ε)] / 2ε misses the slope by about ε² · L'''/6, so a smaller ε is better, until the subtraction has no digits left.
# Look for the valley: to its right the formula is inexact, to its left the arithmetic is.

# %% alt="Error of the measured slope over epsilon on two logarithmic axes: a valley near one hundred-thousandth."
from part1_autograd.tensor import no_grad


def measured_slope(array, index, epsilon):
    kept, values = array[index], []
    with no_grad():
        for sign in (1, -1):
            array[index] = kept + sign * epsilon
            values.append(squared_error().item())
    array[index] = kept
    return (values[0] - values[1]) / (2 * epsilon)


sizes = 10.0 ** np.arange(-13, 0.1, 0.25)
weight = parameters["W1"]
largest_errors = [
    max(abs(measured_slope(weight.data, index, size) - weight.grad[index]) for index in np.ndindex(weight.shape))
    for size in sizes
]
figure, axes = plt.subplots(figsize=(8, 4))
axes.loglog(sizes, largest_errors, "o-", markersize=4)
axes.set(xlabel="ε", ylabel="largest error in dL/dW1", title="The tape's gradient and the measured slope")
axes.grid()
plt.show()
print(f"smallest error {min(largest_errors):.0e}, at ε = {sizes[np.argmin(largest_errors)]:.0e}")

# %% [markdown]
# ## Put to use
#
# Now the network may learn: a thousand steps against the gradient.
# On the left the loss falls; on the right is the network's output everywhere on the square.
# A single line cannot part these corners, so the hidden layer has to bend it.

# %% alt="A falling loss, and the square of inputs coloured by the output: two corners blue, two red."
rate, steps = 2.0, 1000
losses = []
for _ in range(steps):
    error = squared_error()
    error.backward()
    for parameter in parameters.values():
        parameter.data -= rate * parameter.grad
    default_autograd().zero_grad()
    losses.append(error.item())

side = np.linspace(-0.25, 1.25, 80)
with no_grad():
    answers = predict(Tensor(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))).data.reshape(80, 80)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.semilogy(losses)
left.set(xlabel="step", ylabel="mean squared error", title="Learning")
left.grid()
image = right.imshow(answers, extent=(-0.25, 1.25, -0.25, 1.25), origin="lower", cmap="RdBu_r", vmin=0, vmax=1)
right.scatter(*points.T, c=targets[:, 0], cmap="RdBu_r", vmin=0, vmax=1, edgecolors="white", linewidths=2, s=120)
right.set(xlabel="first input", ylabel="second input", title="What it answers")
figure.colorbar(image)
plt.show()
print("answers:", predict(Tensor(points)).data.ravel().round(2))

# %% [markdown]
# **Try it.** Change the expression, then draw what your own formula writes on the tape.
# Does it have the shape that you expected? `x * x * x` and `x ** 3` give the same number with different tapes.

# %% tags=["try"] alt="The tape of x cubed, written as two products."
default_autograd().zero_grad()
x = Tensor([0.5, 1.0, 2.0], requires_grad=True)
y = (x * x * x).sum()
y.backward()
draw(y)
plt.show()
print("dy/dx =", x.grad)

# %% [markdown]
# **Try it.** Give the seed 4 above another number, or the rate: from some first weights XOR is not learnt within a thousand steps.
# This cell counts how often it is, with the learning rate that you choose.

# %% tags=["try"]
rate, learnt = 2.0, 0
for seed in range(10):
    rng = np.random.default_rng(seed)
    for name, parameter in parameters.items():
        parameter.data[...] = rng.normal(size=parameter.shape) if name.startswith("W") else 0
    for _ in range(1000):
        error = squared_error()
        error.backward()
        for parameter in parameters.values():
            parameter.data -= rate * parameter.grad
        default_autograd().zero_grad()
    learnt += error.item() < 0.01
print(f"{learnt} of 10 beginnings end below 0.01")

# %% [markdown] tags=["question"]
# **Question.** Forward mode would find dL/d(one weight) in one walk from the weight to the loss.
# How many walks would this network need for its whole gradient, and how many does the tape need?
