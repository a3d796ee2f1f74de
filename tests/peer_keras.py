"""How the tests come by a real Keras 3 on TensorFlow; where there is none, they are skipped, and say so."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

__all__ = ["QUIET", "keras_or_skip"]

# What TensorFlow and Keras warn of is theirs: a test that works with them does not fail by it.
QUIET = [pytest.mark.peer, pytest.mark.filterwarnings("ignore:::(keras|tensorflow|absl|google|h5py|numpy)")]


def keras_or_skip() -> Any:
    """The module `keras`, on the CPU."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("tensorflow", "keras"):
            pytest.importorskip(name, reason=f"{name} is a peer here, and is not installed")
        import keras
    assert keras.backend.backend() == "tensorflow"
    keras.config.disable_interactive_logging()
    return keras
