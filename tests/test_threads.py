"""Callers in several threads and processes, the caller's floating-point mode, Ctrl-C: the pool gets along with everybody."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, rejected
from fastcnn import _core, ops

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
BUSY = [case for case in cases.TIMED if case.function.endswith("_backward")]


def usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = _core.threads()
    _core.set_threads(3)
    yield
    _core.set_threads(before)


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_threads_below_one_is_named(count: int) -> None:
    with rejected(ValueError, "set_threads", "at least 1", count):
        _core.set_threads(count)
    assert _core.threads() == 3


# Several callers


def test_calls_from_several_threads_at_once_disturb_each_other_in_nothing() -> None:
    wanted = [case.run(ops) for case in BUSY]
    with ThreadPoolExecutor(4) as callers:
        runs = [callers.submit(case.run, ops) for _ in range(10) for case in BUSY]
        for run, want in zip(runs, wanted * 10, strict=True):
            assert_same_bits(run.result(), want)


def test_the_number_of_threads_may_change_while_others_compute() -> None:
    wanted = [case.run(ops) for case in BUSY]
    with ThreadPoolExecutor(3) as callers:
        runs = [callers.submit(case.run, ops) for _ in range(20) for case in BUSY]
        count = 0
        while not all(run.done() for run in runs):
            count += 1
            _core.set_threads(1 + count % 4)
        for run, want in zip(runs, wanted * 20, strict=True):
            assert_same_bits(run.result(), want)


FORKS = {
    "fork": """
        import os, sys
        want = work()
        for _ in range(3):
            child = os.fork()
            if child == 0:
                os._exit(0 if all(work() == want for _ in range(20)) and _core.threads() == 3 else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert work() == want
    """,
    "fork while another thread computes": """
        import os, threading
        want, busy = work(), True
        def keep_busy():
            while busy:
                assert work() == want
        thread = threading.Thread(target=keep_busy)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if work() == want else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        busy = False
        thread.join()
    """,
    "fork in the child of a fork": """
        import os
        want = work()
        if os.fork() == 0:
            assert work() == want
            child = os.fork()
            if child == 0:
                os._exit(0 if work() == want else 1)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    """,
    "multiprocessing": """
        import multiprocessing
        want = work()
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                assert pool.map(work, range(8)) == [want] * 8
    """,
}


@pytest.mark.parametrize("script", FORKS.values(), ids=FORKS)
def test_children_of_a_process_that_has_computed_can_compute(script: str, tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    indented = "\n".join(script.splitlines())
    file.write_text(
        "import numpy as np\n"
        "from fastcnn import _core, ops\n"
        "_core.set_threads(3)\n"
        "def work(_=None):\n"
        "    x, w = np.full((8, 16, 16, 16), 0.5, np.float32), np.full((3, 3, 16, 16), 0.25, np.float32)\n"
        "    return [part.tobytes() for part in ops.conv2d_backward(ops.conv2d(x, w), x, w)]\n"
        f"if __name__ == '__main__':\n{indented}\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", str(file)], timeout=120, check=True)


# Where the workers run

WHERE = """
import os, sys, time
from pathlib import Path
import numpy as np
from fastcnn import _core, ops
before = set(os.listdir("/proc/self/task"))
_core.set_threads(2)
x, w = np.ones((64, 16, 16, 32), np.float32), np.ones((3, 3, 32, 32), np.float32)
ops.conv2d(x, w)
(worker,) = set(os.listdir("/proc/self/task")) - before
def processor(thread):
    return Path(f"/proc/self/task/{thread}/stat").read_text().rsplit(")", 1)[1].split()[36]
allowed = os.sched_getaffinity(0)
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone tells and sets where threads run")
class TestTheProcessorsOfTheWorkers:
    @staticmethod
    def run(script: str) -> None:
        subprocess.run([sys.executable, "-c", WHERE + inspect.cleandoc(script)], timeout=120, check=True)

    @pytest.mark.skipif(usable_processors() < 2, reason="needs two processors")
    def test_a_worker_that_slept_wakes_beside_its_caller(self) -> None:
        self.run("""
            apart = 0
            for _ in range(20):
                time.sleep(0.03)
                ops.conv2d(x, w)
                apart += processor(worker) != processor(os.getpid())
            assert apart >= 15, apart  # not all: the system may move the caller itself
        """)

    def test_waking_leaves_each_thread_where_it_was_allowed_to_run(self) -> None:
        self.run("""
            for call in range(200):
                time.sleep(0.001)
                for _ in range(call % 4):
                    ops.conv2d(x[:2], w)
            time.sleep(0.1)
            assert os.sched_getaffinity(int(worker)) == os.sched_getaffinity(0) == allowed
        """)

    def test_a_worker_that_woke_too_late_for_its_job_may_run_where_it_could(self) -> None:
        self.run("""
            one = np.ones(40_000, np.float32)  # done before the worker is awake
            for call in range(300):
                time.sleep(0.001)
                ops.relu(one)
            time.sleep(0.05)
            assert os.sched_getaffinity(int(worker)) == allowed
        """)

    def test_a_worker_that_may_run_on_one_processor_alone_stays_there(self) -> None:
        self.run("""
            one = {min(allowed)}
            time.sleep(0.1)  # asleep, and not in the middle of a wake, when another's set could be mistaken for the waker's
            os.sched_setaffinity(int(worker), one)
            for _ in range(20):
                time.sleep(0.01)
                ops.conv2d(x, w)
                assert os.sched_getaffinity(int(worker)) == one
        """)


# The caller's floating-point mode


def assert_subnormals_survive() -> None:
    assert np.all(np.full(64, 1e-20, np.float32) * np.float32(1e-20) > 0), "results are flushed to zero"
    assert np.all(np.full(64, 1e-40, np.float32) * np.float32(1e10) > 0), "operands count as zero"


def run_and_fail(case: Case) -> None:
    """A call that succeeds, then one that raises."""
    case.run(ops)
    assert_subnormals_survive()
    arrays = case.draw()
    first = next(iter(arrays))
    with pytest.raises(TypeError):
        case.run(ops, arrays | {first: arrays[first].astype(np.float64)})
    assert_subnormals_survive()


@pytest.mark.parametrize("case", cases.TIMED, ids=str)
def test_the_callers_floating_point_mode_is_as_it_was(backend: str, case: Case) -> None:
    assert_subnormals_survive()
    run_and_fail(case)
    with ThreadPoolExecutor(1) as other:
        other.submit(run_and_fail, case).result()


def test_the_mode_is_as_it_was_after_an_error_of_the_core(backend: str) -> None:
    for call in (
        lambda: ops.conv2d(np.ones((1, 2, 2, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)),
        lambda: ops.softmax_cross_entropy(np.ones((1, 3), np.float32), np.array([3])),
        lambda: ops.dropout(np.ones(3, np.float32), 2.0, seed=1),
    ):
        with pytest.raises(ValueError, match=": "):
            call()
        assert_subnormals_survive()


@pytest.mark.peer
def test_a_caller_who_flushes_subnormals_still_does() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch sets the mode here, and is not installed")
    if not torch.set_flush_denormal(True):
        pytest.skip("PyTorch cannot set the mode on this processor")
    try:
        ops.relu(np.ones(100, np.float32))
        assert not np.any(np.full(64, 1e-20, np.float32) * np.float32(1e-20))
    finally:
        torch.set_flush_denormal(False)
    assert_subnormals_survive()


@pytest.mark.parametrize(
    "case", [case for case in cases.EDGES if "x" in case.arrays and "from_logits" not in case.settings], ids=str
)
def test_subnormal_inputs_count_as_themselves_or_as_zero(backend: str, case: Case) -> None:
    """Probabilities are left out: a row that sums to zero has no shares."""
    arrays: dict[str, Any] = case.draw()
    arrays["x"] = np.asarray(arrays["x"] * SMALLEST_NORMAL / 8, np.float32)
    for got, want in zip(case.run(ops, arrays), case.want(arrays), strict=True):
        if want.dtype == np.float64 and want.size:
            np.testing.assert_allclose(
                got, want, rtol=0, atol=case.allowed * np.abs(want).max() + 2000 * SMALLEST_NORMAL
            )


# Ctrl-C


@pytest.fixture
def interrupt_after() -> Iterator[Callable[[float], None]]:
    """Raises SIGINT in this process after some seconds, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_stops_a_long_operation_within_half_a_second(
    threads: int, interrupt_after: Callable[[float], None]
) -> None:
    _core.set_threads(threads)
    x, w = np.ones((64, 64, 64, 64), np.float32), np.ones((31, 31, 64, 64), np.float32)  # tens of seconds
    begin = time.monotonic()
    interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        ops.conv2d(x, w)
    assert time.monotonic() - begin < 0.7
    np.testing.assert_array_equal(ops.conv2d(x[:2, :3, :3], w[:3, :3]), np.full((2, 1, 1, 64), 9 * 64))
