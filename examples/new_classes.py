"""Takes a network that has learnt CIFAR-10's animals and vehicles to ten new classes, from twenty pictures of each: `python examples/new_classes.py`.

The new classes are handwritten digits, which come with the package, so it runs anywhere, in seconds. For pictures of your own in folders one line does all of this:
fastcnn.fine_tune("photos").
"""

import fastcnn
import numpy as np
from fastcnn.datasets import ImageFolder, Part, digits

EACH = 20  # pictures of a class to train on

(x, y), (test_x, test_y) = digits.load_data()
y, test_y = y.ravel(), test_y.ravel()
chosen = np.concatenate([np.flatnonzero(y == digit)[:EACH] for digit in range(10)])
some, none = Part(x[chosen], y[chosen], []), Part(x[:0], y[:0], [])
data = ImageFolder(digits.CLASS_NAMES, some, none, Part(test_x, test_y, []), [])

for name, settings in (
    ("a new last layer alone", {"epochs": 0}),
    ("everything", {"flip": False}),  # a mirror makes other things of digits
):
    done = fastcnn.fine_tune(data, "tutorial_cnn", seed=0, verbose=0, **settings)
    assert done.test is not None
    print(f"{name}: {done.test.accuracy:.3f} of {len(test_y)} test pictures, {done.seconds:.1f} s")
