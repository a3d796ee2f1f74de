"""`Inference`: a model ready to answer, and nothing else. What `Sequential.inference` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn import arrays
from fastcnn._arguments import positive_integer
from fastcnn.compiled import Compiled
from fastcnn.plan import Plan

__all__ = ["Inference"]


class Inference:
    """Answers for batches of up to `batch_size` images, by the weights that the model has when this is made.

    The weights are copied and laid out once, for this batch size: it is the number with which it is fastest,
    and for so many the answers are `predict_on_batch`'s
    to the bit, but where batch normalization was folded into the layer before it. A call costs little more than its arithmetic. It runs on the device that `config.get_device()` names when it is made; several threads may call it, one at a time computes.

    model : built. ValueError otherwise, and where batch_size is no integer of at least 1.
    """

    def __init__(self, model: Compiled, batch_size: int = 1) -> None:
        self.batch_size = positive_integer("inference", "batch_size", batch_size)
        if not model.built:
            raise ValueError(
                f"inference: the model '{model.name}' has no weights before it is built: give it an Input, or call build(input_shape)"
            )
        self.input_shape: tuple[int, ...] = tuple(size for size in model.input_shape[1:] if size is not None)
        self._plan = Plan(model.leaves, self.input_shape, prepared_for=self.batch_size)
        self._answer = self._plan.answer

    def __call__(self, x: Any) -> NDArray[np.float32]:
        """The outputs for images x, (N, ...) float32; x as for `predict`, at most `batch_size` of them.

        Fastest for arrays of uint8, float32 or float64 of the very shape, each image in C order. ValueError for more images, or another shape.
        """
        outputs = self._answer(x)
        if outputs is not None:
            return outputs
        images = arrays.readable(arrays.images(x, self.input_shape, "inference", empty=True))
        outputs = self._answer(images)
        assert outputs is not None  # it is readable now
        return outputs
