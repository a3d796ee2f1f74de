"""The floors of the house: which folder may include which, which module may import which, who may ask for the platform.

Each rule is a table and a function that names the lines at fault, and that is shown to find what it looks for.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastcnn import _core

ROOT = Path(__file__).parents[1]
CSRC, PYTHON = ROOT / "csrc", ROOT / "python" / "fastcnn"

# A folder of csrc/ may include from: (an operation's header declares its kernels, so the kernels include it)
MAY_INCLUDE = {
    "core": {"core"},
    "cpu": {"core", "ops", "cpu"},
    "cuda": {"core", "ops", "cuda"},
    "ops": {"core", "ops"},
    "runtime": {"core", "ops", "runtime"},
    "bindings": {"core", "ops", "runtime", "bindings"},
}

MAY_ALSO_INCLUDE = {("cuda/ptx.cuh", "simt.h")}  # the emulation of a GPU, tests/simt/

# Only these files of csrc/ hold: (the name of the rule, what it looks for, the files that may)
ONLY_HERE = [
    (
        "asks for the platform",
        r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*(__x86|__i386|__aarch|__arm|__ARM|__AVX|__SSE|__FMA|__CUDA|_M_X64|FASTCNN_(HAS|ISA|CUDA))",
        {
            "core/dispatch.h",
            "core/dispatch.cpp",  # what the processor has can be asked on x86 alone
            "core/pool.cpp",  # how a processor is told that a thread spins
            "cpu/simd.h",
            "cpu/small_integers.h",
            "cuda/ptx.cuh",
        },
    ),
    (
        "holds an intrinsic or assembly",
        r"\b_mm\d*_|\b__m\d+\b|intrin\.h|arm_neon\.h|__builtin_ia32_|\basm\b",
        {"core/pool.cpp", "cpu/simd.h", "cpu/small_integers.h", "cuda/ptx.cuh"},
    ),
    ("names a backend", r"\bcpu::(baseline|avx2|avx512)|\bcuda::", {"core/dispatch.h", "core/dispatch.cpp"}),
]

# The floors of the Python package, from the ground up: a module may import from its own floor and those below. A package
# stands for its modules. What is imported for its type alone does not count.
FLOORS = [
    {
        "_core",
        "_naming",
        "_arguments",
        "_command",
        "_operands",
        "_text",
        "_warnings",
        "errors",
        "tensor",
        "variables",
        "formats.atomic",
    },
    {"_serialization", "config", "cuda", "ops", "progress", "stage"},
    {
        "activations",
        "callbacks",
        "datasets",
        "description",
        "folding",
        "initializers",
        "losses",
        "metrics",
        "optimizers",
        "plan",
        "regularizers",
    },
    {"layers"},
    {"arrays", "augmentation", "batches", "compiled", "inference", "stack", "summary", "training"},
    {"formats", "models", "utils"},
    {"applications", "backend", "info"},
    {"keras", "runs"},
    {"evaluation", "judge", "recipes", "tutorial"},
    {"finetuning"},
    {"__main__", "check_data", "evaluate", "finetune", "predict", "train"},
]

# Only these modules import:
ONLY_THESE_IMPORT = {
    "fastcnn._core": {
        "batches",
        "config",
        "cuda",
        "description",
        "info",
        "initializers",
        "ops.activations",
        "ops.augmentation",
        "ops.elementwise",
        "ops.matrix",
        "ops.normalization",
        "ops.pooling",
        "ops.spatial",
        "ops.training",
        "plan",
        "tensor",
    },
    "h5py": {"formats.hdf5"},
    "tqdm": {"datasets._store", "progress"},
    "PIL": {"datasets.images"},
    "pickle": {"datasets._pickles"},
    "urllib": {"datasets._store"},
    "http": {"datasets._store"},
    "argparse": {"_command", "info"},
    "matplotlib": {"finetuning.report"},
    "torch": set(),
    "tensorflow": set(),
    "keras": set(),
}


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a C++ file, without its comments."""
    for number, line in enumerate(text.splitlines(), 1):
        yield number, line.partition("//")[0]


def include_faults(file: str, text: str) -> list[str]:
    folder = file.split("/")[0]
    if folder not in MAY_INCLUDE:
        return [f"{file}:1: the folder {folder}/ has no row in MAY_INCLUDE"]
    included = [
        (number, found[1]) for number, line in lines(text) if (found := re.match(r'\s*#\s*include\s*"(.*)"', line))
    ]
    return [
        f"{file}:{number}: {folder}/ may not include {header}"
        for number, header in included
        if header.split("/")[0] not in MAY_INCLUDE[folder] and (file, header) not in MAY_ALSO_INCLUDE
    ]


def place_faults(file: str, text: str) -> list[str]:
    return [
        f"{file}:{number}: {rule}: {line.strip()}"
        for rule, pattern, allowed in ONLY_HERE
        if file not in allowed
        for number, line in lines(text)
        if re.search(pattern, line)
    ]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What a module imports, anywhere but under `if TYPE_CHECKING`, by full name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{name.name}") for name in node.names)
        else:
            yield from imports(node)


