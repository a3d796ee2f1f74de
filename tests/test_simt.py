"""The emulation under simt/ itself: kernels that are right run right, and each fault that it claims to find is found.

The other tests of cuda-simt may trust it for what is shown here. Its programs are compiled once, into pytest's cache.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SIMT = Path(__file__).parent / "simt"
SOURCES = sorted(file for file in SIMT.iterdir() if file.suffix in {".h", ".cpp", ".cu"})
PROGRAMS = {
    "sound": ["simt.cpp", "sound.cu", "sound_main.cpp"],
    "broken": ["simt.cpp", "sound.cu", "broken.cu", "broken_main.cpp"],
}
FLAGS = ["-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{SIMT}", "-DFASTCNN_SIMT"]
BUILDS = {
    "plain": [],
    "sanitized": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
}

# What each kernel of broken.cu must be told, under every seed:
FAULTS = {
    "read_without_barrier": r"missing barrier: .* word \d+, which thread \(\d+,0,0\) has (read|written) since the last barrier",
    "overwrite_without_barrier": r"missing barrier: .* word 40, which thread \((8|40),0,0\) has (read|written) since the last barrier",
    "overwrite_what_many_read": r"missing barrier: .* word 40, which thread \(\d+,0,0\) has (read|written) since the last barrier",
    "two_writers": r"missing barrier: .* writes word 0, which thread \(\d+,0,0\) has written since the last barrier",
    "shuffle_for_barrier": r"missing barrier: .* reads word \d+, which .* has written since the last barrier",
    "warp_barrier_for_block": r"missing barrier: .* word \d+, which .* has (read|written) since the last barrier",
    "half_barrier_for_warp": r"missing barrier: .* word \d+, which .* has (read|written) since the last barrier",
    "exit_before_barrier": r"unreached barrier: .* waits in __syncthreads\(\), which thread .* never reaches: it has exited",
    "shuffle_before_barrier": r"unreached barrier: .* never reaches: it waits in a warp operation with mask 0xffffffff",
    "read_unwritten": r"uninitialised shared memory: .* reads word \d+, which no thread has written",
    "read_of_other_block": r"uninitialised shared memory: block \(1,0,0\) .* reads word \d+, which no thread has written",
    "index_past_end": r"index out of range: .* thread \(63,0,0\) uses word 64 of a shared array of 64 words",
    "index_before_start": r"index out of range: .* thread \(0,0,0\) uses word -1 of a shared array of 64 words",
    "caller_outside_mask": r"wrong mask: .* is not in its own mask 0x7fffffff",
    "source_outside_mask": r"wrong mask: .* reads from lane 16, which is not in the mask 0x0000ffff",
    "exited_lane": r"wrong mask: .* waits in a warp operation with mask 0xffffffff, but lane \d+ has exited",
    "lane_beyond_block": r"wrong mask: .* with mask 0xffffffff, but lane 16 is not in the block",
    "different_masks": r"wrong mask: .* waits with mask 0x(7|f)fffffff for lane \d+, which waits for it with mask 0x(7|f)fffffff",
    "different_operations": r"wrong mask: .* and lane \d+ come to different warp operations with mask 0xffffffff",
    "masks_in_a_ring": r"wrong mask: .* waits in a warp operation with mask .* for lanes that wait with different masks",
    "wrong_width": r"wrong width: .* shuffles with a width of 12, not a power of 2 up to 32",
}
# The address sanitizer's:
OUTSIDE_BUFFERS = {
    "write_past_buffer": ("heap-buffer-overflow", "WRITE of size 4"),
    "read_before_buffer": ("heap-buffer-overflow", "READ of size 4"),
    "write_past_local_array": ("stack-buffer-overflow", "WRITE of size 4"),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulation's fibers are written for Linux")


@pytest.fixture(scope="module")
def compiler() -> list[str]:
    """The compiler's command: CXX, or the first of the usual ones that is installed."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    for command in map(shlex.split, names):
        if shutil.which(command[0]):
            return command
    pytest.skip(f"there is no C++ compiler: looked for {', '.join(names)}")


def run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    # Leaks are not what is looked for, and their detection is refused in some containers.
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def compiled(command: Sequence[str | Path]) -> None:
    result = run(command)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module", params=BUILDS)
