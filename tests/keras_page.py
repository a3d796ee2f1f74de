"""docs/keras.md as data, and what a real Keras has: what tests/test_docs_keras.py compares. Private to it.

The page has a section a module, `## keras.layers`. In it, each row of a table says of the things in its first cell which of Keras's arguments are
supported (second cell) and which are refused (third); a row that begins with "every" speaks for all classes of the section. A paragraph that begins
with "Not there:" names what Keras has there and fastcnn lacks. The section `## Members` has a row a class, with its members that are not there.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import fastcnn.keras
import numpy as np

__all__ = [
    "MODULES",
    "Row",
    "Section",
    "arguments",
    "both",
    "instances",
    "members",
    "own_names",
    "page",
    "public",
    "sample",
    "walked",
]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "keras.md"

MODULES = (
    "keras",
    "keras.layers",
    "keras.models",
    "keras.losses",
    "keras.metrics",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.callbacks",
    "keras.regularizers",
    "keras.initializers",
    "keras.activations",
    "keras.constraints",
    "keras.datasets",
    "keras.utils",
    "keras.backend",
)


class Row(NamedTuple):
    """Of the page: what a thing's arguments are."""

    supported: frozenset[str]
    refused: frozenset[str]


class Section(NamedTuple):
    """Of the page. rows : by the thing's name. every : of what is said of all classes. absent : what is not there."""

    rows: dict[str, Row]
    every: Row
    absent: frozenset[str]


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _section(title: str, body: str) -> Section:
    rows: dict[str, Row] = {}
    every = Row(frozenset(), frozenset())
    for line in body.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) < 3 or not (_quoted(cells[0]) or cells[0].startswith("every")):
            continue
        row = Row(frozenset(_quoted(cells[1])), frozenset(_quoted(cells[2])))
        assert not set(_quoted(cells[0])) & set(rows), f"twice in {title}: {cells[0]}"
        rows.update(dict.fromkeys(_quoted(cells[0]), row))
        if cells[0].startswith("every"):
            every = row
    said = re.findall(r"^Not there: (.*?)(?=\n\n|\Z)", body.rstrip(), re.DOTALL | re.MULTILINE)
    absent = [name for text in said for name in _quoted(text)]
    assert len(absent) == len(set(absent)), f"twice among what is not there in {title}"
    return Section(rows, every, frozenset(absent))


def page() -> dict[str, Section]:
    """The sections of the page that are about a module or class of Keras, by its name, and "Members"."""
    parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    titled = {part.partition("\n")[0].strip("`"): part.partition("\n")[2] for part in parts}
    return {title: _section(title, body) for title, body in titled.items() if title.startswith("keras")}


