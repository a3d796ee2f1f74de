"""Keras 2's .h5 files, put into Keras 3's words, so that `keras_h5.py` need know only these. Nothing is written in Keras 2's way.

Known from files that tf_keras 2.21 writes with its own optimizers and with its `optimizers.legacy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastcnn.metrics.compiled import FUNCTIONS, get

__all__ = ["is_keras2", "layer_entries", "optimizer_order", "training_config"]

_LEFT_OVER: dict[
    str, dict[str, Any]
] = {  # what these layers have from Keras 2's Conv and do not use, by the value that it has when nobody sets it
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1, "kernel_regularizer": None, "kernel_constraint": None},
}
_OPTIMIZER_ONLY_IN_KERAS2 = ("jit_compile", "is_legacy_optimizer", "decay")


def is_keras2(version: str | None) -> bool:
    """Whether a file's `keras_version` is Keras 2's ("2.15.0", "2.2.4-tf")."""
    return version is not None and version.startswith("2.")


def layer_entries(entries: Sequence[Any], depth: int) -> list[Any]:
    """The `layers` of a Sequential's config, and those of models among them, down to `depth`.

    What is not understood stays as it is, for the layers' own errors.
    """
    translated: list[Any] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            translated.append(entry)
            continue
        config = dict(entry["config"])
        shape = config.pop("batch_input_shape", None)
        if entry.get("class_name") == "InputLayer":
            config["batch_shape"] = shape
        elif shape is not None and not translated:  # the first Keras 2 wrote no InputLayer
            translated.append({"class_name": "InputLayer", "config": {"batch_shape": shape}})
        inner = config.get("layers")
        if entry.get("class_name") == "Sequential" and isinstance(inner, list) and depth > 0:
            config["layers"] = layer_entries(inner, depth - 1)
        if entry.get("class_name") == "Dense" and config.get("activity_regularizer", ...) is None:
            del config["activity_regularizer"]
        if entry.get("class_name") == "LeakyReLU" and "alpha" in config:
            config["negative_slope"] = config.pop("alpha")
        for argument, unset in _LEFT_OVER.get(str(entry.get("class_name")), {}).items():
            if config.get(argument, ...) == unset:
                del config[argument]
        if entry.get("class_name") == "SeparableConv2D":
            config.pop("kernel_initializer", None)  # any means nothing
        translated.append({**entry, "config": config})
    return translated


def training_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The attribute of that name."""
    translated = dict(config)
    loss = config.get("loss")
    if isinstance(loss, Mapping) and isinstance(loss.get("config"), Mapping):
        translated["loss"] = {**loss, "config": _loss_config(loss["config"])}
    for argument in ("metrics", "weighted_metrics"):
        metrics = config.get(argument)
        if isinstance(metrics, list):
            flat = [metric for entry in metrics for metric in (entry if isinstance(entry, list) else [entry])]
            translated[argument] = [_metric(metric) for metric in flat]
    optimizer = config.get("optimizer_config")
    if isinstance(optimizer, Mapping) and isinstance(optimizer.get("config"), Mapping):
        translated["optimizer_config"] = _optimizer(optimizer, optimizer["config"])
    return translated


def optimizer_order(names: Sequence[str], slots: int) -> list[str]:
    """`optimizer_weights`' names in Keras 3's order: iteration, then for each variable its slots. Keras 2 kept no learning rate here.

    Its optimizers of 2.11 and later have that order already; the older ones list all first slots (".../m:0"), then all second ones.
    """
    first, rest = list(names[:1]), list(names[1:])
    if first and first[0].endswith("/iter:0") and slots and len(rest) % slots == 0:
        variables = len(rest) // slots
        rest = [rest[slot * variables + variable] for variable in range(variables) for slot in range(slots)]
    return first + rest


def _loss_config(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key != "fn"}
    if kept.get("reduction") == "auto":
        kept["reduction"] = "sum_over_batch_size"
    return kept


def _metric(metric: Any) -> Any:
    if not isinstance(metric, Mapping) or metric.get("class_name") != "MeanMetricWrapper":
        return metric
    config = metric.get("config")
    function = config.get("fn") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(function, str) or function not in FUNCTIONS:
        return metric
    return {
        "class_name": type(get(function)).__name__,
        "config": {key: value for key, value in config.items() if key != "fn"},
    }


def _optimizer(entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in config.items()
        if key not in _OPTIMIZER_ONLY_IN_KERAS2 or (key == "decay" and value)
    }
    name = entry.get("class_name")
    return {**entry, "class_name": name.removeprefix("Custom>") if isinstance(name, str) else name, "config": kept}
