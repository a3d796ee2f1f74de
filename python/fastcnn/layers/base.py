"""`Layer`, what all layers share: the name, the weights, the shapes, the config, and the call on an array.

A layer says which stages it is made of (`stages`); turning them into work is `plan.py`'s business.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcnn._arguments import boolean, float32_only, not_overridden, only, unrecognized
from fastcnn._naming import auto_name
from fastcnn.stage import Stage
from fastcnn.variables import Variable, VariableStore

if TYPE_CHECKING:
    from fastcnn.plan import Plan

__all__ = ["FLOAT32_POLICY", "Layer", "Shape"]

Shape = tuple[int, ...]

FLOAT32_POLICY = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float32"},
    "registered_name": None,
}
_COMMON_ARGUMENTS = ("name", "trainable", "input_shape", "input_dim")


class Layer:
    """Base class.

    All layers take Keras's keyword arguments `name` (numbered by class if None), `trainable` (False freezes the weights), `dtype`
    (only "float32"), and, where the layer is the first of a model, `input_shape` (without the batch) or `input_dim`.

    input_shape, output_shape : of one sample, without the batch; None until built. built : whether they and the weights are there.
    `layer(x)` runs it on a batch, shape (N, *input_shape), as in inference, and gives a numpy array; the first call builds it. `training=True` is
    a ValueError.
    """

    keras_module: ClassVar[str] = "keras.layers"
    _rank: ClassVar[int | None] = None  # that the input must have, without the batch; None for any
    _input_means: ClassVar[str] = ""  # what a sample of that rank is, for the error
    _rank_hint: ClassVar[str] = ""  # what to do where it is of another
    _arguments: ClassVar[tuple[str, ...]] = ()  # those that the class supports beside the common ones
    _learns: ClassVar[bool] = False

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        activity_regularizer: None = None,
        input_shape: Sequence[int] | None = None,
        input_dim: int | None = None,
        **unknown: Any,
    ) -> None:
        owner = type(self).__name__
        not_overridden(owner, "a layer", self, "call", "__call__")
        unrecognized(owner, unknown, (*self._arguments, *_COMMON_ARGUMENTS))
        float32_only(owner, dtype)
        only(owner, "autocast", autocast, True)
        only(owner, "activity_regularizer", activity_regularizer, None)
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{owner}: name must be a string without '/', but is {name!r}")
        self._trainable = boolean(owner, "trainable", trainable)
        self.name = auto_name(owner) if name is None else name
        self.weights: list[Variable] = []
        self.built = False
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        declared = input_shape if input_dim is None else (input_dim,)
        self._declared_input_shape = None if declared is None else _shape(owner, "input_shape", declared)
        self._plan: tuple[Shape, VariableStore | None, Plan] | None = None

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights. May be set at any time and holds from the next call of `fit` or `train_on_batch` on (in Keras, from the next `compile`)."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = boolean(type(self).__name__, "trainable", value)
        for variable in self.weights:
            variable.trainable = self._trainable

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [variable for variable in self.weights if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that it leaves."""
        return [variable for variable in self.weights if not variable.trainable]

    @property
    def variables(self) -> list[Variable]:
        """The weights, by Keras's other name. (Keras's dropouts have the state of their random numbers there; here there is none.)"""
        return self.weights

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    @property
    def declared_input_shape(self) -> Shape | None:
        """The `input_shape` that was given to the constructor, for a model that begins with this layer; or None."""
        return self._declared_input_shape

    def build(self, input_shape: Sequence[int]) -> None:
        """Takes a sample's shape, without the batch, and makes the weights if there are none.

        A layer with weights can be built again for another shape that they fit. ValueError where a shape does not fit.
        """
        shape = self._checked(input_shape)
        output_shape = self._output_shape(shape)
        if not self.built:
            self.weights = self._make_weights(shape)
            for variable in self.weights:
                variable.path = f"{self.name}/{variable.name}"
            self.trainable = self._trainable  # theirs too
        self._check_weights(shape)
        self.input_shape, self.output_shape, self.built = shape, output_shape, True

    def compute_output_shape(self, input_shape: Sequence[int]) -> Shape:
        """The shape that a sample of `input_shape` gets, both without the batch (Keras's have it)."""
        return self._output_shape(self._checked(input_shape))

    def stages(self) -> list[Stage]:
        """What the plan carries out for this layer, in order; the layer must be built."""
        raise NotImplementedError

    def __call__(self, x: Any, training: bool | None = None) -> npt.NDArray[np.float32]:
        from fastcnn.plan import Plan

        only(self._speaker, "training", training, False, None)
        if isinstance(x, Layer):
            raise TypeError(
                f"{self._speaker}: layers are called on arrays; to put them one behind the other, list them in a Sequential"
            )
        array = self._batch(x)
        shape = array.shape[1:]
        if not self.built:
            self.build(shape)
        if self.weights and self.weights[0].store is None:
            VariableStore(self.weights)
        store = self.weights[0].store if self.weights else None
        if self._plan is None or self._plan[0] != shape or self._plan[1] is not store:
            layer = self
            if (
                shape != self.input_shape
            ):  # other than the model's: a twin with the same weights leaves this layer as it is
                layer = copy.copy(self)
                layer.build(shape)
            self._plan = (shape, store, Plan([layer], shape))
        return self._plan[2].forward(array)

    def count_params(self) -> int:
        """The number of values in the weights. ValueError before the layer is built."""
        if not self.built:
            raise ValueError(
                f"{self._speaker}: count_params: the layer has no weights before it is built: call build(input_shape)"
            )
        return sum(variable.size for variable in self.weights)

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """Copies of the weights: [kernel, bias], [kernel] or []."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Writes the weights in place, in the order of `get_weights`; all of them or, where one does not fit, none."""
        if len(weights) != len(self.weights):
            hint = "" if self.built or not self._learns else "; it has none before it is built: call build(input_shape)"
            raise ValueError(
                f"{self._speaker}: set_weights: {len(weights)} arrays came, but the layer has {len(self.weights)} weights{hint}"
            )
        arrays = [np.asarray(weight) for weight in weights]
        for variable, array in zip(self.weights, arrays, strict=True):
            if array.shape != variable.shape:
                raise ValueError(
                    f"{self._speaker}: set_weights: {variable.name} has shape {variable.shape}, but {array.shape} came"
                )
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"{self._speaker}: set_weights: {variable.name} takes real numbers, but dtype {array.dtype} came"
                )
        for variable, array in zip(self.weights, arrays, strict=True):
            variable.assign(array)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer, as Keras writes them."""
        policy = {**FLOAT32_POLICY, "config": {"name": "float32"}}
        return {"name": self.name, "trainable": self.trainable, "dtype": policy}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """The layer of that `get_config`. ValueError for a key that is not an argument, or a value that is not supported."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_plan": None,
        }  # a plan cannot be copied or pickled, and is made again by the next call

    @property
    def _speaker(self) -> str:
        """Who speaks in an error."""
        return f"{type(self).__name__} {self.name!r}"

    def _output_shape(self, shape: Shape) -> Shape:
        """`compute_output_shape` of a shape that has been checked."""
        return shape

    def _make_weights(self, shape: Shape) -> list[Variable]:
        """The weights for that input, of a layer that has any."""
        return []

    def _check_weights(self, shape: Shape) -> None:
        """Refuses an input for which the weights do not fit."""

    def _checked(self, input_shape: Sequence[int]) -> Shape:
        shape = _shape(self._speaker, "input_shape", input_shape)
        if self._rank is not None and len(shape) != self._rank:
            raise ValueError(
                f"{self._speaker}: a sample must be {self._input_means}, but has shape {shape}{self._rank_hint}"
            )
        return shape

    def _batch(self, x: Any) -> npt.NDArray[Any]:
        """x as an array that the plan can read: uint8, float32 or float64, each sample in C order."""
        if not isinstance(x, np.ndarray) and hasattr(x, "__dlpack__"):
            x = np.from_dlpack(x.detach() if hasattr(x, "detach") else x)
        array = np.asarray(x)
        if array.ndim == 0:
            raise ValueError(f"{self._speaker}: x is a single number, but must be a batch of samples")
        if array.dtype.kind in "biu" and array.dtype != np.uint8:
            array = array.astype(np.float32)
        if array.dtype not in (np.uint8, np.float32, np.float64):
            raise TypeError(f"{self._speaker}: x has dtype {array.dtype}, but must be float32, float64 or integers")
        return np.ascontiguousarray(array)


def _shape(owner: str, argument: str, value: Any) -> Shape:
    try:
        shape = tuple(value)
    except TypeError:
        raise ValueError(f"{owner}: {argument} must be a tuple of integers, but is {value!r}") from None
    if shape and shape[0] is None:
        raise ValueError(
            f"{owner}: {argument} {shape} begins with a batch axis; the shapes of layers have none: {shape[1:]}"
        )
    if not all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 1 for size in shape):
        raise ValueError(f"{owner}: {argument} must hold integers of at least 1, but is {shape}")
    return tuple(int(size) for size in shape)
