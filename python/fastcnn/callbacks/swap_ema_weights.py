"""`SwapEMAWeights`, which evaluates a model with the moving averages of its weights."""

from __future__ import annotations

from fastcnn._arguments import boolean
from fastcnn.callbacks.base import Callback, Logs
from fastcnn.variables import Array, Variable

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """During evaluations and predictions the weights are their moving averages, which an optimizer with `use_ema=True` keeps.

    swap_on_epoch : whether they are that, too, from the end of each epoch to the beginning of the next, for the callbacks behind this one in the
        list: a ModelCheckpoint, say. (A checkpoint to go on from must be written before.) Default False.

    The weights are kept aside meanwhile. After `fit` they are the averages in any case, see `Optimizer`. (In Keras 3.15 they stay so after `predict`,
    too, and are lost where a training with `swap_on_epoch` is stopped early.) ValueError where the optimizer keeps no averages, or has made no step.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = boolean("SwapEMAWeights", "swap_on_epoch", swap_on_epoch)
        self._aside: list[tuple[Variable, Array]] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._put_back()  # of an evaluation that was interrupted

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._aside = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._put_back()

    def _put_averages(self) -> None:
        if self._aside is not None:
            return
        optimizer = self.model.optimizer
        if optimizer is None or not optimizer.use_ema or not optimizer.built:
            lacks = "has made no step" if optimizer is not None and optimizer.use_ema else "was not given use_ema=True"
            raise ValueError(f"SwapEMAWeights: there are no averages, since the optimizer {lacks}")
        variables = self.model.trainable_weights
        self._aside = [(variable, variable.numpy()) for variable in variables]
        optimizer.finalize_variable_values(variables)

    def _put_back(self) -> None:
        for variable, value in self._aside or ():
            variable.assign(value)
        self._aside = None
