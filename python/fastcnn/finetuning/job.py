"""`Job`: one fine-tuning, from its pictures and settings to what it gives back. `tuning` gets them together."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcnn import evaluation, runs
from fastcnn.callbacks import History
from fastcnn.datasets import ImageFolder
from fastcnn.evaluation import Evaluation
from fastcnn.finetuning import report
from fastcnn.finetuning import start as starts
from fastcnn.finetuning.keeping import BestKeeper
from fastcnn.finetuning.settings import Choice, Settings
from fastcnn.info import info
from fastcnn.layers import Dense, Input
from fastcnn.losses import SparseCategoricalCrossentropy
from fastcnn.models import Sequential
from fastcnn.optimizers import AdamW
from fastcnn.optimizers.schedules import CosineDecay, OneCycle

__all__ = ["FineTuned", "Job"]

_EVALUATED = 250  # pictures at a time
_FORWARDS = 5  # that a step of training takes, about, in small batches and with its share of the validation


class FineTuned(NamedTuple):
    """What `fine_tune` gives back.

    model : takes raw pixels and gives logits; its `class_names` are the folder's. choice : the settings and why. history : of the whole network's epochs.
    validation, test : how good it is on those parts; None where there are none. outputs : the logits of the test
    pictures, or of the validation's where there are none. data : the pictures. folder : of the run, or None. seconds : of all.
    """

    model: Sequential
    choice: Choice
    history: History
    validation: Evaluation | None
    test: Evaluation | None
    outputs: NDArray[np.float32] | None
    data: ImageFolder
    folder: Path | None
    seconds: float


class Job:
    """One fine-tuning: the pictures, the settings, and where it is kept."""

    def __init__(self, data: ImageFolder, choice: Choice, folder: Path | None, level: int, begun: float) -> None:
        self.data, self.choice, self.folder = data, choice, folder
        self._level, self._begun = level, begun
        self.can_go_on = True  # whether everything came from files
        counts = np.bincount(data.train.y, minlength=len(data.class_names))
        self._class_weight = (
            {label: float(len(data.train.y) / (len(counts) * count)) for label, count in enumerate(counts)}
            if self.settings.class_weight
            else None
        )
        self._head: list[NDArray[np.float32]] = []

    @property
    def settings(self) -> Settings:
        """Those that were chosen."""
        return self.choice.settings

    def say(self, start: starts.Start, seed: int) -> None:
        """Prints what is begun, with what, and why so."""
        if not self._level:
            return
        facts, data = info(), self.data
        print(
            f"fastcnn {facts['version']} on {facts['device']}, {facts['instruction_set']}, {facts['threads']} threads"
        )
        pictures = ", ".join(
            f"{len(part.y):,} for {use}"
            for part, use in ((data.train, "training"), (data.validation, "validation"), (data.test, "test"))
            if len(part.y)
        )
        name = start.name if isinstance(start, Sequential) else os.fspath(start)
        print(f"pictures of {len(data.class_names):,} classes: {pictures}; start: {name}; seed: {seed}")
        for setting, reason in self.choice.reasons.items():
            print(f"  {setting} {getattr(self.settings, setting)}: chosen for {reason}")
        evaluation.tell(self._level, [], data.left_out)
        sys.stdout.flush()

    def train_head(self, features: Sequential) -> None:
        """Trains a dense layer on the features of all pictures, if it is to be."""
        if not self.settings.head_epochs:
            return
        of_pictures = features.predict(self.data.train.x, _EVALUATED, verbose=0).reshape(len(self.data.train.y), -1)
        mean = of_pictures.mean(axis=0)
        # One for all: a feature that hardly changes says little.
        spread = max(float(np.sqrt(of_pictures.var(axis=0).mean())), 1e-6)
        x = (of_pictures - mean) / spread
        head = Sequential([Input(x.shape[1:]), Dense(len(self.data.class_names), kernel_initializer="zeros")])
        settings = self.settings
        steps = settings.head_epochs * -(-len(x) // settings.batch_size)
        head.compile(AdamW(CosineDecay(0.003, steps), weight_decay=0.1), self._loss(), ["accuracy"])
        head.fit(x, self.data.train.y, settings.batch_size, settings.head_epochs, 0, class_weight=self._class_weight)
        kernel, bias = head.get_weights()
        unscaled = (kernel / spread).astype(np.float32)
        self._head = [unscaled, bias - mean @ unscaled]

    def shorten(self, limit: float, features: Sequential) -> None:
        """So few epochs that all is done after about so many seconds."""
        some = self.data.train.x[:_EVALUATED]
        features.predict(some, len(some), verbose=0)  # the first call of a network takes longer
        begin = time.perf_counter()
        features.predict(some, len(some), verbose=0)
        seconds_an_epoch = _FORWARDS * (time.perf_counter() - begin) * len(self.data.train.x) / len(some)
        left = limit - (time.perf_counter() - self._begun)
        epochs = max(int(left / max(seconds_an_epoch, 1e-3)), 1)
        if epochs < self.settings.epochs:
            reasons = {**self.choice.reasons, "epochs": f"{limit / 60:g} minutes in all"}
            self.choice = Choice(replace(self.settings, epochs=epochs), reasons)

    def train(self, model: Sequential, notes: dict[str, Any]) -> FineTuned:
        """The whole network, from the beginning or from a checkpoint, to the end. notes : the checkpoint's.

        KeyboardInterrupt says what is kept.
        """
        settings = self.settings
        chooses = settings.best_epoch and len(self.data.validation.y) > 0
        keeper = BestKeeper(self.folder, settings.patience if chooses else None, notes)
        try:
            return self._train(model, notes, keeper)
        except KeyboardInterrupt:
            if self.folder is None:
                raise
            raise KeyboardInterrupt(self._stopped(self.folder, keeper)) from None

    def _train(self, model: Sequential, notes: dict[str, Any], keeper: BestKeeper) -> FineTuned:
        data, settings = self.data, self.settings
        model.class_names = data.class_names
        if not notes:
            if self._head:
                model.layers[-1].set_weights(self._head)
            self._compile(model)
        done = model.epochs_done if notes else 0
        validation = (data.validation.x, data.validation.y) if len(data.validation.y) else None
        history = History()
        if self.folder is not None:
            report.get_ready()
        if done < settings.epochs and not keeper.is_over:
            history = model.fit(
                data.train.x,
                data.train.y,
                settings.batch_size,
                settings.epochs,
                self._level,
                [keeper],
                validation_data=validation,
                class_weight=self._class_weight,
                initial_epoch=done,
                validation_batch_size=_EVALUATED,
                augment=settings.augmentations(),
            )
        keeper.restore(model)
        if self.folder is not None:
            model.save(self.folder / runs.MODEL)
        outputs = None
        judged: list[Evaluation | None] = []
        for part in (data.validation, data.test):
            if len(part.y):
                outputs = model.predict(part.x, _EVALUATED, verbose=0)
                loss = float(self._loss()(part.y, outputs))
                judged.append(evaluation.scores(part.y, outputs, data.class_names)._replace(loss=loss))
            else:
                judged.append(None)
        seconds = time.perf_counter() - self._begun
        validated, tested = judged
        return FineTuned(model, self.choice, history, validated, tested, outputs, data, self.folder, seconds)

    def _loss(self) -> SparseCategoricalCrossentropy:
        return SparseCategoricalCrossentropy(from_logits=True, label_smoothing=self.settings.label_smoothing)

    def _compile(self, model: Sequential) -> None:
        settings = self.settings
        steps = max(settings.epochs * -(-len(self.data.train.y) // settings.batch_size), 1)
        rate = OneCycle(settings.learning_rate, steps, settings.warmup * steps)
        optimizer = AdamW(rate, settings.weight_decay, global_clipnorm=settings.global_clipnorm)
        optimizer.exclude_from_weight_decay([weight for weight in model.weights if len(weight.shape) < 2])
        layers = starts.learning_layers(model)
        ratio = settings.lower_rate ** (1 / max(len(layers) - 1, 1))
        optimizer.scale_learning_rate(
            {
                variable: ratio ** (len(layers) - 1 - depth)
                for depth, layer in enumerate(layers)
                for variable in layer.trainable_weights
            }
        )
        model.compile(optimizer, self._loss(), metrics=["accuracy"])

    def _stopped(self, folder: Path, keeper: BestKeeper) -> str:
        done, reached = keeper.written, len(keeper.rows)
        epochs = self.settings.epochs
        moment = f"in epoch {reached + 1} of {epochs}" if reached < epochs else "after the last epoch"
        kept = f"{runs.MODEL} (epoch {keeper.best_written}), {runs.HISTORY}, {runs.CHECKPOINT} (epoch {done})"
        said = f"stopped {moment}; kept in {folder}: {kept if done else runs.ARGUMENTS}"
        if not self.can_go_on:
            return said
        return f"{said}\nto go on: python -m fastcnn.finetune --resume {shlex.quote(os.fspath(folder))}"
