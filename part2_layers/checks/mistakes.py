"""Known mistakes of part 2, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from part2_layers.checks import (
    mistakes_activation,
    mistakes_batchnorm,
    mistakes_conv1d,
    mistakes_conv2d,
    mistakes_dropout,
    mistakes_flatten,
    mistakes_linear,
    mistakes_loss,
    mistakes_mlp,
    mistakes_optim,
    mistakes_pool,
    mistakes_sequential,
)

MISTAKES = (
    *mistakes_activation.MISTAKES,
    *mistakes_batchnorm.MISTAKES,
    *mistakes_conv1d.MISTAKES,
    *mistakes_conv2d.MISTAKES,
    *mistakes_dropout.MISTAKES,
    *mistakes_flatten.MISTAKES,
    *mistakes_linear.MISTAKES,
    *mistakes_loss.MISTAKES,
    *mistakes_mlp.MISTAKES,
    *mistakes_optim.MISTAKES,
    *mistakes_pool.MISTAKES,
    *mistakes_sequential.MISTAKES,
)
