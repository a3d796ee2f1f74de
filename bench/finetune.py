"""Fine-tuning from the start of the process to the finished report, `python bench/finetune.py`: how good it gets and how long it takes, beside PyTorch.

On the plants of CIFAR-100 (cifar100-plants, beside CIFAR-10 in FASTCNN_DATA): so many pictures of each class are drawn by seed, and judged on the whole test folder. Each round is a seed:
`python -m fastcnn.finetune` with no flag that changes what it does (--data, --start, --seed, --out, --device cpu, --threads 2), then the same in PyTorch (finetune_torch.py) with the settings that fastcnn
chose. Decoded pictures are kept nowhere beforehand, and matplotlib is there.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from fastcnn import applications
from harness import Summary, compare, process_output, save
from machine import cifar10_root

THREADS = 2
SCRIPT = Path(__file__).with_name("finetune_torch.py")
FONTS = matplotlib.get_cachedir()  # what matplotlib knows of them, once for all of a user's scripts
STARTS = {"vgg8": applications.VGG8, "tutorial_cnn": applications.TutorialCNN}


def drawn(root: Path, to: Path, pictures: int, seed: int) -> Path:
    """A folder of links: so many pictures of each class under train/, and test/ whole."""
    dice = random.Random(seed)
    for plant in sorted((root / "train").iterdir()):
        files = sorted(plant.iterdir())
        dice.shuffle(files)
        (to / "train" / plant.name).mkdir(parents=True)
        for file in files[:pictures]:
            (to / "train" / plant.name / file.name).symlink_to(file)
    (to / "test").symlink_to(root / "test")
    return to


class Round:
    """One seed: both frameworks on the same pictures, with the same settings."""

    def __init__(self, data: Path, start: str, folder: Path, seed: int) -> None:
        self._data, self._start, self._folder, self._seed = data, start, folder, seed
        self._run = folder / "run"

    def fastcnn(self) -> tuple[float, float]:
        """Seconds and accuracy."""
        command = [sys.executable, "-m", "fastcnn.finetune", "--data", str(self._data), "--start", self._start]
        more = ["--seed", str(self._seed), "--out", str(self._run), "--device", "cpu", "--threads", str(THREADS)]
        begin = time.perf_counter()
        said = process_output([*command, *more], {"XDG_CACHE_HOME": str(self._folder / "cache"), "MPLCONFIGDIR": FONTS})
        seconds = time.perf_counter() - begin
        (line,) = (line for line in said.splitlines() if line.startswith("test accuracy"))
        return seconds, float(line.split()[2].rstrip(","))

    def torch(self) -> tuple[float, float]:
        """The same of PyTorch, after `fastcnn`, whose settings it takes."""
        arguments = json.loads((self._run / "args.json").read_text())
        settings, weights = self._folder / "settings.json", self._folder / "start.npz"
        settings.write_text(json.dumps({**arguments["settings"], "seed": self._seed}))
        np.savez(weights, *STARTS[self._start](classifier_activation=None).get_weights())
        command = [sys.executable, str(SCRIPT), str(self._data), str(weights), self._start, str(settings)]
        begin = time.perf_counter()
        said = process_output([*command, str(self._folder / "torch.html")])
        return time.perf_counter() - begin, float(said.splitlines()[-1])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", default=[20, 100, 500], help="of each class")
    parser.add_argument("--start", nargs="+", choices=list(STARTS), default=list(STARTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-torch", action="store_true")
    options = parser.parse_args()
    root = cifar10_root()
    if root is None or not (root / "cifar100-plants" / "train").is_dir():
        raise SystemExit("finetune.py: cifar100-plants was not found: name the folder that holds it in FASTCNN_DATA")
    table: list[dict[str, Any]] = []
    for start in options.start:
        for pictures in options.pictures:
            seconds: dict[str, list[float]] = {}
            accuracies: dict[str, list[float]] = {}
            for seed in range(options.seeds):
                with tempfile.TemporaryDirectory() as folder:
                    data = drawn(root / "cifar100-plants", Path(folder, "data"), pictures, seed)
                    both = Round(data, start, Path(folder), seed)
                    for name in ["fastcnn"] if options.no_torch else ["fastcnn", "torch"]:
                        taken, right = getattr(both, name)()
                        seconds.setdefault(name, []).append(taken)
                        accuracies.setdefault(name, []).append(right)
                    chosen = json.loads((Path(folder) / "run" / "args.json").read_text())["settings"]
            for name, times in seconds.items():
                mean, spread = np.mean(accuracies[name]), np.std(accuracies[name], ddof=1) if options.seeds > 1 else 0.0
                ratio = compare(seconds["fastcnn"], times).of_rounds.median
                print(
                    f"{start:<14}{pictures:5} a class, {chosen['epochs']} epochs  {name:<8} accuracy {mean:.3f} (spread {spread:.3f}),{Summary.of(times).median:7.1f} s,{ratio:5.2f}x",
                    flush=True,
                )
            table.append(
                {"start": start, "pictures": pictures, "settings": chosen, "seconds": seconds, "accuracies": accuracies}
            )
    save("finetune", {"seeds": options.seeds, "threads": THREADS, "table": table})


if __name__ == "__main__":
    main()