def members() -> dict[str, frozenset[str]]:
    """Of the section "Members": what is not there, by the class."""
    body = re.findall(r"^## Members\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)[0]
    rows = [line.split("|")[1:] for line in body.splitlines() if line.startswith("| `")]
    return {_quoted(cells[0])[0]: frozenset(_quoted(cells[1])) for cells in rows}


def public(thing: Any) -> set[str]:
    """The names that are there for users."""
    return {name for name in dir(thing) if not name.startswith("_")}


def walked(root: Any, module: str) -> Any:
    for name in module.split(".")[1:]:
        root = getattr(root, name, None)
    return root


def both(keras: Any, module: str) -> tuple[Any, Any]:
    """fastcnn's module and Keras's; None where there is none."""
    return walked(fastcnn.keras, module), walked(keras, module)


def own_names(module: Any) -> set[str]:
    """What a module of fastcnn has for users."""
    return set(getattr(module, "__all__", ()))


def arguments(thing: Any) -> list[str]:
    """The names of the arguments of a function or a class's constructor."""
    call = thing.__init__ if inspect.isclass(thing) else thing
    parameters = list(inspect.signature(call).parameters.values())
    named = [each.name for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    return [name for name in named if name != "self"]


# What the classes must be given, and for each argument a value that is not its default.

NEEDED: dict[str, dict[str, Any]] = {
    "InputLayer": {"shape": (8, 8, 3)},
    "Input": {"shape": (8, 8, 3)},
    "Conv2D": {"filters": 4, "kernel_size": 3},
    "DepthwiseConv2D": {"kernel_size": 3},
    "SeparableConv2D": {"filters": 4, "kernel_size": 3},
    "Dense": {"units": 4},
    "AveragePooling2D": {"pool_size": 2},
    "Activation": {"activation": "relu"},
    "Rescaling": {"scale": 0.5},
    "Dropout": {"rate": 0.5},
    "Reshape": {"target_shape": (4, -1)},
    "SpatialDropout2D": {"rate": 0.5},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomZoom": {"height_factor": 0.5},
    "RandomCrop": {"height": 4, "width": 4, "seed": 7},
    "RandomRotation": {"factor": 0.5},
    "RandomBrightness": {"factor": 0.5},
    "RandomContrast": {"factor": 0.5},
    "RandomSaturation": {"factor": 0.5},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "PiecewiseConstantDecay": {"boundaries": [5], "values": [0.1, 0.01]},
    "ModelCheckpoint": {"filepath": "m.keras"},
    "CSVLogger": {"filename": "log.csv"},
    "LearningRateScheduler": {"schedule": len},
    "MeanMetricWrapper": {"fn": np.subtract},
}

_VALUES: dict[str, Any] = {
    "dtype": "float16",
    **dict.fromkeys(("name", "filename", "filepath", "monitor"), "mine"),
    **dict.fromkeys(("kernel_initializer", "bias_initializer", "depthwise_initializer", "pointwise_initializer"), "he_normal"),
    **dict.fromkeys(("beta_initializer", "gamma_initializer", "moving_mean_initializer", "moving_variance_initializer"), "random_normal"),
    **dict.fromkeys(("kernel_regularizer", "bias_regularizer", "depthwise_regularizer", "activity_regularizer", "beta_regularizer", "gamma_regularizer", "pointwise_regularizer"), "l2"),
    **dict.fromkeys(("kernel_constraint", "bias_constraint", "depthwise_constraint", "beta_constraint", "gamma_constraint", "pointwise_constraint"), "non_neg"),
    **dict.fromkeys(("filters", "units", "pool_size", "strides", "dilation_rate", "groups", "lora_rank", "lora_alpha", "kernel_size", "batch_size", "depth_multiplier", "height", "width"), 2),
    **dict.fromkeys(("sparse", "ragged", "optional", "keepdims", "amsgrad", "nesterov", "use_ema", "from_logits", "multi_label", "staircase", "cycle", "append", "raise_error", "from_sorted_ids", "save_best_only", "save_weights_only", "restore_best_weights", "renorm", "synchronized", "swap_on_epoch"), True),
    **dict.fromkeys(("use_bias", "trainable", "autocast", "center"), False),
    **dict.fromkeys(("rate", "scale", "offset", "max_value", "negative_slope", "threshold", "label_smoothing", "momentum", "alpha", "warmup_target", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor", "beta_1", "beta_2", "epsilon", "learning_rate", "initial_learning_rate", "decay_rate", "end_learning_rate", "power", "t_mul", "m_mul", "l1", "l2", "mean", "stddev", "minval", "maxval", "value", "factor", "min_delta", "min_lr", "baseline", "initial_value_threshold", "ema_momentum", "renorm_momentum", "height_factor", "width_factor", "fill_value"), 0.25),
    **dict.fromkeys(("seed", "k", "top_k", "class_id", "decay_steps", "first_decay_steps", "warmup_steps", "patience", "cooldown", "verbose", "start_from_epoch", "num_thresholds", "ignore_class", "ema_overwrite_frequency", "gradient_accumulation_steps", "save_freq"), 3),
    **dict.fromkeys(("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_train_batch_begin", "on_train_batch_end", "schedule"), print),
    "activation": "sigmoid",
    "renorm_clipping": {"rmax": 2.0},
    "padding": "same",
    "data_format": "channels_first",
    "noise_shape": (None, 1),
    "axis": 1,
    "shape": (6, 6, 1),
    "target_shape": (-1, 2),
    "cropping": ((1, 0), (2, 3)),
    "size": (1, 3),
    "batch_shape": (None, 6),
    "input_shape": (6, 6, 1),
    "input_dim": 6,
    "reduction": "sum",
    "curve": "PR",
    "summation_method": "majoring",
    "thresholds": [0.25, 0.5],
    "label_weights": [0.5, 0.25],
    "distribution": "uniform",
    "mode": "max",
    "input_axes": [0],
    "output_axes": [1],
    "separator": ";",
    "fill_mode": "wrap",
    "interpolation": "nearest",
    "value_range": (0.0, 1.0),
    "boundaries": [4],
    "values": [0.5, 0.25],
    "fn": np.add,
    "workers": 2,
    "use_multiprocessing": True,
    "max_queue_size": 5,
}  # fmt: skip

_VALUES_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("BatchNormalization", "scale"): {"scale": False},
    ("UpSampling2D", "interpolation"): {"interpolation": "bilinear"},
    ("InputLayer", "batch_shape"): {"shape": None, "batch_shape": (None, 6)},
    ("Input", "batch_shape"): {"shape": None, "batch_shape": (None, 6)},
    ("ZeroPadding2D", "padding"): {"padding": (0, 2)},
    ("AUC", "num_labels"): {"multi_label": True, "num_labels": 2},
    ("AUC", "label_weights"): {"multi_label": True, "num_labels": 2, "label_weights": [0.5, 0.25]},
    ("VarianceScaling", "mode"): {"mode": "fan_out"},
    ("RandomFlip", "mode"): {"mode": "vertical"},
    ("ModelCheckpoint", "filepath"): {"filepath": "other.h5"},
    ("ModelCheckpoint", "save_weights_only"): {"filepath": "m.weights.h5", "save_weights_only": True},
    ("Conv2D", "lora_alpha"): {"lora_rank": 2, "lora_alpha": 3},
    ("Dense", "lora_alpha"): {"lora_rank": 2, "lora_alpha": 3},
}


def sample(keras: Any, kind: type, argument: str) -> dict[str, Any]:
    """The arguments of Keras's constructor with one that is not at its default."""
    needed = NEEDED.get(kind.__name__, {})
    if argument in ("input_tensor", "tensor"):
        return {argument: keras.Input((8, 8, 3))}
    if argument == "quantization_config":
        return {**needed, argument: keras.quantizers.Int8QuantizationConfig()}
    given = _VALUES_OF.get((kind.__name__, argument)) or {argument: _VALUES[argument]}
    return {name: value for name, value in {**needed, **given}.items() if value is not None}


def instances(words: Any) -> dict[str, Any]:
    """One object of each kind that a user holds in hand, by its base class's name."""
    model = words.Sequential([words.layers.Input((4,)), words.layers.Dense(3)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((4, 4)), np.zeros((4, 3)), verbose=0)
    return {
        "Sequential": model,
        "Layer": model.layers[0],
        "Variable": model.weights[0],
        "Optimizer": model.optimizer,
        "Loss": words.losses.MeanSquaredError(),
        "Metric": words.metrics.MeanSquaredError(),
        "Callback": words.callbacks.Callback(),
        "Initializer": words.initializers.HeNormal(),
        "Regularizer": words.regularizers.L2(),
        "LearningRateSchedule": words.optimizers.schedules.CosineDecay(0.1, 10),
    }
