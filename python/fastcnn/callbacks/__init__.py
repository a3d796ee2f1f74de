"""Callbacks: what watches, steers, stops, writes down and saves a training, with Keras 3's names, hooks and behaviour.

`Callback` is the base class of these and of your own. The loops that call them live in `training.py`, the progress bar in `progress.py`.
"""

from fastcnn.callbacks.base import Callback, History
from fastcnn.callbacks.base import CallbackList as CallbackList  # private: for models.py and training.py
from fastcnn.callbacks.csv_logger import CSVLogger
from fastcnn.callbacks.early_stopping import EarlyStopping
from fastcnn.callbacks.lambda_callback import LambdaCallback
from fastcnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastcnn.callbacks.model_checkpoint import ModelCheckpoint
from fastcnn.callbacks.swap_ema_weights import SwapEMAWeights
from fastcnn.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TerminateOnNaN",
]
