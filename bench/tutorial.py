"""The whole way: from the start of the process to the end of the first epoch of CIFAR-10, or of more, and the saved file, fastcnn beside Keras, in turn.

    python bench/tutorial.py [--rounds 3] [--epochs 10] [--no-keras]

Also what importing costs beyond numpy, the peak memory of `python -m fastcnn.train --dataset cifar10`, and the size of the wheel.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from harness import Summary, compare, interleave, process_seconds, save
from machine import ROOT, cifar10_root

SCRIPT = Path(__file__).with_name("script.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--no-keras", action="store_true")
    options = parser.parse_args()
    data = {"FASTCNN_DATA": str(cifar10_root()), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        frameworks = ["fastcnn"] if options.no_keras else ["fastcnn", "keras"]
        commands = {
            name: [sys.executable, str(SCRIPT), name, str(options.epochs), "0", f"{folder}/{name}.h5"]
            for name in frameworks
        }
        times = interleave(
            {name: partial(process_seconds, line, data) for name, line in commands.items()}, options.rounds
        )
        for name, seconds in times.items():
            summary, ratio = Summary.of(seconds), compare(times["fastcnn"], seconds).of_rounds
            ends = "the first epoch" if options.epochs == 1 else f"{options.epochs} epochs"
            print(f"start to the end of {ends}, {name:8}{summary.median:7.2f} s {ratio.median:6.2f}x")

        python = [sys.executable, "-c"]
        imports = {
            "numpy": "import numpy",
            "fastcnn": "import numpy, fastcnn",
            "all": "import numpy, fastcnn.keras, fastcnn.models, fastcnn.ops",
        }
        starts = interleave({name: partial(process_seconds, [*python, code]) for name, code in imports.items()}, 20)
        base = Summary.of(starts["numpy"]).median
        beyond = {name: Summary.of(starts[name]).median - base for name in ("fastcnn", "all")}
        print(
            f"import beyond numpy: fastcnn {beyond['fastcnn'] * 1e3:.0f} ms, with keras, models and ops {beyond['all'] * 1e3:.0f} ms"
        )

        peak = peak_memory(folder, data)
        print(f"peak memory of fastcnn.train --dataset cifar10 --epochs 1: {peak / 2**20:.0f} MiB")
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", f"{folder}/wheel", str(ROOT)], check=True
        )
        size = next(Path(folder, "wheel").glob("*.whl")).stat().st_size
        print(f"wheel: {size / 1e6:.2f} MB")
    results = {name: Summary.of(seconds)._asdict() for name, seconds in times.items()}
    save(
        "tutorial",
        {
            "epochs": options.epochs,
            "seconds_to_the_end": results,
            "rounds": times,
            "import_seconds": beyond,
            "peak_bytes": peak,
            "wheel_bytes": size,
        },
    )


def peak_memory(folder: str, data: dict[str, str]) -> int:
    """Of the command, in bytes."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-m", "fastcnn.train", "--dataset", "cifar10", "--epochs", "1", "--out", f"{folder}/run"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], env={**os.environ, **data}, capture_output=True, text=True, check=True
    )
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