def build(request: pytest.FixtureRequest, compiler: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs, in each way to build them."""
    flags = [*FLAGS, *BUILDS[request.param]]
    version = run([*compiler, "--version"]).stdout
    key = hashlib.sha256(repr([compiler, version, flags, [file.read_text() for file in SOURCES]]).encode()).hexdigest()
    folder = request.config.cache.mkdir("simt") / f"{request.param}-{key[:16]}"
    if all((folder / program).exists() for program in PROGRAMS):
        return folder

    empty = tmp_path_factory.mktemp("probe") / "empty.cpp"
    empty.write_text("int main() {}\n")
    if run([*compiler, *BUILDS[request.param], empty, "-o", empty.with_suffix("")]).returncode != 0:
        pytest.skip(f"{shlex.join(compiler)} cannot build with {' '.join(BUILDS[request.param])}")

    for older in folder.parent.glob(f"{request.param}-*"):
        shutil.rmtree(older)
    folder.mkdir()
    with ThreadPoolExecutor(2) as workers:
        sources = sorted({source for program in PROGRAMS.values() for source in program})
        commands = [[*compiler, *flags, "-x", "c++", "-c", SIMT / name, "-o", folder / f"{name}.o"] for name in sources]
        list(workers.map(compiled, commands))
    for program, names in PROGRAMS.items():
        compiled([*compiler, *flags, *(folder / f"{name}.o" for name in names), "-o", folder / program])
    return folder


def test_sound_kernels_are_right_and_the_runtime_keeps_its_promises(build: Path) -> None:
    result = run([build / "sound"])
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.parametrize("kernel", FAULTS)
def test_the_fault_is_found_under_every_seed_and_breaks_nothing_else(build: Path, kernel: str) -> None:
    result = run([build / "broken", kernel])
    assert (result.stderr, result.returncode) == ("", 0)
    faults = result.stdout.splitlines()
    assert len(faults) == 20
    assert [fault for fault in faults if not re.fullmatch(FAULTS[kernel], fault)] == []


def test_the_fault_is_found_whichever_thread_comes_first(build: Path) -> None:
    faults = run([build / "broken", "overwrite_without_barrier"]).stdout
    assert "thread (40,0,0) writes word 40, which thread (8,0,0) has read" in faults
    assert "thread (8,0,0) reads word 40, which thread (40,0,0) has written" in faults


@pytest.mark.parametrize("kernel", OUTSIDE_BUFFERS)
@pytest.mark.parametrize("build", ["sanitized"], indirect=True)
def test_the_sanitizer_finds_an_index_outside_a_buffer(build: Path, kernel: str) -> None:
    result = run([build / "broken", kernel])
    assert result.returncode != 0
    for words in ("AddressSanitizer", kernel, *OUTSIDE_BUFFERS[kernel]):
        assert words in result.stderr


def test_every_broken_kernel_has_its_fault(build: Path) -> None:
    assert set(run([build / "broken"]).stdout.split()) == FAULTS.keys() | OUTSIDE_BUFFERS.keys()


def test_the_default_seed_is_that_of_the_environment(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_seed = run([build / "broken", "two_writers"]).stdout.splitlines()
    assert len(set(by_seed)) > 10
    for seed in (0, 7):
        monkeypatch.setenv("FASTCNN_SIMT_SEED", str(seed))
        assert run([build / "broken", "two_writers", "once"]).stdout.splitlines() == [by_seed[seed]]


@pytest.mark.parametrize(
    ("statement", "compiles"),
    [
        ("float x = words[0]; words[1] = x + words[2]; words[3] = words[4]; x = max(words[5], x)", True),
        ("auto x = words[0]; words[1] = x + 1", False),  # would read later than CUDA does
        ("float x = 0; atomicAdd(&x, 1.0f)", False),  # a sum in the order of the threads
        ("__shared__ float x[4]", False),  # memory that nothing watches
    ],
    ids=["sound", "auto", "float-atomic", "shared-keyword"],
)
def test_what_the_emulation_cannot_watch_does_not_compile(
    compiler: list[str], statement: str, compiles: bool, tmp_path: Path
) -> None:
    source = tmp_path / "kernel.cu"
    source.write_text(
        '#include "simt.h"\n'
        "__global__ void kernel() { auto& words = simt::shared<simt::SharedArray<float, 8>>(); "
        f"{statement}; words[0] = 0; }}\n"
    )
    result = run([*compiler, "-std=c++17", f"-I{SIMT}", "-fsyntax-only", "-x", "c++", source])
    assert (result.returncode == 0) == compiles, result.stderr
