"""`Stage`: what a layer asks of the plan. What fuses with what, and on which buffers, is decided in `description.py`; `plan.py` has it carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fastcnn.variables import Variable

__all__ = ["AUGMENTATION_PURPOSE", "CHOICE_PURPOSE", "MIXING_PURPOSE", "Stage"]

AUGMENTATION_PURPOSE = 1 << 17  # of a model's first random layer; the next ones follow, and those below are dropouts'
MIXING_PURPOSE = 1 << 18  # of what mixes the pictures of a batch
CHOICE_PURPOSE = MIXING_PURPOSE + 1  # of what says by which of several they are mixed


class Stage(NamedTuple):
    """One operation of a layer.

    operation : the name of a function of `fastcnn.ops` ("conv2d", "max_pool2d", "dense", "relu", ...), or "flatten" or "reshape".
    attributes : its settings, named as that function names them: stride=(1, 1), padding="valid", window=(2, 2), scale=, rate=.
    variables : (kernel, bias) or (kernel,) for "conv2d", "depthwise_conv2d" and "dense"; (gamma, beta, moving mean, moving variance), of the first two
        those that there are, for "batch_norm"; else nothing.
    """

    operation: str
    attributes: dict[str, Any]
    variables: tuple[Variable, ...] = ()
