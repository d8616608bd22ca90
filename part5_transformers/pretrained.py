"""The parameters that an encoder-decoder takes over from a language model. Given."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import torch
from torch import Tensor, nn

EMBEDDING, LOGITS = "target_embedding.weight", "final_linear.weight"
OF_VOCABULARY = (EMBEDDING, LOGITS, "final_linear.bias")
BUFFERS = ("positional_encoding.pe",)


def read_decoder(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Read the parameters of the DecoderOnlyTransformer whose state dict is there, by itself or under "model".

    Tied weights stand once, as the embedding.
    Raises FileNotFoundError, and ValueError for a file that is damaged, holds code or something else, or is not finite.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise
    except Exception as error:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"decoder_checkpoint_path must lead to a checkpoint of tensors; got {path}: {reason}"
        ) from None
    state = state.get("model", state) if isinstance(state, Mapping) else {}
    if EMBEDDING not in state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(
            f"decoder_checkpoint_path must lead to the state dict of a DecoderOnlyTransformer; got {path}. "
            "train_lm writes such."
        )
    state = {name: value for name, value in state.items() if name not in BUFFERS}
    if broken := [name for name, value in state.items() if not value.isfinite().all()]:
        raise ValueError(
            f"decoder_checkpoint_path must lead to finite parameters; got {path}, where {', '.join(broken)} are not. "
            "Train it again with a smaller --lr."
        )
    if LOGITS in state and torch.equal(state[LOGITS], state[EMBEDDING]):
        del state[LOGITS]
    return state


def fitting(pretrained: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Select those of these parameters that the model has too.

    Those of the vocabulary, between equal vocabularies alone, both tied or both not.
    Raises ValueError for a shape that differs otherwise.
    """
    own = dict(model.named_parameters())
    same_vocabulary = own[EMBEDDING].shape[0] == pretrained[EMBEDDING].shape[0]
    same_tying = (LOGITS in own) == (LOGITS in pretrained)
    left_out = () if same_vocabulary and same_tying else OF_VOCABULARY
    found = {name: value for name, value in pretrained.items() if name in own and name not in left_out}
    for name, value in found.items():
        if value.shape != own[name].shape:
            raise ValueError(
                f"config must have the sizes of the pretrained decoder; got {name} of {tuple(own[name].shape)} where "
                f"the checkpoint has {tuple(value.shape)}."
            )
    return found