def floor_of(module: str) -> int | None:
    """The floor of a module, or of the longest package around it that has one."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        for floor, modules in enumerate(FLOORS):
            if ".".join(parts[:length]) in modules:
                return floor
    return None


def import_faults(file: str, text: str) -> list[str]:
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    if module == "__init__":  # the door of the house: it imports each module when it is asked for
        return []
    floor = floor_of(module)
    if floor is None:
        return [f"{file}:1: {module} has no floor in FLOORS"]
    faults = []
    for number, name in imports(ast.parse(text)):
        if name.startswith("."):
            package = module.split(".") if file.endswith("__init__.py") else module.split(".")[:-1]
            level = len(name) - len(name.lstrip("."))
            name = ".".join(["fastcnn", *package[: len(package) - level + 1], name.lstrip(".")])
        for owner, modules in ONLY_THESE_IMPORT.items():
            if (name + ".").startswith(owner + ".") and module not in modules:
                faults.append(f"{file}:{number}: {module} may not import {owner}")
        inner = floor_of(name.removeprefix("fastcnn.")) if name.startswith("fastcnn.") else None
        if inner is not None and inner > floor:
            faults.append(f"{file}:{number}: {module} may not import {name} from a floor above")
    return faults


def faults_in(folder: Path, suffixes: set[str], check: Callable[[str, str], list[str]]) -> list[str]:
    files = sorted(file for file in folder.rglob("*") if file.suffix in suffixes)
    assert files
    return [fault for file in files for fault in check(file.relative_to(folder).as_posix(), file.read_text())]


CPP = {".h", ".cpp", ".cuh", ".cu"}


def test_folders_include_from_the_floors_below() -> None:
    assert faults_in(CSRC, CPP, include_faults) == []


def test_the_platform_is_asked_for_in_its_places_alone() -> None:
    assert faults_in(CSRC, CPP, place_faults) == []


def test_modules_import_from_the_floors_below() -> None:
    assert faults_in(PYTHON, {".py"}, import_faults) == []


@pytest.mark.parametrize(
    ("check", "file", "text", "fault"),
    [
        (include_faults, "core/pool.cpp", '#include "core/pool.h"\n#include "ops/relu.h"\n', "core/pool.cpp:2: core/ may not include ops/relu.h"),
        (include_faults, "ops/relu.cpp", '# include "cpu/simd.h"', "ops/relu.cpp:1: ops/ may not include cpu/simd.h"),
        (include_faults, "cpu/relu.cpp", '#include "runtime/plan.h"', "cpu/relu.cpp:1: cpu/ may not include runtime/plan.h"),
        (include_faults, "attic/x.h", "", "attic/x.h:1: the folder attic/ has no row in MAY_INCLUDE"),
        (place_faults, "ops/relu.cpp", "\n#if defined(__AVX2__)", "ops/relu.cpp:2: asks for the platform: #if defined(__AVX2__)"),
        (place_faults, "cpu/relu.cpp", "#ifdef FASTCNN_CUDA", "cpu/relu.cpp:1: asks for the platform: #ifdef FASTCNN_CUDA"),
        (place_faults, "cpu/relu.cpp", "x = _mm512_add_ps(x, x);", "cpu/relu.cpp:1: holds an intrinsic or assembly: x = _mm512_add_ps(x, x);"),
        (place_faults, "cpu/relu.cpp", '#include <immintrin.h>', "cpu/relu.cpp:1: holds an intrinsic or assembly: #include <immintrin.h>"),
        (place_faults, "runtime/plan.cpp", "cpu::avx2::relu(x);", "runtime/plan.cpp:1: names a backend: cpu::avx2::relu(x);"),
        (import_faults, "losses.py", "\nfrom fastcnn import _core", "losses.py:2: losses may not import fastcnn._core"),
        (import_faults, "models.py", "def f():\n    import h5py.h5", "models.py:2: models may not import h5py"),
        (import_faults, "layers/core.py", "from fastcnn.models import X", "layers/core.py:1: layers.core may not import fastcnn.models.X from a floor above"),
        (import_faults, "layers/core.py", "from ..models import X", "layers/core.py:1: layers.core may not import fastcnn.models.X from a floor above"),
        (import_faults, "ops.py", "from . import plan", "ops.py:1: ops may not import fastcnn.plan from a floor above"),
        (import_faults, "models.py", "from fastcnn import train", "models.py:1: models may not import fastcnn.train from a floor above"),
        (import_faults, "attic.py", "", "attic.py:1: attic has no floor in FLOORS"),
    ],
)  # fmt: skip
def test_each_rule_finds_what_breaks_it(
    check: Callable[[str, str], list[str]], file: str, text: str, fault: str
) -> None:
    assert check(file, text) == [fault]


def test_comments_and_types_break_no_rule() -> None:
    assert place_faults("ops/relu.cpp", "// as _mm512_add_ps under #if defined(__AVX2__)") == []
    assert import_faults("callbacks.py", "if TYPE_CHECKING:\n    from fastcnn.models import Sequential") == []


def test_importing_fastcnn_imports_nothing_that_takes_its_time() -> None:
    script = "import sys, fastcnn; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not imported & {
        "h5py",
        "PIL",
        "safetensors",
        "tqdm",
        "matplotlib",
        "torch",
        "tensorflow",
        "keras",
        "urllib3",
        "scipy",
    }


# Several instruction sets in one library: an object file of csrc/cpu/ defines nothing, and calls nothing of C++'s, outside
# of its own namespace, so the linker has no function to confuse with one that was compiled for another processor.


def flags_of(isa: str) -> list[str]:
    """The compiler's, as CMakeLists.txt gives them to the kernels of an instruction set."""
    cmake = (ROOT / "CMakeLists.txt").read_text()
    names = ["kernel_flags", *([f"flags_{isa}"] if platform.machine() in ("x86_64", "AMD64") else [])]
    found = [re.search(rf"set\({name} ([^)]*)\)", cmake) for name in names]
    assert all(found), f"CMakeLists.txt no longer sets {' and '.join(names)}"
    flags = [flag for match in found if match for flag in match[1].split()]
    flags[flags.index("-O3")] = (
        "-O1"  # which makes all the same functions, and more that -O3 would inline, in a quarter of the time
    )
    return ["-std=c++17", "-fPIC", "-fvisibility=hidden", f"-I{CSRC}", f"-DFASTCNN_ISA={isa}", *flags]


