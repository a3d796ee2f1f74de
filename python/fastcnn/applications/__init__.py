"""Networks worth starting from, as functions with the arguments of Keras's `applications`. Each takes raw pixels, 0 to 255, and needs no `preprocess_input`.

    model = applications.VGG8()                                                        # knows the ten classes of CIFAR-10
    base = applications.VGG8(include_top=False, pooling="avg")                         # gives features, 256 for each picture
    model = applications.VGG8(weights=None, classes=5, input_shape=(96, 96, 3))        # knows nothing yet

The weights "cifar10" come with the package, in half precision; the recipe that made them is in `fastcnn.recipes`, and the card beside each file (weights/*.md) says
what they reach and what they are not for.
"""

from fastcnn.applications.networks import VGG8, TutorialCNN

__all__ = ["VGG8", "TutorialCNN"]
