"""`Sequential`, a stack of layers that can be trained, and `load_model`; Keras 3's names, defaults and behaviour.

The layers and weights are in `stack.py`, what `compile` says in `compiled.py`, the loops in `training.py`, and what is computed how in `plan.py`.
Files are `formats/`' business.
"""

from __future__ import annotations

import json
import os
import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastcnn import arrays, formats, training
from fastcnn._arguments import natural, number, only, positive_integer
from fastcnn._serialization import serialize
from fastcnn._warnings import warn
from fastcnn.augmentation import Augment
from fastcnn.batches import Batch, Batches, Given
from fastcnn.callbacks import Callback, CallbackList, History
from fastcnn.compiled import Compiled
from fastcnn.formats import interrupts, keras_config
from fastcnn.formats.place import Place
from fastcnn.inference import Inference
from fastcnn.plan import Plan
from fastcnn.progress import Progress, values, verbosity
from fastcnn.stack import Part, Stack
from fastcnn.training import Run, Validation

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json"]

Callbacks = Callback | Sequence[Any] | None
Results = float | list[float] | dict[str, float]


class Sequential(Compiled):
    """A stack of layers, each with one input and one output, that can be trained.

    Parameters
    ----------
    layers : the layers, in order, models among them too; the first may be `Input(shape)`, or be given `input_shape=`. Without either, the model is built, that is
        gets its weights, when it first sees data, or by `build`.
    name : None means "sequential", "sequential_1", ... as in Keras.

    All weights lie in one buffer. Two models may share layers, as in transfer learning, and so their weights.

    Attributes: `name`, `layers`, `optimizer`, `loss`, `metrics`, `compiled`, `history` (that of the last `fit`; AttributeError before),
    `stop_training`, which a callback sets to end `fit`, `seed`, of shuffling, dropout and augmentation: from `set_seed`, or else from the system; and
    `epochs_done`, the number of the last epoch that `fit` has finished: with `initial_epoch=model.epochs_done` it goes on from there.
    """

    keras_module: ClassVar[str] = "keras"
    history: History

    def __init__(self, layers: Sequence[Part] | None = None, *, name: str | None = None) -> None:
        self.stop_training = False
        self.epochs_done = 0
        super().__init__(layers, name)

    def get_config(self) -> dict[str, Any]:
        """The layers and their arguments, as Keras writes them; without weights, and without what `compile` said."""
        return keras_config.model_config(self, serialize)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """A model of that `get_config`, or of Keras's, with weights of its own. ValueError, with the place, for what is not supported."""
        return keras_config.model_of(Place("Sequential.from_config"), dict(config))

    def to_json(self, *, indent: int | None = None) -> str:
        """The same as text, which `model_from_json` reads, Keras's too. indent : spaces a level, in lines; None for one line."""
        return json.dumps(serialize(self), indent=indent)

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Writes the model, its weights and its optimizer's state into a file, whole or not at all.

        filepath : ends in .keras, or in .h5 for Keras's legacy format, which Keras reads too; or in .safetensors for a checkpoint, from which a
            training goes on bit for bit. ValueError otherwise. Folders that are missing are made.

        Raises ValueError too for more than 5,000 layers, or models in models more than 20 deep, which no file is asked for again.
        """
        keras_config.check_size(self)
        with interrupts.deferred():
            formats.chosen(filepath, "save").save(self, filepath)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the weights and, of a compiled model, the optimizer's state into a file that Keras reads, whole or not at all.

        filepath : ends in .weights.h5. overwrite : False raises FileExistsError where there is such a file (Keras asks). Raises ValueError for
        another ending, and before the model is built.
        """
        self._built("save_weights")
        writer = formats.chosen(filepath, "save_weights")
        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(
                f"save_weights: there is a file {os.fspath(filepath)!r} already, and overwrite is False"
            )
        with interrupts.deferred():
            writer.save_weights(self, filepath)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Reads the weights of a model with the same layers in the same order; their names do not matter.

        filepath : ends in .weights.h5, or in .keras or .h5 (also Keras 2's) for those of a whole model. From all but the .h5, a compiled model that
        has been trained takes the optimizer's state too, where it fits; otherwise the optimizer stays as it is, with a warning, as in Keras.
        skip_mismatch : True leaves layers as they are, with a warning, whose arrays have another number or shape in the file.

        Raises ValueError before the model is built and for another ending, FileNotFoundError where there is no file, and FormatError where it is
        something else or does not fit; then nothing has changed.
        """
        self._built("load_weights")
        reader = formats.chosen(filepath, "load_weights")
        with interrupts.deferred():
            all_left_out = reader.load_weights(self, filepath, skip_mismatch=skip_mismatch)
        for left_out in all_left_out:
            warn(f"load_weights: {left_out}")

    # Training.

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        augment: Sequence[Any] | None = None,
    ) -> History:
        """Trains the model.

        Parameters
        ----------
        x : (N, ...) images, uint8, float32 or float64, of the model's input shape. They are converted batch by batch, scaled by nothing, and
            never copied as a whole (but to a GPU, where they fit). Other integers and any strides work too. Nothing may change them meanwhile.
            Or an iterable of batches (x, y) or (x, y, sample_weight): a generator, a `utils.PyDataset`, a list, another framework's loader;
            `y`, `sample_weight` and `batch_size` are then left out. Each batch is checked when its turn comes.
        y : the labels: class numbers (N,) or (N, 1) for a sparse loss, (N, classes) for a categorical one, as the outputs for others. All
            are checked first.
        batch_size : images a step; default 32. The last batch of an epoch may be smaller.
        epochs : the number of the last epoch, so `epochs - initial_epoch` are trained.
        verbose : 0 silent; 1 a bar on a terminal and a line an epoch elsewhere; 2 the line alone; "auto" is 1.
        callbacks : a list of `callbacks.Callback`.
        validation_split : the part in [0, 1) that is held out at the end of the arrays, before shuffling. `validation_data` overrides it.
        validation_data : (x, y) or (x, y, sample_weight), or an iterable of batches; evaluated after each epoch, or as `validation_freq` says:
            after every so many, or after those that it lists (counting from 1); in batches of `validation_batch_size` images, by default as in
            training, and of them the first `validation_steps`, by default all.
        shuffle : a new order each epoch, of images or, where the iterable has a length and an index, of batches. It follows from the seed and the
            number of steps done, so a training in two parts equals one in one.
        class_weight : how much the images of a class count in the loss, by class number; 1 where it says nothing.
        sample_weight : (N,), how much each image counts; not together with `class_weight`.
        initial_epoch : where to begin to count, when a training goes on.
        steps_per_epoch : batches of an epoch, by default all that there are; needed of what has no end. The next epoch goes on behind the last,
            and has fewer, with a warning, where they run out. When an iterator has no more, the training ends.
        augment : a list of random layers, `augmentation.MixUp` and `augmentation.CutMix`, which change the images of this training, in front of the
            model's layers, and do not become part of it. Mixing comes first, wherever it stands; of several, one is drawn for each batch. It needs a
            categorical crossentropy or the sparse one, which then takes the mixed labels as `CategoricalCrossentropy` does; metrics of class numbers
            take the larger share. An image keeps its own weight. (Keras's `fit` has no such argument.)

        Returns the History, which is also `self.history`: `history.history["loss"]` and so on, one value an epoch. The values of the training
        are means over the epoch, each from before its step.

        Raises ValueError and TypeError for what does not fit, before anything is trained. Ctrl-C raises KeyboardInterrupt at once: the model is
        then as after the last step, `self.history` as after the last epoch, and both can be used. A loss that stops being finite is a
        RuntimeWarning, once.
        """
        first, last = natural("fit", "initial_epoch", initial_epoch), natural("fit", "epochs", epochs)
        held_out = number("fit", "validation_split", validation_split, least=0, below=1)
        frequency = _frequency(validation_freq)
        held_size, held_steps = (
            None if value is None else positive_integer("fit", argument, value)
            for argument, value in (
                ("validation_batch_size", validation_batch_size),
                ("validation_steps", validation_steps),
            )
        )
        level = verbosity(verbose, "fit")
        given = Given("fit", x, y, sample_weight, class_weight, batch_size, steps_per_epoch, "steps_per_epoch")
        given.refuse_to_repeat(last - first)
        batches: Batches = self._batches(given, training=True, shuffle=bool(shuffle))
        held: Batches | None = None
        if validation_data is not None:
            held_given = _held(validation_data, batch_size, held_size, held_steps)
            held_given.refuse_to_repeat(last - first)
            held = self._batches(held_given)
            held.begin()
            held.sample_shape()  # there are some, and the first is right
        elif held_out:
            batches, held = batches.split(held_out, held_size, held_steps)
        optimizer, loss = self.optimizer, self.loss
        assert optimizer is not None  # _batches has seen that the model is compiled
        assert loss is not None
        batches.begin(first, optimizer.iterations)
        shape = batches.sample_shape()
        plan = self._ready(shape, "fit", train=True, augment=Augment.of(augment, shape, loss))
        validation = None if held is None else Validation(held, *frequency)
        hooks = CallbackList(callbacks, self, "fit", verbose=level, epochs=last, steps=batches.steps)
        training.fit(Run(self, plan, optimizer, batches, validation, hooks), first, last, level)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Results:
        """The loss and the metrics over the images, or over the first `steps` batches of them; arguments as for `fit`.

        Returns the loss alone if there are no metrics, else [loss, *metrics] in the order of `metrics_names`, or a dict if `return_dict`.
        """
        batches = self._batches(Given("evaluate", x, y, sample_weight, None, batch_size, steps))
        level = verbosity(verbose, "evaluate")
        batches.begin()
        hooks = CallbackList(callbacks, self, "evaluate", verbose=level, epochs=1, steps=batches.steps)
        plan = self._ready(batches.sample_shape(), "evaluate")
        progress = Progress("Evaluate", batches.steps, level)
        try:
            logs = training.evaluate(self, plan, batches, hooks, "evaluate: x", progress)
            progress.finish(values(logs))
        finally:
            progress.close()
        return logs if return_dict else self._in_order(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> NDArray[np.float32]:
        """The outputs for the images, or for the first `steps` batches of them, (N, ...) float32; arguments as for `fit`.

        An iterable gives batches x, or such as `fit` takes, whose labels are passed over. No images give an array of length 0.
        """
        batches = self._images(Given("predict", x, batch_size=batch_size, steps=steps))
        level = verbosity(verbose, "predict")
        batches.begin()
        hooks = CallbackList(callbacks, self, "predict", verbose=level, epochs=1, steps=batches.steps)
        plan = self._ready(batches.sample_shape(), "predict")
        progress = Progress("Predict", batches.steps, level)
        try:
            outputs = training.predict(plan, batches, hooks, progress)
            progress.finish(f"{len(outputs):,} images")
        finally:
            progress.close()
        return outputs

    def __call__(self, x: Any, training: bool | None = None) -> NDArray[np.float32]:
        """The outputs for a batch, computed at once, as in inference: `predict_on_batch`. training : True is a ValueError."""
        only("Sequential", "training", training, False, None)
        return self.predict_on_batch(x)

    def predict_on_batch(self, x: Any) -> NDArray[np.float32]:
        """The outputs for a batch, computed at once."""
        images = arrays.images(x, self._sample_shape(), "predict_on_batch", empty=True)
        return arrays.step_function(self._ready(images.shape[1:], "predict_on_batch"), images).forward(images)

    def inference(self, batch_size: int = 1) -> Inference:
        """The model as it is now, ready to answer batches of up to `batch_size` images without any other cost: `answer = model.inference(); answer(x)`.

        What happens to the model afterwards does not change it. (Keras has no such method.) ValueError before the model is built.
        """
        return Inference(self, batch_size)

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        *,
        return_dict: bool = False,
    ) -> Results:
        """One step on a batch; arguments as for `fit`. Returns what `evaluate` returns, for this batch and from before the step."""
        batch, plan = self._single("train_on_batch", x, y, sample_weight, class_weight, train=True)
        optimizer = self.optimizer
        assert optimizer is not None  # _single has seen that the model is compiled
        rate = training.step_size(optimizer)
        step = arrays.step_function(plan, batch.x).train_step
        step(*batch, learning_rate=rate, step=optimizer.iterations + 1)
        optimizer.iterations += 1
        return self._results(plan, batch, return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, *, return_dict: bool = False) -> Results:
        """What `evaluate` returns, for a batch, computed at once."""
        batch, plan = self._single("test_on_batch", x, y, sample_weight)
        arrays.step_function(plan, batch.x).evaluate_step(*batch)
        return self._results(plan, batch, return_dict)

    def _single(self, where: str, *data: Any, train: bool = False) -> tuple[Batch, Plan]:
        """A single batch, checked, and the plan for it, which is ready to count."""
        self._needs_loss(where)
        x, y, weights = self._data(where, "", *data)
        plan = self._ready(x.shape[1:], where, train=train)
        training.begin_pass(self, plan)
        return Batch(x, y, np.arange(len(x)), weights), plan

    def _results(self, plan: Plan, batch: Batch, return_dict: bool) -> Results:
        training.measure(self, plan, batch)
        logs = self._logs(plan.totals(), len(batch.rows))
        return logs if return_dict else self._in_order(logs)

    def _built(self, where: str) -> None:
        if not self.built:
            raise ValueError(
                f"{where}: the model '{self.name}' has no weights before it is built: give it an Input, or call build(input_shape)"
            )


for _base in (
    Stack,
    Compiled,
):  # whose methods speak as Sequential's in Python's own errors: what a user writes is a Sequential
    for _function in vars(_base).values():
        if isinstance(_function, types.FunctionType):
            _function.__qualname__ = f"{Sequential.__name__}.{_function.__name__}"


def load_model(filepath: str | os.PathLike[str], *, compile: bool = True) -> Sequential:
    """Reads a model that `Sequential.save` or Keras has written, with its weights and, if it was compiled, its optimizer's state.

    filepath : ends in .keras, or in .h5 for Keras's legacy format, Keras 2's too. ValueError otherwise. Nothing in the file is run: a Lambda or an
    unknown class is an error that names it. compile : False leaves out what concerns training, so that a model with an optimizer that we lack can
    be read.

    Raises FileNotFoundError where there is no file, FormatError where it is something else.
    """
    with interrupts.deferred():
        model: Sequential = formats.chosen(filepath, "load_model").load(filepath, compile=compile)
    return model


def model_from_json(json_string: str) -> Sequential:
    """The model that `to_json`, or Keras's, has written, with weights of its own. ValueError for anything else."""
    place = Place("model_from_json")
    written = place.parsed(json_string)
    if written.get("class_name") != "Sequential":
        raise place.error(f"the model is a {written.get('class_name')!r}, but only a 'Sequential' can be read")
    return keras_config.model_of(place, written.get("config"))


def clone_model(model: Sequential) -> Sequential:
    """A model of the same layers, by the same names, with weights of its own; not compiled. TypeError for what is no model."""
    if not isinstance(model, Sequential):
        raise TypeError(f"clone_model: model must be a Sequential, but is {model!r}")
    return Sequential.from_config(model.get_config())


def _frequency(validation_freq: Any) -> tuple[int, frozenset[int] | None]:
    """Every how many epochs to validate, or after which."""
    if isinstance(validation_freq, (list, tuple, set, frozenset)):
        return 1, frozenset(positive_integer("fit", "validation_freq's entry", epoch) for epoch in validation_freq)
    return positive_integer("fit", "validation_freq", validation_freq), None


def _held(data: Any, batch_size: int | None, held_size: int | None, steps: int | None) -> Given:
    """What `validation_data` means: arrays in a tuple (or a list), or an iterable of batches. Arrays come in batches as the training's do, by default."""
    given = Given(
        "fit", data, batch_size=held_size, steps=steps, steps_name="validation_steps", called="validation_data"
    )
    if given.are_batches and not isinstance(data, tuple):
        return given
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        came = f"{len(data)} entries" if isinstance(data, (tuple, list)) else f"a {type(data).__name__}"
        raise ValueError(f"fit: validation_data must be (x, y) or (x, y, sample_weight), but is {came}")
    x, y, weights = (*data, None)[:3]
    return given._replace(x=x, y=y, sample_weight=weights, batch_size=batch_size if held_size is None else held_size)
