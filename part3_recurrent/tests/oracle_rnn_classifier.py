"""The same classifier built from torch's modules, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from autograder.testing import truth
from autograder.testing.strategies import Shape
from autograder.testing.torch_oracle import Answer, Array, with_state
from part3_recurrent.tests.oracle import pull_back
from part3_recurrent.tests.oracle_cell import as_if

Lengths = Array | list[int] | None
Summary = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Classifier(torch.nn.Module):
    """An RNN, and a Linear on a summary of its output and its last hidden states."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, num_classes: int) -> None:
        super().__init__()
        self.rnn = torch.nn.RNN(input_size, hidden_size, num_layers)
        self.linear = torch.nn.Linear(hidden_size, num_classes)

    def forward(self, x: torch.Tensor, lengths: Lengths, summary: Summary) -> torch.Tensor:
        if lengths is None:
            return self.linear(summary(*self.rnn(x)))
        packed = pack_padded_sequence(x, torch.as_tensor(lengths), enforce_sorted=False)
        output, h_n = self.rnn(packed)
        return self.linear(summary(pad_packed_sequence(output, total_length=len(x))[0], h_n))


def top_state(output: torch.Tensor, h_n: torch.Tensor) -> torch.Tensor:
    """Take the last state of the top layer."""
    return h_n[-1]


@cache
def state_shapes(**sizes: int) -> dict[str, Shape]:
    """Give the shape of everything in the classifier's state dict."""
    return {name: tuple(value.shape) for name, value in Classifier(**sizes).state_dict().items()}


@truth
def classifier(sizes: Answer, state: Answer, x: Array, lengths: Lengths, logits_grad: Array | None = None) -> Answer:
    return _run(sizes, state, x, lengths, logits_grad)


def classifier_mistakes(
    sizes: Answer, state: Answer, x: Array, lengths: Lengths, logits_grad: Array | None = None
) -> Answer:
    problem = sizes, state, x
    mistakes = {
        "the Linear reads the bottom layer's last state; it reads the top layer's": _run(
            *problem, lengths, logits_grad, lambda output, h_n: h_n[0]
        ),
        "the Linear reads the average of the outputs; it reads the top layer's last state": _run(
            *problem, lengths, logits_grad, lambda output, h_n: output.mean(dim=0)
        ),
        "the Linear reads the average of all layers' last states; it reads the top layer's": _run(
            *problem, lengths, logits_grad, lambda output, h_n: h_n.mean(dim=0)
        ),
    }
    if logits_grad is not None:
        mistakes |= {
            "every layer's state has the gradient; only the top layer's was read": _run(
                *problem, lengths, logits_grad, lambda output, h_n: as_if(h_n[-1], h_n.sum(dim=0))
            ),
            "the bottom layer's state has the gradient; the top layer's was read": _run(
                *problem, lengths, logits_grad, lambda output, h_n: as_if(h_n[-1], h_n[0])
            ),
            "the gradient enters at the last time step; it must enter at each sequence's own end": _run(
                *problem, lengths, logits_grad, lambda output, h_n: as_if(h_n[-1], output[-1])
            ),
        }
    if lengths is not None:
        mistakes |= {
            "the Linear reads the output at the last time step, which is zero for a sequence that ended before": _run(
                *problem, lengths, logits_grad, lambda output, h_n: output[-1]
            ),
            "lengths has no effect: the padding is read too": _run(*problem, None, logits_grad),
        }
    return mistakes


def _run(
    sizes: Any, state: Any, x: Array, lengths: Lengths, logits_grad: Array | None, summary: Summary = top_state
) -> Answer:
    model, tensor = with_state(Classifier(**sizes), state, x.dtype), torch.tensor(x, requires_grad=True)
    logits = model(tensor, lengths, summary)
    if logits_grad is None:
        return {"logits": logits.detach().numpy()}
    return pull_back({"logits": (logits, logits_grad)}, x=tensor, **dict(model.named_parameters()))
