"""How the tests come by a real Keras 3 on TensorFlow, and how near to it we must be; where there is none, they are skipped, and say so."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

__all__ = ["ALLOWED", "QUIET", "assert_near", "begin_names_again", "keras_or_skip"]

ALLOWED = 1e-5  # of the largest value, as the issue states it

# What TensorFlow and Keras warn of is theirs: a test that works with them does not fail by it.
QUIET = [pytest.mark.peer, pytest.mark.filterwarnings("ignore:::(keras|tensorflow|absl|google|h5py|numpy)")]


def keras_or_skip(graphs: bool = False) -> Any:
    """The module `keras`, on the CPU.

    graphs : whether TensorFlow makes graphs of its trainings, as it does by default. Each is made anew, and that takes longer than the few steps of a
        test: without them the same operations are carried out one by one.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("tensorflow", "keras"):
            pytest.importorskip(name, reason=f"{name} is a peer here, and is not installed")
        import keras
        import tensorflow as tf
    tf.config.run_functions_eagerly(not graphs)
    assert keras.backend.backend() == "tensorflow"
    keras.config.disable_interactive_logging()
    return keras


def assert_near(ours: Any, theirs: Any, what: object = "") -> None:
    """Values of Keras's shape, each off by at most `ALLOWED` of its largest one. what : said where they are not."""
    mine, its = np.asarray(ours), np.asarray(theirs)
    assert mine.shape == its.shape, what
    np.testing.assert_allclose(mine, its, rtol=0, atol=ALLOWED * np.abs(its).max(initial=0), err_msg=str(what))


def begin_names_again(keras: Any) -> None:
    """Both libraries number names from the beginning, as in a new process."""
    from fastcnn._naming import reset_names

    keras.backend.clear_session()
    reset_names()
