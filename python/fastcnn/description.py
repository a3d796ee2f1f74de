"""What a plan is told to do: the layers' stages, rewritten and with their buffers. The one place that knows what fuses with what, and which
buffer each stage reads and writes. `plan.py` hands it to the core.

The rewritings, all exact:

- A Rescaling at the beginning happens while the batch is gathered and converted.
- ReLU before a maximum pooling moves behind it: the maximum of the cut values is the cut maximum, and of a quarter of the values. The gradient
  agrees too: where the winner is above 0 it is the same pixel, elsewhere it is 0.
- Convolution, maximum pooling and ReLU, in this order by now, become conv2d_relu_max_pool2d.
- Softmax (or sigmoid) at the end disappears into the loss, as in Keras, which goes back to the logits as well; outside training it stays.
- Dense and softmax become dense_softmax; convolution and ReLU conv2d_relu, dense and ReLU dense_relu.
- Flatten and Reshape are nothing: the data lie in this order already.
- Padding before a convolution becomes the convolution's own.
- A convolution's last rows and columns that nothing behind it reads (a pooling dropped them, or a stride passes over them) are not computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastcnn import _core
from fastcnn._warnings import warn
from fastcnn.stage import AUGMENTATION_PURPOSE, CHOICE_PURPOSE, Stage
from fastcnn.variables import VariableStore

if TYPE_CHECKING:
    from fastcnn.augmentation import Mixing
    from fastcnn.losses import Loss
    from fastcnn.optimizers import Optimizer

__all__ = ["describe"]

# Stages that read each value where they write it; dropouts count them.
_SAME_PLACES = {"relu", "leaky_relu", "bounded_relu", "sigmoid", "silu", "gelu", "rescale"}

# Stages that can write where they read; in training not those whose backward pass looks at what they read. Where it looks at the stage's own result,
# that may be overwritten by those alone which keep what is needed: whether a value is positive (a dropped one has no gradient), or nothing does.
_DROPOUTS = {"dropout", "spatial_dropout"}
_ADJUSTMENTS = {"adjust_brightness", "adjust_contrast", "adjust_saturation", "erase"}
_AUGMENTATIONS = {"flip", "crop", "translate", "rotate", "zoom", *_ADJUSTMENTS}
_IN_PLACE = {*_SAME_PLACES, *_DROPOUTS, "softmax", *_AUGMENTATIONS}
_NEED_WHAT_THEY_READ = {"bounded_relu", "silu", "gelu"}
_KEEP_WHAT_IS_POSITIVE = {"relu", "leaky_relu", *_DROPOUTS}
_MAY_OVERWRITE: dict[str, set[str]] = {
    "relu": _KEEP_WHAT_IS_POSITIVE,
    "leaky_relu": _KEEP_WHAT_IS_POSITIVE,
    "conv2d_relu": _KEEP_WHAT_IS_POSITIVE,
    "dense_relu": _KEEP_WHAT_IS_POSITIVE,
    "batch_norm_relu": _KEEP_WHAT_IS_POSITIVE,
    "sigmoid": set(),
    "softmax": set(),
    "dense_softmax": set(),
}  # other stages' results: all of _IN_PLACE

_CAN_BE_CUT = {"depthwise_conv2d", "conv2d", "conv2d_relu", "conv2d_relu_max_pool2d"}
_CAN_PAD = {"conv2d", "depthwise_conv2d"}

_WITH_ACTIVATION = {
    *(("dense", "softmax"), ("dense", "relu"), ("conv2d", "relu"), ("batch_norm", "relu")),
}  # what becomes dense_softmax and so on

_LARGEST_FUSED_WINDOW = 255  # pixels of a pooling window: the index of conv2d_relu_max_pool2d is one byte


@dataclass
class _Planned:
    """A stage on its way into the description: with its shapes, and later its buffers."""

    stage: Stage
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    x: int = -1
    y: int = -1
    dy: int = -1
    dx: int = -1

    @property
    def operation(self) -> str:
        return self.stage.operation

    @property
    def learns(self) -> bool:
        """Whether training changes its variables, moving averages too."""
        if "frozen" in self.stage.attributes:
            return not self.stage.attributes["frozen"]
        return any(variable.trainable for variable in self.stage.variables)

    def describe(self, store: VariableStore) -> dict[str, Any]:
        attributes = {name: _plain(value) for name, value in self.stage.attributes.items()}
        parameters = [(store.offset(variable), variable.shape) for variable in self.stage.variables]
        return {
            "operation": self.operation,
            "attributes": attributes,
            "input": self.input_shape,
            "parameters": parameters,
            "learns": self.learns,
            "x": self.x,
            "y": self.y,
            "dy": self.dy,
            "dx": self.dx,
        }


@dataclass
class _Buffers:
    """Buffers by number, each as large (in floats a sample) as its largest use."""

    sizes: list[int] = field(default_factory=list)

    def new(self, shape: tuple[int, ...]) -> int:
        self.sizes.append(math.prod(shape))
        return len(self.sizes) - 1

    def reuse(self, number: int, shape: tuple[int, ...]) -> int:
        while len(self.sizes) <= number:
            self.sizes.append(0)
        self.sizes[number] = max(self.sizes[number], math.prod(shape))
        return number


def describe(
    stages: list[Stage],
    input_shape: tuple[int, ...],
    store: VariableStore,
    loss: Loss | None,
    optimizer: Optimizer | None = None,
    mixings: Sequence[Mixing] = (),
) -> dict[str, Any]:
    """The description of these stages, for `_core.Plan`: samples of `input_shape`, variables in `store`, and the loss and the optimizer if there are any.

    mixings : one of them mixes each batch of a training, before the first stage.
    """
    gather, rest = _take_rescaling(stages)
    rest, last = _split_activation(_pool_before_relu(_fold_padding(rest)), loss)
    fused = [gather, *_fuse_activations(_fuse_pooling(rest))]
    planned, output_shape = _with_shapes(_cut_unread(fused, _with_shapes(fused, input_shape)[0]), input_shape)
    head, _ = _with_shapes([last] if last else [], output_shape)
    losses, _ = _with_shapes([loss.stage(after_activation=last is None)] if loss else [], output_shape)
    _warn_of_constants([*planned, *head])

    activations, gradients = _Buffers(), _Buffers()
    _assign_activations(planned, activations, backward=bool(losses))
    for stage in head:
        stage.x, stage.y = planned[-1].y, activations.new(stage.output_shape)
    for stage in losses:
        stage.x = planned[-1].y
        stage.dx = gradients.reuse(0, output_shape)
    if losses:
        _assign_gradients(planned, gradients)
    return {
        "stages": [stage.describe(store) for stage in planned],
        "head": [stage.describe(store) for stage in head],
        "loss": [stage.describe(store) for stage in losses],
        "activations": activations.sizes,
        "gradients": gradients.sizes,
        "averages": _averages(planned, store),
        "penalties": _penalties(store),
        "learning": [] if optimizer is None else _learning(store, optimizer),
        "averaging": (False, 0.0, 0) if optimizer is None else optimizer.averaging,
        "clipping": (optimizer and optimizer.clipping) or ("", 0.0),
        "clipped": [(store.offset(variable), variable.size) for variable in store.variables if variable.trainable],
        "mixings": [mixing.described() for mixing in mixings],
        "choice_purpose": CHOICE_PURPOSE,
        "optimizer": "" if optimizer is None else optimizer.operation,
        "optimizer_attributes": {} if optimizer is None else _plain_numbers(optimizer.settings()),
    }


def _learning(store: VariableStore, optimizer: Optimizer) -> list[tuple[int, int, float, float]]:
    """The parts of the flat buffers that the optimizer changes, (offset, size, weight decay, scale of the learning rate): as few as there can be, since each is a call."""
    ways = [
        (optimizer.decay_of(variable), optimizer.rate_scale_of(variable)) if variable.trainable else None
        for variable in store.variables
    ]
    if ways and ways[0] is not None and len(set(ways)) == 1:
        return [(0, store.buffer.size, *ways[0])]
    parts: list[tuple[int, int, float, float]] = []
    before: tuple[float, float] | None = None
    for variable, way in zip(store.variables, ways, strict=True):
        offset = store.offset(variable)
        if way is not None and way == before:
            begin = parts[-1][0]
            parts[-1] = begin, offset + variable.size - begin, *way  # what lies between is 0 and stays so
        elif way is not None:
            parts.append((offset, variable.size, *way))
        before = way
    return parts


def _averages(planned: list[_Planned], store: VariableStore) -> list[tuple[int, int, float]]:
    """What follows the training by moving averages: (offset, size, momentum) of each variable that does, unless its stage is frozen."""
    return [
        (store.offset(variable), variable.size, stage.stage.attributes["momentum"])
        for stage in planned
        if stage.learns and "momentum" in stage.stage.attributes
        for variable in stage.stage.variables
        if not variable.learns
    ]


def _penalties(store: VariableStore) -> list[tuple[int, int, float, float]]:
    """What regularizers add to the loss: (offset, size, l1, l2) of each variable that has one and learns, as in Keras."""
    return [
        (store.offset(variable), variable.size, variable.regularizer.l1, variable.regularizer.l2)
        for variable in store.variables
        if variable.regularizer is not None and variable.trainable
    ]


def _take_rescaling(stages: list[Stage]) -> tuple[Stage, list[Stage]]:
    """The stage that brings the batch in, with a Rescaling that comes first; and the others."""
    if stages and stages[0].operation == "rescale":
        return Stage("gather", stages[0].attributes), stages[1:]
    return Stage("gather", {"scale": 1.0, "offset": 0.0}), stages


def _fold_padding(stages: list[Stage]) -> list[Stage]:
    folded: list[Stage] = []
    for stage in stages:
        pads = bool(folded) and folded[-1].operation == "pad2d"
        if pads and stage.operation in _CAN_PAD and stage.attributes["padding"] == "valid":
            stage = stage._replace(attributes=stage.attributes | folded.pop().attributes)
        folded.append(stage)
    return folded


def _pool_before_relu(stages: list[Stage]) -> list[Stage]:
    stages = list(stages)
    for i in range(len(stages) - 1):
        if (stages[i].operation, stages[i + 1].operation) == ("relu", "max_pool2d"):
            stages[i], stages[i + 1] = stages[i + 1], stages[i]
    return stages


def _fuse_pooling(stages: list[Stage]) -> list[Stage]:
    fused: list[Stage] = []
    for stage in stages:
        fused.append(stage)
        operations = tuple(s.operation for s in fused[-3:])
        if (
            operations == ("conv2d", "max_pool2d", "relu")
            and math.prod(fused[-2].attributes["window"]) <= _LARGEST_FUSED_WINDOW
        ):
            convolution, pooling = fused[-3:-1]
            pool = {f"pool_{name}": value for name, value in pooling.attributes.items()}
            fused[-3:] = [Stage("conv2d_relu_max_pool2d", convolution.attributes | pool, convolution.variables)]
    return fused


def _cut_unread(stages: list[Stage], planned: list[_Planned]) -> list[Stage]:
    """The stages, of which each convolution computes no more rows and columns than the next stage reads. planned : these, with their shapes."""
    behind = planned[-1].output_shape  # the shape that the next stage in turn, from the last, takes
    read = behind  # and what of it is read
    cut = list(stages)
    order = [i for i, stage in enumerate(stages) if _new_shape(stage, ()) is None]
    for i, stage in zip(reversed(order), reversed(planned), strict=True):
        if stage.output_shape != behind:
            read = stage.output_shape  # what lies behind a Flatten or a Reshape is read whole
        if stage.operation in _CAN_BE_CUT and read != stage.output_shape:
            cut[i] = stages[i]._replace(attributes=stages[i].attributes | {"outputs": read[:2]})
        elif stage.operation not in _SAME_PLACES:
            read = stage.output_shape
        read, behind = _inputs_read(stage, read), stage.input_shape
    return cut


def _inputs_read(stage: _Planned, outputs: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the inputs that a stage reads for its first outputs of that shape."""
    if stage.operation in _SAME_PLACES:
        return outputs
    attributes, sizes = stage.stage.attributes, outputs[:2]
    windows: list[tuple[str, Any]] = {
        "conv2d": [("", None)],
        "conv2d_relu": [("", None)],
        "depthwise_conv2d": [("", None)],
        "conv2d_relu_max_pool2d": [("pool_", attributes.get("pool_window")), ("", None)],
        "max_pool2d": [("", attributes.get("window"))],
        "average_pool2d": [("", attributes.get("window"))],
    }.get(stage.operation, [])
    for prefix, window in windows:
        if attributes[f"{prefix}padding"] != "valid":
            return stage.input_shape
        size = window or stage.stage.variables[0].shape[:2]
        sizes = tuple((n - 1) * step + r for n, step, r in zip(sizes, attributes[f"{prefix}stride"], size, strict=True))
    return (*sizes, *stage.input_shape[2:]) if windows else stage.input_shape


