"""The tutorial's network, without a loss, in each framework: the competitors of inference.py, each in a worker of its own.

Each answers `(variant, batch, repeats)` with the seconds of a call, or with the outputs where `repeats` is 0. All have the same weights and the same images, float32
and scaled already; the peers have these in their own layout beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import seconds_a_call
from numpy.typing import NDArray
from torch_networks import dense_of_nchw, load, tutorial_cnn

__all__ = ["Fastcnn", "Onnxruntime", "Openvino", "Torch", "write_weights"]

Array = NDArray[np.float32]


def write_weights(path: Path) -> None:
    """Those of a new network, in Keras's layouts and order."""
    import fastcnn
    from fastcnn.tutorial import tutorial_model

    fastcnn.set_device("cpu")
    fastcnn.set_seed(0)
    np.savez(path, *tutorial_model(scale=None).get_weights())


def _images(batch: int) -> Array:
    return np.random.default_rng(batch).random((batch, 32, 32, 3), np.float32)


class _Framework:
    """`call(variant, batch)` makes what is timed."""

    variants: tuple[str, ...] = ("",)

    def __init__(self, threads: int, weights: str) -> None:
        with np.load(weights) as arrays:
            self._weights = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
        self._threads = threads
        self._calls: dict[tuple[str, int], Callable[[], Array]] = {}

    def __call__(self, variant: str, batch: int, repeats: int) -> Any:
        call = self._calls.get((variant, batch))
        if call is None:
            call = self._calls[variant, batch] = self.call(variant, batch)
            call()
        return seconds_a_call(call, repeats) if repeats else call()

    def call(self, variant: str, batch: int) -> Callable[[], Array]:
        raise NotImplementedError


class Fastcnn(_Framework):
    """`model.inference(batch)`, which is made for this, and `predict_on_batch`, which asks for nothing."""

    variants = ("inference", "predict_on_batch")

    def __init__(self, threads: int, weights: str) -> None:
        import fastcnn
        from fastcnn import _core
        from fastcnn.tutorial import tutorial_model

        super().__init__(threads, weights)
        fastcnn.set_device("cpu")
        fastcnn.set_threads(threads)
        self._model = tutorial_model(scale=None)
        self._model.set_weights(self._weights)
        self.about = {**_core.info(), "threads": _core.threads()}

    def call(self, variant: str, batch: int) -> Callable[[], Array]:
        x = _images(batch)
        if variant == "predict_on_batch":
            return lambda: self._model.predict_on_batch(x)
        answer = self._model.inference(batch)
        return lambda: answer(x)


class Torch(_Framework):
    """In inference mode; eager and compiled, in both layouts."""

    variants = ("nchw", "channels_last", "compiled nchw", "compiled channels_last")

    def __init__(self, threads: int, weights: str) -> None:
        import torch

        super().__init__(threads, weights)
        torch.set_num_threads(threads)
        self._torch: Any = torch
        self.about = {"version": torch.__version__, "threads": torch.get_num_threads()}

    def call(self, variant: str, batch: int) -> Callable[[], Array]:
        torch = self._torch
        how, _, layout = variant.rpartition(" ")
        model, x = torch_network(self._weights), torch.from_numpy(_images(batch)).permute(0, 3, 1, 2)
        if layout == "channels_last":
            model = model.to(memory_format=torch.channels_last)
        else:
            x = x.contiguous()
        compute = torch.compile(model) if how else model

        def call() -> Array:
            with torch.inference_mode():
                outputs: Array = compute(x).numpy()
                return outputs

        return call


class Onnxruntime(_Framework):
    """A session with its default optimizations, on the CPU."""

    def __init__(self, threads: int, weights: str) -> None:
        import onnxruntime

        super().__init__(threads, weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        file = onnx_file(self._weights)
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.about = {"version": onnxruntime.__version__}

    def call(self, variant: str, batch: int) -> Callable[[], Array]:
        x = np.ascontiguousarray(_images(batch).transpose(0, 3, 1, 2))
        return lambda: self._session.run(None, {"x": x})[0]


class Openvino(_Framework):
    """Compiled for latency and for that batch alone, in float32; its inputs are not copied."""

    def __init__(self, threads: int, weights: str) -> None:
        import openvino

        super().__init__(threads, weights)
        self._core: Any = openvino.Core()
        self._file = onnx_file(self._weights)
        self.about = {"version": openvino.__version__}

    def call(self, variant: str, batch: int) -> Callable[[], Array]:
        settings = {
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        model = self._core.read_model(self._file)
        model.reshape([batch, 3, 32, 32])
        request = self._core.compile_model(model, "CPU", settings).create_infer_request()
        x = np.ascontiguousarray(_images(batch).transpose(0, 3, 1, 2))
        return lambda: np.array(request.infer([x], share_inputs=True, share_outputs=True)[0])


def torch_network(weights: list[Array]) -> Any:
    """The network in PyTorch, with weights that came in Keras's layouts."""
    import torch

    return load(torch, tutorial_cnn(torch, 10), weights).eval()


def onnx_file(weights: list[Array]) -> bytes:
    """The network in ONNX, for any batch."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernels = [
        *(kernel.transpose(3, 2, 0, 1) for kernel in weights[0:6:2]),
        dense_of_nchw(weights[6], 64),
        weights[8].T,
    ]
    arrays = {f"w{i}": np.ascontiguousarray(kernel) for i, kernel in enumerate(kernels)}
    arrays |= {f"b{i}": bias for i, bias in enumerate(weights[1::2])}
    nodes: list[Any] = []
    last = "x"

    def add(kind: str, *inputs: str, **attributes: Any) -> None:
        nonlocal last
        nodes.append(helper.make_node(kind, [last, *inputs], [f"t{len(nodes)}"], **attributes))
        last = f"t{len(nodes) - 1}"

    for i in range(3):
        add("Conv", f"w{i}", f"b{i}", kernel_shape=[3, 3])
        add("Relu")
        if i < 2:
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    add("Flatten")
    add("Gemm", "w3", "b3", transB=1)
    add("Relu")
    add("Gemm", "w4", "b4", transB=1)
    graph = helper.make_graph(
        nodes,
        "tutorial",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
