"""File formats of models, one file a format: `keras_h5` is Keras's legacy .h5. Nothing outside this folder knows what a file looks like.

Each format is a module with `save(model, path)` and `load(path)`; `models.py` chooses one by the file's ending.
"""
