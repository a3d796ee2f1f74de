"""
The C++ core of fastcnn. Private; use fastcnn.ops, fastcnn.layers and fastcnn.models.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Plan', 'adam', 'available_isas', 'average_pool2d', 'average_pool2d_backward', 'conv2d', 'conv2d_dgrad', 'conv2d_relu_max_pool2d', 'conv2d_relu_max_pool2d_dgrad', 'conv2d_relu_max_pool2d_wgrad', 'conv2d_wgrad', 'dense', 'dense_backward', 'dense_softmax', 'device', 'dropout', 'global_average_pool2d', 'global_average_pool2d_backward', 'info', 'isa', 'max_pool2d', 'max_pool2d_backward', 'output_shape', 'random_permutation', 'random_uniform', 'relu', 'relu_backward', 'rescale', 'set_device', 'set_isa', 'set_threads', 'sgd', 'softmax', 'softmax_backward', 'softmax_cross_entropy', 'threads', 'why_not_cuda']
class Plan:
    """
    The stages of a model with their buffers (plan.py writes the description).
    """
    def __init__(self, description: dict, parameters: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], gradients: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], slots: collections.abc.Sequence[typing.Annotated[numpy.typing.ArrayLike, numpy.float32]]) -> None:
        ...
    def evaluate(self, data: numpy.ndarray, targets: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]) -> None:
        ...
    def fetch_gradients(self) -> None:
        ...
    def forward(self, data: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]) -> numpy.typing.NDArray[numpy.float32]:
        ...
    def hold_data(self, data: numpy.ndarray, targets: numpy.ndarray) -> None:
        ...
    def hold_model(self) -> None:
        ...
    def hold_order(self, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]) -> None:
        ...
    def release_data(self) -> None:
        ...
    def release_model(self) -> None:
        ...
    def reset_totals(self) -> None:
        ...
    def totals(self) -> tuple[float, int, int]:
        """
        The loss, the right answers and the first batch that was not finite, since the last reset.
        """
    def train(self, data: numpy.ndarray, targets: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64], seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
def adam(parameters: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], gradients: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], momentum: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], velocity: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], step: typing.SupportsInt | typing.SupportsIndex, learning_rate: typing.SupportsFloat | typing.SupportsIndex, beta_1: typing.SupportsFloat | typing.SupportsIndex, beta_2: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
    ...
def available_isas() -> list[str]:
    """
    The instruction sets that are built in and that this processor runs, lowest first.
    """
def average_pool2d(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def average_pool2d_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def conv2d(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], b: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None, stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def conv2d_dgrad(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def conv2d_relu_max_pool2d(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], b: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None, stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.uint8]]:
    ...
def conv2d_relu_max_pool2d_dgrad(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], index: typing.Annotated[numpy.typing.ArrayLike, numpy.uint8], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def conv2d_relu_max_pool2d_wgrad(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], index: typing.Annotated[numpy.typing.ArrayLike, numpy.uint8], filter_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    ...
def conv2d_wgrad(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], filter_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    ...
def dense(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], b: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None) -> numpy.typing.NDArray[numpy.float32]:
    ...
def dense_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    ...
def dense_softmax(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], w: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], b: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None) -> numpy.typing.NDArray[numpy.float32]:
    ...
def device() -> str:
    """
    The device of operations on arrays: "cpu", "cuda:0".
    """
def dropout(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], rate: typing.SupportsFloat | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
    ...
def global_average_pool2d(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def global_average_pool2d_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def info() -> dict:
    """
    What this build is and what of it this machine uses.
    """
def isa() -> str:
    """
    The instruction set in use.
    """
def max_pool2d(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.uint16]]:
    ...
def max_pool2d_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], index: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16], input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def output_shape(operation: str, attributes: dict, input: tuple, parameters: list) -> list:
    """
    The shape of one sample after a stage, given that before it.
    """
def random_permutation(n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    A random order of range(n), int64, from the Philox stream (seed, step, purpose).
    """
def random_uniform(count: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
    """
    float32 in [0, 1): the first numbers of the Philox stream (seed, step, purpose).
    """
def relu(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def relu_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], y: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def rescale(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], scale: typing.SupportsFloat | typing.SupportsIndex, offset: typing.SupportsFloat | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
    ...
def set_device(name: str) -> None:
    """
    Lets operations on arrays run on "cpu", "cuda:0", or what "auto" finds.
    """
def set_isa(name: str) -> None:
    """
    For tests: use another of available_isas().
    """
def set_threads(count: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...
def sgd(parameters: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], gradients: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], momentum: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None, learning_rate: typing.SupportsFloat | typing.SupportsIndex, momentum_rate: typing.SupportsFloat | typing.SupportsIndex, nesterov: bool) -> None:
    ...
def softmax(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def softmax_backward(dy: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], y: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    ...
def softmax_cross_entropy(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], labels: numpy.ndarray, from_logits: bool) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
    ...
def threads() -> int:
    """
    The number of threads that operations use.
    """
def why_not_cuda(index: typing.SupportsInt | typing.SupportsIndex) -> str:
    """
    Why that GPU cannot be used; empty if it can.
    """
