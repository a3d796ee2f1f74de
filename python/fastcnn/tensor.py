"""`Tensor`: an array in a device's memory, for work that stays there. `from_dlpack` takes one from another library without a copy.

The operations of `ops/` take Tensors wherever they take arrays, run where they lie, and give Tensors back. Models take numpy arrays and
keep on the device what they need there; they want none of this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcnn import _core

__all__ = ["Tensor", "from_dlpack"]

_DLPACK_CPU = 1, 3  # the CPU, and its memory that is pinned for CUDA
_DLPACK_CUDA = 2
_DLPACK_VERSION = 1, 0


class Tensor:
    """An array in the memory of the CPU or of a GPU: dense, in C order, of uint8, uint16, int32, int64, float32 or float64.

    Parameters
    ----------
    value : a numpy array, or anything that numpy makes one of; a Tensor; or what speaks DLPack. It is copied.
    device : "cpu", "cuda" or a GPU by its number, "cuda:1". None means where `value` lies, and for numpy the device in use
        (`fastcnn.get_device()`).

    Raises TypeError for another dtype, ValueError for a device of another name, MemoryError where the device is full and DeviceError where it
    does not work.

    Operations on a GPU are started, and not waited for: what waits is `numpy()` (and what else reads values), `fastcnn.cuda.synchronize()`, and
    a Tensor that is given up. What went wrong meanwhile, such as a label that is no class, is raised by the first two.
    """

    def __init__(self, value: Any, device: str | None = None) -> None:
        core = core_of(value)
        if core is not None and device in (None, core.device):
            self._core = core.copy()
            return
        array = np.asarray(value) if core is None else core.to_numpy()
        if array.dtype.newbyteorder("=").name not in ("uint8", "uint16", "int32", "int64", "float32", "float64"):
            raise TypeError(
                f"Tensor: value has dtype {array.dtype}, but a Tensor is uint8, uint16, int32, int64, float32 or float64"
            )
        native = np.require(array, array.dtype.newbyteorder("="), ["C", "A"])
        self._core = _core.Tensor(native, _core.device() if device is None else device)

    @classmethod
    def _of(cls, core: Any) -> Tensor:
        """The Tensor of the core's, which is not copied."""
        tensor = cls.__new__(cls)
        tensor._core = core
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents, outermost first."""
        return tuple(self._core.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """numpy's type of the elements."""
        dtype: np.dtype[Any] = self._core.dtype
        return dtype

    @property
    def device(self) -> str:
        """Where it lies: "cpu", "cuda:0"."""
        return str(self._core.device)

    def numpy(self) -> NDArray[Any]:
        """A copy as a numpy array. Waits for the device."""
        array: NDArray[Any] = self._core.to_numpy()
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a Tensor becomes a numpy array only by a copy")
        return self.numpy() if dtype is None else self.numpy().astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Tensor without axes has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        values = np.array2string(self.numpy(), separator=", ", threshold=100, prefix="Tensor(")
        return f"Tensor({values}, dtype={self.dtype}, device={self.device!r})"

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's numbers for the device."""
        device: tuple[int, int] = self._core.dlpack_device
        return device

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The memory for another library, which calls this; `torch.from_dlpack(tensor)`, say.

        stream : that of the caller, whose work waits for ours; see the array API standard. BufferError for a device that it is not on, but
        for the CPU, to which it is copied unless `copy` is False.
        """
        core = self._core
        if dl_device is not None and tuple(dl_device) != core.dlpack_device:
            if dl_device[0] not in _DLPACK_CPU or copy is False:
                raise BufferError(f"__dlpack__: a Tensor on {self.device} cannot be lent as one on device {dl_device}")
            core, stream = _core.Tensor(core.to_numpy(), "cpu"), None
        elif copy:
            core = core.copy()
        return core.to_dlpack(stream, max_version is not None and max_version[0] >= 1)


def from_dlpack(value: Any) -> Tensor:
    """A Tensor of memory that another library keeps: nothing is copied, and what either writes the other sees.

    value : anything that speaks DLPack, on the CPU or a GPU, in C order, not read-only. On a GPU, our work on it waits for what the library's
    current stream had to do when this was called; for what either library does to it later, the user must wait. An array of a library whose
    arrays do not change, such as JAX's, must not be given to what works in place. BufferError where it cannot be.
    """
    return Tensor._of(_lent(value))


def core_of(value: Any) -> Any:
    """The core's Tensor of a Tensor, or of another library's array on a GPU, whose memory it shares; None for anything else."""
    if isinstance(value, Tensor):
        return value._core
    if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack_device__"):
        return None
    return _lent(value) if value.__dlpack_device__()[0] == _DLPACK_CUDA else None


def _lent(value: Any) -> Any:
    kind, index = value.__dlpack_device__()
    stream = _core.stream(index) if kind == _DLPACK_CUDA else None
    value = value.detach() if hasattr(value, "detach") else value
    try:
        capsule = value.__dlpack__(stream=stream, max_version=_DLPACK_VERSION)
    except TypeError:  # it speaks version 0
        capsule = value.__dlpack__(stream=stream)
    return _core.from_dlpack(capsule)
