"""What `python -m fastcnn.finetune` does, as a script in PyTorch: what finetune.py runs in a process of its own beside it.

    python bench/finetune_torch.py FOLDER START.npz NETWORK SETTINGS.json REPORT.html

FOLDER has train/ and test/ with one folder of pictures a class, 32x32 each; START.npz the weights that it begins with; SETTINGS.json the settings that fastcnn chose. The same
pictures a step, augmentation, loss, rates, decay, clipping and epochs, and as many pictures for validation, by which an epoch is chosen where fastcnn chooses one. channels_last and the fused AdamW, not
compiled, which is slower for either network (train.py, recipe.py). Its report has the curves, the confusion matrix and the most confidently wrong pictures, less than ours, and it keeps neither model nor checkpoints. Prints the accuracy on test/.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_networks
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import nn

EVALUATED = 250  # pictures at a time
WRONG = 24
THREADS = 2


def pictures(folder: Path) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """x (N, 32, 32, 3) uint8, y (N,), and the classes' names."""
    names = sorted(entry.name for entry in folder.iterdir())
    files = [(path, label) for label, name in enumerate(names) for path in sorted((folder / name).iterdir())]

    def read(entry: tuple[Path, int]) -> NDArray[np.uint8]:
        return np.asarray(Image.open(entry[0]).convert("RGB"))

    with ThreadPoolExecutor(THREADS) as readers:
        x = np.stack(list(readers.map(read, files)))
    return torch.from_numpy(x), torch.tensor([label for _, label in files]), names


def held_out(y: torch.Tensor, share: float) -> torch.Tensor:
    """Which pictures are for validation: a share of each class."""
    drawn = torch.zeros(len(y), dtype=torch.bool)
    for label in y.unique():
        rows = (y == label).nonzero()[:, 0]
        drawn[rows[torch.randperm(len(rows))[: round(share * len(rows))]]] = True
    return drawn


def network(weights: Path, name: str, classes: int) -> nn.Module:
    """The start with a new head."""
    with np.load(weights) as arrays:
        given = [arrays[key] for key in arrays]
    model = getattr(torch_networks, name)(torch, given[-1].shape[0])
    torch_networks.load(torch, model, given)
    head = nn.Linear(model[-1].in_features, classes)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    model[-1] = head
    return model.to(memory_format=torch.channels_last)


class Training:
    """One fine-tuning."""

    def __init__(
        self, model: nn.Module, x: torch.Tensor, y: torch.Tensor, settings: dict[str, Any], scaled: Any
    ) -> None:
        self._model, self._y, self._settings = model, y, settings
        self._scale, self._offset = scaled
        shift = settings["shift"]
        self._padded = torch.from_numpy(np.pad(x, ((0, 0), (shift, shift), (shift, shift), (0, 0)), "symmetric"))
        self._steps = -(-len(y) // settings["batch_size"])
        self._loss = nn.CrossEntropyLoss(label_smoothing=settings["label_smoothing"])
        learning = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))]
        ratio = settings["lower_rate"] ** (1 / (len(learning) - 1))
        groups = []
        for depth, module in enumerate(learning):
            rate = settings["learning_rate"] * ratio ** (len(learning) - 1 - depth)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    decay = settings["weight_decay"] if name == "weight" else 0.0
                    groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
        self._optimizer = torch.optim.AdamW(groups, eps=1e-7, fused=True)
        self._rates = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            [group["lr"] for group in groups],
            total_steps=settings["epochs"] * self._steps,
            pct_start=settings["warmup"],
            cycle_momentum=False,
        )

    def epoch(self) -> tuple[float, float]:
        """Loss and accuracy of one pass over the pictures."""
        self._model.train()
        losses, right = 0.0, 0
        for batch in torch.randperm(len(self._y)).split(self._settings["batch_size"]):
            labels = self._y[batch]
            logits = self._model(self._augmented(batch))
            loss = self._loss(logits, labels)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), self._settings["global_clipnorm"], foreach=True)
            self._optimizer.step()
            self._rates.step()
            losses += float(loss.detach()) * len(batch)
            right += int((logits.argmax(1) == labels).sum())
        return losses / len(self._y), right / len(self._y)

    def train(self, x: torch.Tensor, y: torch.Tensor) -> list[tuple[float, float]]:
        """All epochs, of which the last or, by the loss on x and y, the best stays. Loss and accuracy of each."""
        history, least, best = [], float("inf"), None
        for _ in range(self._settings["epochs"]):
            history.append(self.epoch())
            if len(y):
                loss = float(self._loss(self.logits(x), y))
                if self._settings["best_epoch"] and loss < least:
                    least, best = loss, copy.deepcopy(self._model.state_dict())
        if best is not None:
            self._model.load_state_dict(best)
        return history

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(N, classes)."""
        self._model.eval()
        with torch.inference_mode():
            return torch.cat([self._model(self._scaled(part)) for part in x.split(EVALUATED)])

    def _augmented(self, batch: torch.Tensor) -> torch.Tensor:
        count, shift = len(batch), self._settings["shift"]
        down, right = (torch.randint(0, 2 * shift + 1, (count, 1)) for _ in range(2))
        rows, columns = down + torch.arange(32), right + torch.arange(32)
        if self._settings["flip"]:
            columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
        return self._scaled(self._padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]])

    def _scaled(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.float() * self._scale + self._offset).permute(0, 3, 1, 2)


def report(
    path: Path, history: list[tuple[float, float]], shares: NDArray[Any], x: Any, y: NDArray[Any], names: list[str]
) -> None:
    """One file of HTML."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, title, values in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), zip(*history, strict=True), strict=True
    ):
        axes.plot(range(1, len(values) + 1), values)
        axes.set(xlabel="epoch", title=title)
    curves = io.BytesIO()
    figure.savefig(curves, format="png", dpi=150)
    taken = shares.argmax(1)
    confusion = np.bincount(y * len(names) + taken, minlength=len(names) ** 2).reshape(len(names), -1)
    wrong = np.flatnonzero(taken != y)
    wrong = wrong[np.argsort(-shares[wrong, taken[wrong]])][:WRONG]
    shown = []
    for index in wrong:
        png = io.BytesIO()
        Image.fromarray(x[index].numpy()).save(png, "PNG")
        shown.append(f"{_image(png)}{names[taken[index]]}, but is {names[y[index]]}<br>")
    rows = "".join(
        f"<tr><th>{name}{''.join(f'<td>{n}' for n in row)}" for name, row in zip(names, confusion, strict=True)
    )
    path.write_text(f"<!doctype html>{_image(curves)}<table>{rows}</table>{''.join(shown)}")


def _image(png: io.BytesIO) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}">'


def main() -> None:
    """The command."""
    folder, weights, name, chosen, to = sys.argv[1:]
    settings = json.loads(Path(chosen).read_text())
    torch.set_num_threads(THREADS)
    torch.manual_seed(settings["seed"])
    x, y, names = pictures(Path(folder, "train"))
    test_x, test_y, _ = pictures(Path(folder, "test"))
    if settings["class_weight"] or not settings["epochs"]:
        raise SystemExit("finetune_torch.py: does neither weigh classes nor train a head alone")
    judging = held_out(y, settings["validation_split"])
    model = network(Path(weights), name, len(names))
    training = Training(model, x[~judging], y[~judging], settings, torch_networks.SCALED[name])
    history = training.train(x[judging], y[judging])
    shares = training.logits(test_x).softmax(1).numpy()
    report(Path(to), history, shares, test_x, test_y.numpy(), names)
    print(float((shares.argmax(1) == test_y.numpy()).mean()))


if __name__ == "__main__":
    main()
