"""Pickles as they were published: those of Python 2, for the tests of data sets."""

import io
import pickle
from typing import Any

__all__ = ["python2_dumps"]


def python2_dumps(thing: Any) -> bytes:
    """Pickle as Python 2's numpy did: protocol 2, its str as BINSTRING, numpy's modules under their old names."""

    def save_string(pickler: Any, text: bytes | str) -> None:
        raw = text if isinstance(text, bytes) else text.encode("latin1")
        pickler.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)

    file = io.BytesIO()
    pickler: Any = pickle._Pickler(file, protocol=2)
    pickler.dispatch = {**pickler.dispatch, bytes: save_string, str: save_string}
    pickler.dump(thing)
    return file.getvalue().replace(b"numpy._core.", b"numpy.core.")
