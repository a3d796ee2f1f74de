"""The names of a model's classes in its file: one JSON list, kept where Keras does not look. Each format says where that is.

In .h5: the attribute `fastcnn_class_names` of the file. In .keras: that entry of metadata.json.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastcnn.errors import FormatError

if TYPE_CHECKING:
    from fastcnn.models import Sequential

__all__ = ["KEY", "read", "written"]

KEY = "fastcnn_class_names"


def written(model: Sequential) -> str | None:
    """What to keep in the file, in ASCII; None where the model's classes have no names."""
    return None if model.class_names is None else json.dumps(model.class_names)


def read(model: Sequential, text: str | None, where: str) -> None:
    """Gives the model the names that `text` holds; None leaves it without. FormatError, beginning with `where`, for anything but a list of names."""
    if text is None:
        return
    try:
        model.class_names = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{where}: is no list of class names ({error})") from error
