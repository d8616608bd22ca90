"""A loop over the examples of a batch, and in CTC a list for the extended target and scipy's logsumexp.

Left out: a batch of 0, of which np.stack makes nothing, and the empty target, for which can_skip comes out too long.
"""

from __future__ import annotations

LOSES = (
    "test_rnn_cell.py::test_no_rows_have_no_state",
    "test_rnn_cell.py::test_no_rows_have_no_gradient",
    "test_rnn.py::test_no_sequences_have_no_states",
    "test_rnn.py::test_no_sequences_have_no_gradient",
    "test_recurrent.py::test_no_sequences_have_no_output",
    "test_recurrent.py::test_no_sequences_have_no_gradient",
    "test_rnn_classifier.py::test_no_sequences_have_no_logits",
    "test_rnn_classifier.py::test_no_sequences_have_no_gradient",
    "test_ctc.py::test_an_empty_target_is_extended",
    "test_ctc.py::test_alpha_of_an_empty_target",
    "test_ctc.py::test_beta_of_an_empty_target",
    "test_ctc.py::test_gamma_of_an_empty_target",
    "test_ctc.py::test_loss_of_empty_targets_matches_torch",
    "test_ctc.py::test_an_empty_target_without_frames_costs_nothing",
    "test_ctc.py::test_gradient_of_empty_targets_matches_torch",
    "test_batched_ctc.py::test_loss_of_empty_targets_matches_torch",
    "test_batched_ctc.py::test_loss_without_frames_matches_torch",
    "test_batched_ctc.py::test_gradient_of_examples_without_labels_or_frames",
)
