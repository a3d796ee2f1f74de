"""The tutorial's script as a user would write it, for fastcnn or for Keras: what tutorial.py and accuracy.py run in processes of their own.

    python bench/script.py fastcnn|keras EPOCHS SEED FILE.h5      with FASTCNN_DATA naming the folder with CIFAR-10

Prints the history as JSON. Keras's CIFAR-10 comes from fastcnn's loader, since Keras would download it; that is counted for both.
"""

import json
import sys

framework, epochs, seed, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if framework == "fastcnn":
    import fastcnn as tf
    from fastcnn.keras import datasets, layers, models

    tf.set_seed(seed)
else:
    import tensorflow as tf
    from fastcnn.keras import datasets
    from tensorflow.keras import layers, models

    tf.keras.utils.set_random_seed(seed)

(train_images, train_labels), (test_images, test_labels) = datasets.cifar10.load_data()
train_images, test_images = train_images / 255.0, test_images / 255.0
model = models.Sequential(
    [
        layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ]
)
loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
validation = (test_images, test_labels) if epochs > 1 else None
history = model.fit(train_images, train_labels, epochs=epochs, validation_data=validation, verbose=0)
model.save(path)
print(json.dumps({name: [float(value) for value in values] for name, values in history.history.items()}))
