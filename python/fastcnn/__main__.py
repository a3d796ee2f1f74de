"""`python -m fastcnn`: which commands there are."""

import sys

_COMMANDS = """\
fastcnn trains and runs small convolutional networks. Its commands:

  python -m fastcnn.train       trains the tutorial's network, on CIFAR or the
                                handwritten digits that are built in
  python -m fastcnn.evaluate    how good a model is, on all images, by class
  python -m fastcnn.predict     what a model sees in pictures
  python -m fastcnn.finetune    makes a classifier for your own pictures
  python -m fastcnn.check_data  what is wrong or odd in a folder of pictures
  python -m fastcnn.info        what this installation is and what it runs on

--help of each explains it. In Python: from fastcnn.keras import layers, models
"""


if __name__ == "__main__":
    print(_COMMANDS, end="")
    sys.exit(0 if sys.argv[1:] in ([], ["--help"], ["-h"]) else 2)
