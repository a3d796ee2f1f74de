"""The devices themselves: which is taken and what is said of it, their memory, forks, and when an error is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backends import running_or_skipped
from fastcnn import _core, config, cuda, ops
from fastcnn.errors import DeviceError


def test_more_than_the_device_holds_is_a_memory_error_and_the_device_goes_on(on_gpu: str) -> None:
    if on_gpu == "cuda":
        pytest.skip("a GPU holds too much")
    with pytest.raises(MemoryError, match=r"cuda: \d+ bytes of device memory were asked for, but \d+ of \d+ are free"):
        ops.relu(np.zeros(2**30 + 1, np.float32))  # more than the emulation's 4 GiB
    np.testing.assert_array_equal(ops.relu(np.float32([-1, 1])), [0, 1])


def test_a_gpu_that_is_not_there_is_named(on_gpu: str) -> None:
    with pytest.raises(
        DeviceError,
        match=r"'cuda:63' cannot be used, because there (is 1 GPU, number 0|are \d+ GPUs, numbered from 0);",
    ):
        config.set_device("cuda:63")
    assert config.get_device() == "cuda:0"


def test_auto_says_once_which_gpu_it_has_taken(on_gpu: str, capsys: pytest.CaptureFixture[str]) -> None:
    config.set_device("auto")
    for _ in range(2):
        ops.relu(np.float32([1]))
    said = capsys.readouterr().err
    assert re.fullmatch(r"fastcnn: computes on cuda:0, .+; set_device\('cpu'\) chooses the CPU\n", said)
    assert config.get_device() == "cuda:0"


def test_cuda_says_whether_it_is_there(on_gpu: str) -> None:
    assert cuda.is_available()
    assert cuda.why_not() == ""


def test_where_cuda_is_not_there_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = _core.info() | {"cuda": False, "cuda_reason": "no NVIDIA driver is installed"}
    monkeypatch.setattr(_core, "info", lambda: facts)
    assert not cuda.is_available()
    assert cuda.why_not() == "no NVIDIA driver is installed"


def test_a_fork_of_a_process_that_has_asked_for_the_gpu_gets_an_error(on_gpu: str) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ops.relu(np.float32([1]))
            said = "nothing"
        except DeviceError as error:
            said = str(error)
        os.write(write, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert re.match("cuda: this process was forked .* 'spawn'", os.read(read, 1000).decode())
    os.close(read)
    os.close(write)
    np.testing.assert_array_equal(ops.relu(np.float32([-1, 1])), [0, 1])


def in_a_new_process(script: str, **environment: str) -> str:
    """What a script prints that has the emulation for its core; `core` is that module, and nothing has been computed yet."""
    with running_or_skipped("cuda-simt"):
        pass  # it is built
    begin = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import numpy as np\n"
        "import emulation\n"
        "from fastcnn import Tensor, ops\n"
        "import backends\n"
        "core = emulation.core()\n"
        "backends._put_in_place(core)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin + script],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_asks_for_no_gpu() -> None:
    """What has asked for it cannot be forked and use it: so a child that can shows that nobody has."""
    script = """
child = os.fork()
if child == 0:
    core.set_device("cuda")
    os._exit(0 if ops.relu(np.float32([-1, 2]))[1] == 2 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert in_a_new_process(script) == "0\n"
    assert in_a_new_process('core.set_device("cuda")\n' + script).strip() != "0"


@pytest.mark.parametrize(("synchronous", "told_by"), [("1", "the call"), ("0", "the wait")])
def test_an_error_is_told_by_the_call_that_made_it_where_that_is_asked_for(synchronous: str, told_by: str) -> None:
    script = """
x, labels = Tensor(np.zeros((2, 3), np.float32), "cuda"), Tensor(np.array([0, 9]), "cuda")
try:
    loss, _ = ops.softmax_cross_entropy(x, labels)
except ValueError:
    print("the call")
else:
    try:
        loss.numpy()
    except ValueError:
        print("the wait")
"""
    assert in_a_new_process(script, FASTCNN_CUDA_SYNC=synchronous) == f"{told_by}\n"
