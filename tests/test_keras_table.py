"""keras_table.py is whole: it has every public class of the modules that it is about, and every argument of each that docs/keras.md does not call refused."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import fastcnn
import keras_page
import pytest
from keras_table import BASES, OWN, TABLE, of

PAGE = keras_page.page()


def public_classes(module: str) -> list[str]:
    """The classes that a module shows, without what they stand on."""
    shown = operator.attrgetter(module)(fastcnn)
    kinds = [kind for name in shown.__all__ if inspect.isclass(kind := getattr(shown, name))]
    return sorted({kind.__name__ for kind in kinds if f"{module}.{kind.__name__}" not in BASES})


def arguments(module: str, name: str) -> dict[str, Any]:
    """What an object of the class can be given, and the defaults; names aside, which every test of configs gives."""
    parameters = inspect.signature(operator.attrgetter(f"{module}.{name}")(fastcnn)).parameters.values()
    return {each.name: each.default for each in parameters if each.kind != each.VAR_KEYWORD and each.name != "name"}


def missing(module: str, name: str) -> set[str]:
    """The arguments that no entry gives another value than the default, and that are not refused."""
    defaults, section = arguments(module, name), PAGE[f"keras.{module}"]
    given = {
        argument
        for entry in of(module, name)
        for argument, value in entry.arguments.items()
        if callable(value) or value != defaults.get(argument)
    }
    return set(defaults) - given - section.rows[name].refused - section.every.refused - OWN.get((module, name), set())


CLASSES = [(module, name) for module in TABLE for name in public_classes(module)]


@pytest.mark.parametrize("module", TABLE)
def test_every_public_class_has_an_entry_and_no_other(module: str) -> None:
    assert public_classes(module) == sorted({entry.name for entry in TABLE[module]})


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_argument_is_given_in_an_entry_or_refused(module: str, name: str) -> None:
    assert missing(module, name) == set()


def test_every_argument_that_all_layers_take_is_given_in_an_entry() -> None:
    given = {argument for entry in TABLE["layers"] for argument in entry.arguments}
    assert PAGE["keras.layers"].every.supported - given == set()


def test_the_bases_are_there() -> None:
    for base in BASES:
        assert inspect.isclass(operator.attrgetter(base)(fastcnn))


def test_a_class_and_an_argument_without_an_entry_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(fastcnn.losses.Loss):
        pass

    class Dropout(fastcnn.layers.Dropout):
        def __init__(self, rate: float, noise_shape: None = None, seed: int | None = None, share: float = 0.5) -> None:
            super().__init__(rate, noise_shape, seed)

    monkeypatch.setattr(fastcnn.losses, "Mine", Mine, raising=False)
    monkeypatch.setattr(fastcnn.losses, "__all__", [*fastcnn.losses.__all__, "Mine"])
    monkeypatch.setattr(fastcnn.layers, "Dropout", Dropout)
    assert set(public_classes("losses")) - {entry.name for entry in TABLE["losses"]} == {"Mine"}
    assert missing("layers", "Dropout") == {"share"}