def _split_activation(stages: list[Stage], loss: Loss | None) -> tuple[list[Stage], Stage | None]:
    """Takes a softmax or a sigmoid off the end where a loss follows that works on the logits before it."""
    if loss is None or not stages or stages[-1].operation != loss.undoes:
        return stages, None
    if loss.from_logits:
        warn(
            f"{loss.name}: from_logits=True, but the last layer is a {loss.undoes}; the loss takes the logits before it, as in Keras"
        )
    return stages[:-1], stages[-1]


def _warn_of_constants(planned: list[_Planned]) -> None:
    """Warns, as Keras does, of a softmax over one value: it is 1 whatever is learnt."""
    if any(stage.operation in ("softmax", "dense_softmax") and stage.output_shape[-1] == 1 for stage in planned):
        warn("a softmax over a single output is always 1; for two classes use Dense(1, activation='sigmoid')")


def _fuse_activations(stages: list[Stage]) -> list[Stage]:
    fused: list[Stage] = []
    for stage in stages:
        if fused and (fused[-1].operation, stage.operation) in _WITH_ACTIVATION:
            fused[-1] = fused[-1]._replace(operation=f"{fused[-1].operation}_{stage.operation}")
        else:
            fused.append(stage)
    return fused


def _new_shape(stage: Stage, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that a sample gets from a stage that does nothing else; None for the others."""
    if stage.operation == "flatten":
        return (math.prod(shape),)
    return stage.attributes["shape"] if stage.operation == "reshape" else None


def _with_shapes(stages: list[Stage], input_shape: tuple[int, ...]) -> tuple[list[_Planned], tuple[int, ...]]:
    """Each stage with the shapes of a sample before and after it, and the shape after all; of a Flatten or Reshape only its shape is left."""
    planned = []
    shape = input_shape
    purpose = augmentations = 0
    for stage in stages:
        new = _new_shape(stage, shape)
        if new is not None:
            shape = new
            continue
        if stage.operation in _DROPOUTS:
            stage = stage._replace(attributes=_with_stream(stage.attributes, _DROPOUT_PURPOSE + purpose))
            purpose += 1
        elif stage.operation in _AUGMENTATIONS:
            stage = stage._replace(attributes=_with_stream(stage.attributes, AUGMENTATION_PURPOSE + augmentations))
            augmentations += 1
        output = tuple(
            _core.output_shape(stage.operation, _plain_attributes(stage), shape, [v.shape for v in stage.variables])
        )
        planned.append(_Planned(stage, shape, output))
        shape = output
    return planned, shape


_DROPOUT_PURPOSE = 1 << 16  # those below are drawn by initializers and shuffling


def _with_stream(attributes: dict[str, Any], purpose: int) -> dict[str, Any]:
    """A stage's attributes with its purpose, and with a seed only where it has one of its own."""
    others = {name: value for name, value in attributes.items() if name != "seed"}
    own_seed = attributes.get("seed")
    seed = (
        {} if own_seed is None else {"seed": [(own_seed + 2**63) % 2**64 - 2**63]}
    )  # its lowest 64 bits, as the core takes them
    return {**others, "purpose": purpose, **seed}


def _assign_activations(planned: list[_Planned], buffers: _Buffers, backward: bool) -> None:
    """A buffer for each result, but where a stage may write over what it read. backward : whether there will be a backward pass."""
    can = _IN_PLACE - _NEED_WHAT_THEY_READ if backward else _IN_PLACE
    last, may = -1, set[str]()  # the buffer that was written last, and the stages that may write over what is in it
    for stage in planned:
        in_place = stage.operation in can & may and stage.output_shape == stage.input_shape  # a crop may change it
        stage.x, stage.y = last, last if in_place else buffers.new(stage.output_shape)
        needs = _MAY_OVERWRITE.get(stage.operation, _IN_PLACE) if backward else _IN_PLACE
        last, may = stage.y, may & needs if in_place else needs


def _assign_gradients(planned: list[_Planned], buffers: _Buffers) -> None:
    """Two buffers in turn. Nothing flows to the stages before the first that learns."""
    learning = next((i for i, stage in enumerate(planned) if stage.learns), len(planned))
    number = 0
    for i in range(len(planned) - 1, learning - 1, -1):
        stage = planned[i]
        stage.dy = buffers.reuse(number, stage.output_shape)
        if i == learning:
            break
        if stage.operation not in _IN_PLACE:
            number = 1 - number
        stage.dx = buffers.reuse(number, stage.input_shape)


def _plain(value: Any) -> Any:
    """Attributes as the core takes them: numbers, strings, flat sequences of integers."""
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        return [int(number) for pair in value for number in pair]
    return [int(number) for number in value] if isinstance(value, (list, tuple)) else value


def _plain_numbers(settings: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in settings.items()}


def _plain_attributes(stage: Stage) -> dict[str, Any]:
    return {name: _plain(value) for name, value in stage.attributes.items()}
