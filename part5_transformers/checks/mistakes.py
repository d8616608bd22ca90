"""Known mistakes of part 5, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from part5_transformers.checks import (
    mistakes_encoder_decoder,
    mistakes_layers,
    mistakes_masks,
    mistakes_positional_encoding,
    mistakes_speech_embedding,
    mistakes_sublayers,
    mistakes_transformers,
)

MISTAKES = (
    *mistakes_encoder_decoder.MISTAKES,
    *mistakes_layers.MISTAKES,
    *mistakes_masks.MISTAKES,
    *mistakes_positional_encoding.MISTAKES,
    *mistakes_speech_embedding.MISTAKES,
    *mistakes_sublayers.MISTAKES,
    *mistakes_transformers.MISTAKES,
)