def symbol_faults(source: Path, isa: str, folder: Path) -> list[str]:
    """The symbols outside fastcnn::cpu::<isa> of a source file's object: those that it defines, and those of C++ that it calls.

    Of the build in FASTCNN_BUILD, where that names one of these sources; else the file is compiled.
    """
    built = Path(os.environ.get("FASTCNN_BUILD", "")) / f"CMakeFiles/kernels_{isa}.dir/csrc/cpu/{source.name}.o"
    compiled = built if built.is_file() and source.parent == CSRC / "cpu" else folder / f"{source.stem}.{isa}.o"
    if compiled != built:
        subprocess.run(["c++", *flags_of(isa), "-c", str(source), "-o", str(compiled)], check=True)
    symbols = subprocess.run(["nm", "--extern-only", str(compiled)], capture_output=True, text=True, check=True).stdout
    own = re.compile(rf"_Z(GV|T[VISC])?Z*NK?7fastcnn3cpu{len(isa)}{isa}")
    faults = []
    for line in symbols.splitlines():
        kind, symbol = line.split()[-2:]
        if not own.match(symbol) and (kind not in "Uw" or symbol.startswith("_Z")):
            name = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout.strip()
            faults.append(f"{source.name} ({isa}): {'defines' if kind not in 'Uw' else 'calls'} {name}")
    return faults


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads object files with Linux's nm")


@linux_only
@pytest.mark.parametrize("isa", _core.info()["instruction_sets_built"])
def test_kernels_keep_to_their_namespace(isa: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as compilers:
        faults = compilers.map(
            lambda source: symbol_faults(source, isa, tmp_path), sorted((CSRC / "cpu").glob("*.cpp"))
        )
        assert [fault for found in faults for fault in found] == []


@linux_only
@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "#include <vector>\nnamespace fastcnn::cpu::FASTCNN_ISA { void f(std::vector<float>& v) { v.push_back(1); } }",
            ["defines void std::vector<float", "calls operator new"],
        ),
        (
            "inline __attribute__((noinline)) int outside(int x) { return x * x; }\n"
            "namespace fastcnn::cpu::FASTCNN_ISA { int f(int x) { return outside(x); } }",
            ["defines outside(int)"],
        ),
        (
            "namespace fastcnn { template <class T> T twice(T x) { return 2 * x; } }\n"
            "namespace fastcnn::cpu::FASTCNN_ISA { struct Own {}; int (*f(Own))(int) { return &twice<int>; } }",
            ["defines int fastcnn::twice<int>(int)"],
        ),
        ("namespace fastcnn::cpu::other { int f() { return 1; } }", ["defines fastcnn::cpu::other::f()"]),
        ("namespace fastcnn::cpu::FASTCNN_ISA { template <class T> T f(T x) { return x; } template int f<int>(int); }", []),
    ],
)  # fmt: skip
def test_a_symbol_outside_the_namespace_is_found(text: str, faults: list[str], tmp_path: Path) -> None:
    source = tmp_path / "bad.cpp"
    source.write_text(text)
    found = symbol_faults(source, "baseline", tmp_path)
    assert all(any(fault in line for line in found) for fault in faults), found
    assert bool(found) == bool(faults), found
