"""Does it learn as Keras does? The tutorial's script, several seeds, against Keras's own course; and Keras's accuracy from our file.

    python bench/accuracy.py [--seeds 3] [--no-keras]

Keras's course (validation accuracy after each epoch, TensorFlow 2.21, Keras 3.15.1, the same script) is one run; the mean over our seeds must nowhere lie more than
0.03 below it, and its last value must reach 0.69. Exit code 1 where that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import save
from machine import cifar10_root

KERAS_COURSE = (0.531, 0.606, 0.638, 0.674, 0.687, 0.704, 0.700, 0.708, 0.714, 0.708)
ALLOWED_BELOW, FINAL = 0.03, 0.69
SCRIPT = Path(__file__).with_name("script.py")
RIGHT_ANSWERS = """
import sys
from fastcnn.keras import datasets
_, (images, labels) = datasets.cifar10.load_data()
if sys.argv[1] == "keras":
    from keras.models import load_model
else:
    from fastcnn.models import load_model
logits = load_model(sys.argv[2]).predict((images / 255.0).astype("float32"), verbose=0)
print((logits.argmax(1) == labels[:, 0]).sum())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-keras", action="store_true")
    options = parser.parse_args()
    environment = {**os.environ, "FASTCNN_DATA": str(cifar10_root()), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def output_of(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.splitlines()[-1]

    courses, right = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            path = f"{folder}/{seed}.h5"
            course = json.loads(output_of(str(SCRIPT), "fastcnn", str(len(KERAS_COURSE)), str(seed), path))[
                "val_accuracy"
            ]
            courses.append(course)
            print(f"seed {seed}  " + " ".join(f"{value:.3f}" for value in course))
            if not options.no_keras:
                right.append({name: int(output_of("-c", RIGHT_ANSWERS, name, path)) for name in ("fastcnn", "keras")})
                print(
                    f"        right of 10,000 from the saved file: fastcnn {right[-1]['fastcnn']}, Keras {right[-1]['keras']}"
                )
    mean = np.mean(courses, axis=0)
    below = np.array(KERAS_COURSE) - mean
    print("mean    " + " ".join(f"{value:.3f}" for value in mean))
    print("Keras   " + " ".join(f"{value:.3f}" for value in KERAS_COURSE))
    print(f"at most {below.max():.3f} below Keras; at the end {mean[-1]:.4f}")
    save("accuracy", {"val_accuracy": courses, "mean": mean, "keras": KERAS_COURSE, "right_of_10000": right})
    differ = any(abs(both["fastcnn"] - both["keras"]) > 1 for both in right)
    sys.exit(int(below.max() > ALLOWED_BELOW or min(course[-1] for course in courses) < FINAL or differ))


if __name__ == "__main__":
    main()
