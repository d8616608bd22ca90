"""Masks and attention sequence by sequence and head by head, positions as complex numbers.

Their results are stacked, which an empty batch does not survive.
"""

LOSES = (
    "test_masks.py::test_no_sequences_have_no_padding",
    "test_sublayers.py::test_a_batch_may_be_empty",
    "test_sublayers.py::test_a_batch_may_be_empty_without_weights",
    "test_encoder_layers.py::test_a_batch_may_be_empty",
    "test_decoder_layers.py::test_a_batch_may_be_empty",
    "test_decoder_layers.py::test_a_cross_batch_may_be_empty",
    "test_speech_embedding.py::test_no_utterances_have_no_padding",
    "test_speech_embedding.py::test_a_batch_may_be_empty",
    "test_transformers.py::test_a_batch_may_be_empty",
    "test_encoder_decoder.py::test_a_batch_may_be_empty",
    "test_encoder_decoder.py::test_a_batch_of_targets_may_be_empty",
)
