"""
The C++ core of fastcnn. Private; use fastcnn.ops, fastcnn.layers and fastcnn.models.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
import typing_extensions
__all__: list[str] = ['Plan', 'Tensor', 'adam', 'allow_winograd', 'available_isas', 'average_pool2d', 'average_pool2d_backward', 'batch_norm', 'batch_norm_backward', 'batch_norm_statistics', 'binary_cross_entropy', 'conv2d', 'conv2d_dgrad', 'conv2d_relu_max_pool2d', 'conv2d_relu_max_pool2d_dgrad', 'conv2d_relu_max_pool2d_wgrad', 'conv2d_wgrad', 'dense', 'dense_backward', 'dense_softmax', 'device', 'dropout', 'from_dlpack', 'global_average_pool2d', 'global_average_pool2d_backward', 'info', 'isa', 'max_pool2d', 'max_pool2d_backward', 'mean_squared_error', 'output_shape', 'penalty', 'random_permutation', 'random_uniform', 'relu', 'relu_backward', 'rescale', 'set_device', 'set_isa', 'set_threads', 'sgd', 'sigmoid', 'sigmoid_backward', 'softmax', 'softmax_backward', 'softmax_cross_entropy', 'spatial_dropout', 'stream', 'synchronize', 'threads', 'why_not_cuda', 'winograd_allowed']
class Tensor:
    """
    An array in a device's memory, dense, in C order (tensor.py has the public one).
    """
    def __init__(self, array: numpy.ndarray, device: str) -> None:
        ...
    def copy(self) -> Tensor:
        ...
    def to_dlpack(self, stream: typing.SupportsInt | typing.SupportsIndex | None, versioned: bool) -> typing.Any:
        ...
    def to_numpy(self) -> numpy.ndarray:
        ...
    @property
    def device(self) -> str:
        ...
    @property
    def dlpack_device(self) -> tuple[int, int]:
        ...
    @property
    def dtype(self) -> numpy.dtype[typing.Any]:
        ...
    @property
    def shape(self) -> tuple:
        ...
class Plan:
    """
    The stages of a model with their buffers (description.py says which).
    """
    def __init__(self, description: dict, parameters: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], gradients: typing.Annotated[numpy.typing.ArrayLike, numpy.float32], slots: collections.abc.Sequence[typing.Annotated[numpy.typing.ArrayLike, numpy.float32]]) -> None:
        ...
    def answer(self, x: typing.Any) -> typing.Any:
        """
        The outputs for all of x; None where x is no array that the plan reads as it is.
        """
    def begin_timing(self) -> None:
        ...
    def evaluate(self, data: numpy.ndarray, targets: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64], weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None) -> None:
        ...
    def fetch_gradients(self) -> None:
        ...
    def forward(self, data: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]) -> numpy.typing.NDArray[numpy.float32]:
        ...
    def hold_data(self, data: numpy.ndarray, targets: numpy.ndarray, weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None) -> None:
        ...
    def hold_model(self) -> None:
        ...
    def hold_order(self, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]) -> None:
        ...
    def outputs(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        The model's outputs for the batch that was last evaluated or trained on.
        """
    def prepare(self, n: typing.SupportsInt | typing.SupportsIndex, output_shape: tuple) -> None:
        """
        Keeps the weights as they are now, laid out for answer() with up to n samples; nothing else may follow.
        """
    def release_data(self) -> None:
        ...
    def release_model(self) -> None:
        ...
    def reset_totals(self) -> None:
        ...
    def stage_times(self) -> list[tuple[str, float, float]]:
        """
        (operation, seconds forward, seconds backward) of each stage since begin_timing().
        """
    def totals(self) -> tuple[float, int, int]:
        """
        The loss, the right answers and the first batch that was not finite, since the last reset.
        """
    def train(self, data: numpy.ndarray, targets: numpy.ndarray, rows: typing.Annotated[numpy.typing.ArrayLike, numpy.int64], weights: typing.Annotated[numpy.typing.ArrayLike, numpy.float32] | None, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, learning_rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
def adam(parameters: numpy.typing.NDArray[numpy.float32] | Tensor, gradients: numpy.typing.NDArray[numpy.float32] | Tensor, momentum: numpy.typing.NDArray[numpy.float32] | Tensor, velocity: numpy.typing.NDArray[numpy.float32] | Tensor, step: typing.SupportsInt | typing.SupportsIndex, learning_rate: typing.SupportsFloat | typing.SupportsIndex, beta_1: typing.SupportsFloat | typing.SupportsIndex, beta_2: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
    ...
def allow_winograd(allowed: bool) -> None:
    """
    Whether the convolutions from now on may.
    """
def available_isas() -> list[str]:
    """
    The instruction sets that are built in and that this processor runs, lowest first.
    """
def average_pool2d(x: numpy.typing.NDArray[numpy.float32] | Tensor, window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def average_pool2d_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def batch_norm(x: numpy.typing.NDArray[numpy.float32] | Tensor, mean: numpy.typing.NDArray[numpy.float32] | Tensor, variance: numpy.typing.NDArray[numpy.float32] | Tensor, gamma: numpy.typing.NDArray[numpy.float32] | Tensor | None, beta: numpy.typing.NDArray[numpy.float32] | Tensor | None, epsilon: typing.SupportsFloat | typing.SupportsIndex, relu: bool) -> typing.Any:
    ...
def batch_norm_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, x: numpy.typing.NDArray[numpy.float32] | Tensor, y: numpy.typing.NDArray[numpy.float32] | Tensor | None, mean: numpy.typing.NDArray[numpy.float32] | Tensor, variance: numpy.typing.NDArray[numpy.float32] | Tensor, gamma: numpy.typing.NDArray[numpy.float32] | Tensor | None, epsilon: typing.SupportsFloat | typing.SupportsIndex, of_batch: bool) -> tuple[typing.Any, typing.Any, typing.Any]:
    ...
def batch_norm_statistics(x: numpy.typing.NDArray[numpy.float32] | Tensor) -> tuple[typing.Any, typing.Any]:
    ...
def binary_cross_entropy(x: numpy.typing.NDArray[numpy.float32] | Tensor, targets: numpy.typing.NDArray[numpy.float32] | Tensor, from_logits: bool, weights: numpy.typing.NDArray[numpy.float32] | Tensor | None) -> tuple[typing.Any, typing.Any]:
    ...
def conv2d(x: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, b: numpy.typing.NDArray[numpy.float32] | Tensor | None, stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def conv2d_dgrad(dy: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def conv2d_relu_max_pool2d(x: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, b: numpy.typing.NDArray[numpy.float32] | Tensor | None, stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[typing.Any, typing.Any]:
    ...
def conv2d_relu_max_pool2d_dgrad(dy: numpy.typing.NDArray[numpy.float32] | Tensor, index: numpy.typing.NDArray[numpy.uint8] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def conv2d_relu_max_pool2d_wgrad(x: numpy.typing.NDArray[numpy.float32] | Tensor, dy: numpy.typing.NDArray[numpy.float32] | Tensor, index: numpy.typing.NDArray[numpy.uint8] | Tensor, filter_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], pool_window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], pool_padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[typing.Any, typing.Any]:
    ...
def conv2d_wgrad(x: numpy.typing.NDArray[numpy.float32] | Tensor, dy: numpy.typing.NDArray[numpy.float32] | Tensor, filter_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[typing.Any, typing.Any]:
    ...
def dense(x: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, b: numpy.typing.NDArray[numpy.float32] | Tensor | None) -> typing.Any:
    ...
def dense_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, x: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor) -> tuple[typing.Any, typing.Any, typing.Any]:
    ...
def dense_softmax(x: numpy.typing.NDArray[numpy.float32] | Tensor, w: numpy.typing.NDArray[numpy.float32] | Tensor, b: numpy.typing.NDArray[numpy.float32] | Tensor | None) -> typing.Any:
    ...
def device() -> str:
    """
    The device of operations on arrays: "cpu", "cuda:0".
    """
def dropout(x: numpy.typing.NDArray[numpy.float32] | Tensor, rate: typing.SupportsFloat | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    ...
def from_dlpack(capsule: typing_extensions.CapsuleType) -> Tensor:
    ...
def global_average_pool2d(x: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def global_average_pool2d_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> typing.Any:
    ...
def info() -> dict:
    """
    What this build is and what of it this machine uses.
    """
def isa() -> str:
    """
    The instruction set in use.
    """
def max_pool2d(x: numpy.typing.NDArray[numpy.float32] | Tensor, window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> tuple[typing.Any, typing.Any]:
    ...
def max_pool2d_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, index: numpy.typing.NDArray[numpy.uint16] | Tensor, input_shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], window: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], stride: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"], padding: str | typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"]) -> typing.Any:
    ...
def mean_squared_error(x: numpy.typing.NDArray[numpy.float32] | Tensor, targets: numpy.typing.NDArray[numpy.float32] | Tensor, weights: numpy.typing.NDArray[numpy.float32] | Tensor | None) -> tuple[typing.Any, typing.Any]:
    ...
def output_shape(operation: str, attributes: dict, input: tuple, parameters: list) -> list:
    """
    The shape of one sample after a stage, given that before it.
    """
def penalty(w: numpy.typing.NDArray[numpy.float32] | Tensor, l1: typing.SupportsFloat | typing.SupportsIndex, l2: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float, typing.Any]:
    ...
def random_permutation(n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    A random order of range(n), int64, from the Philox stream (seed, step, purpose).
    """
def random_uniform(count: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float32]:
    """
    float32 in [0, 1): the first numbers of the Philox stream (seed, step, purpose).
    """
def relu(x: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def relu_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, y: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def rescale(x: numpy.typing.NDArray[numpy.float32] | Tensor, scale: typing.SupportsFloat | typing.SupportsIndex, offset: typing.SupportsFloat | typing.SupportsIndex) -> typing.Any:
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
def sgd(parameters: numpy.typing.NDArray[numpy.float32] | Tensor, gradients: numpy.typing.NDArray[numpy.float32] | Tensor, momentum: numpy.typing.NDArray[numpy.float32] | Tensor | None, learning_rate: typing.SupportsFloat | typing.SupportsIndex, momentum_rate: typing.SupportsFloat | typing.SupportsIndex, nesterov: bool) -> None:
    ...
def sigmoid(x: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def sigmoid_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, y: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def softmax(x: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def softmax_backward(dy: numpy.typing.NDArray[numpy.float32] | Tensor, y: numpy.typing.NDArray[numpy.float32] | Tensor) -> typing.Any:
    ...
def softmax_cross_entropy(x: numpy.typing.NDArray[numpy.float32] | Tensor, labels: numpy.typing.NDArray[numpy.int64] | Tensor | numpy.typing.NDArray[numpy.int32] | Tensor | numpy.typing.NDArray[numpy.float32] | Tensor, from_logits: bool, weights: numpy.typing.NDArray[numpy.float32] | Tensor | None) -> tuple[typing.Any, typing.Any]:
    ...
def spatial_dropout(x: numpy.typing.NDArray[numpy.float32] | Tensor, rate: typing.SupportsFloat | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, purpose: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
    ...
def stream(gpu: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The library's stream on that GPU, as an address.
    """
def synchronize(device: str) -> None:
    """
    Waits for the device, and raises what went wrong there.
    """
def threads() -> int:
    """
    The number of threads that operations use.
    """
def why_not_cuda(index: typing.SupportsInt | typing.SupportsIndex) -> str:
    """
    Why that GPU cannot be used; empty if it can.
    """
def winograd_allowed() -> bool:
    """
    Whether convolutions may go by Winograd's algorithm.
    """
