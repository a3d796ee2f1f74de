"""Files .keras that are damaged, foreign or malicious, each made from a good one, with what the error for it must say. The .h5 are in hostile_h5.py."""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from fastcnn import layers, losses, models, optimizers

__all__ = ["CANARY", "CODE", "HOSTILE", "WEIGHTS", "Pickled", "entry", "good", "lambda_of_keras"]

Members = dict[str, bytes]

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
KERNEL = "layers/conv2d/vars/0"
CANARY = "canary"  # the file that code in a hostile one would make


def good() -> Any:
    model = models.Sequential(
        [layers.Input((6, 6, 1)), layers.Conv2D(2, 3, name="a"), layers.Flatten(), layers.Dense(3)], name="m"
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(name="adam"), loss, metrics=["accuracy"])
    model.train_on_batch(np.ones((2, 6, 6, 1), np.float32), np.zeros(2))
    return model


# How a good .keras is spoiled: its members, its config, its arrays, or its bytes.


def zipped(members: Members, **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=options.get("compression"))
    return file.getvalue()


def members(change: Callable[[Members], Any]) -> Callable[[Members], bytes]:
    def spoil(parts: Members) -> bytes:
        change(parts)
        return zipped(parts)

    return spoil


def added(name: str, mode: int = 0o600, flags: int = 0, content: bytes = b"x") -> Callable[[Members], bytes]:
    """One member more, of that name, type and flags."""

    def spoil(parts: Members) -> bytes:
        file = io.BytesIO(zipped(parts))
        info = zipfile.ZipInfo("q" * len(name.encode()))
        info.external_attr = mode << 16
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(info, content)
        whole = file.getvalue().replace(info.filename.encode(), name.encode())
        at = whole.rindex(b"PK\x01\x02") + 8
        return whole[:at] + struct.pack("<H", flags) + whole[at + 2 :]

    return spoil


def config(change: Callable[[Any], Any]) -> Callable[[Members], bytes]:
    def spoil(parts: Members) -> bytes:
        written = json.loads(parts[CONFIG])
        change(written)
        return zipped({**parts, CONFIG: json.dumps(written).encode()})

    return spoil


def layer(entry: Any) -> Callable[[Members], bytes]:
    """That layer as the second one."""
    return config(lambda written: written["config"]["layers"].insert(1, entry))


def argument(name: str, value: Any, index: int = 1) -> Callable[[Members], bytes]:
    return config(lambda written: written["config"]["layers"][index]["config"].update({name: value}))


def arrays(change: Callable[[h5py.File], Any]) -> Callable[[Members], bytes]:
    def spoil(parts: Members) -> bytes:
        file = io.BytesIO(parts[WEIGHTS])
        with h5py.File(file, "r+") as opened:
            change(opened)
        return zipped({**parts, WEIGHTS: file.getvalue()})

    return spoil


def replaced(file: h5py.File, **options: Any) -> None:
    """Another data set in the place of the kernel."""
    del file[KERNEL]
    file.create_dataset(KERNEL, **options)


def linked(file: h5py.File, place: str, link: Any) -> None:
    del file[place]
    file[place] = link


def whole(change: Callable[[bytes], bytes]) -> Callable[[Members], bytes]:
    return lambda parts: change(zipped(parts))


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


def listed(change: Callable[[bytes], bytes], member: bytes = CONFIG.encode()) -> Callable[[Members], bytes]:
    """Another entry in the list of members, from its signature on."""

    def spoil(parts: Members) -> bytes:
        content = zipped(parts, compression=zipfile.ZIP_DEFLATED)
        at = content.rindex(b"PK\x01\x02", 0, content.rindex(member))
        return content[:at] + change(content[at:])

    return spoil


def sized(entry: bytes, size: int) -> bytes:
    return entry[:24] + struct.pack("<L", size) + entry[28:]


def bomb(parts: Members) -> bytes:
    """300 MB of zeros in 300 kB."""
    return zipped({**parts, WEIGHTS: bytes(300 << 20)}, compression=zipfile.ZIP_DEFLATED)


def lying_bomb(parts: Members) -> bytes:
    """300 MB of zeros, said to be 1000 bytes."""
    content = zipped({**parts, CONFIG: bytes(300 << 20)}, compression=zipfile.ZIP_DEFLATED)
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(CONFIG.encode()))
    return content[:at] + sized(content[at:], 1000)


def crowd(parts: Members) -> bytes:
    return zipped({**parts, **{f"assets/{index}": b"" for index in range(30_000)}})


def gzip_bomb(file: h5py.File) -> None:
    """A data set of the right shape in a chunk of 1 GB, which HDF5 would unpack as a whole."""
    del file[KERNEL]
    created = file.create_dataset(
        KERNEL, (3, 3, 1, 2), "f", maxshape=(None,) * 4, chunks=(1 << 14, 1 << 14, 1, 1), compression="gzip"
    )
    created.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(1 << 20)))


CODE = f"open({CANARY!r}, 'w').close()"


class Pickled:
    def __reduce__(self) -> Any:
        return exec, (CODE,)


def lambda_of_keras() -> Any:
    code = base64.b64encode(marshal.dumps(compile(CODE, "evil", "exec"))).decode()
    return {"class_name": "__lambda__", "config": {"value": {"code": code, "defaults": None, "closure": None}}}


def entry(class_name: Any, module: Any = "keras.layers", **settings: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": settings, "registered_name": None}


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


HOSTILE: dict[str, tuple[Callable[[Members], bytes], str]] = {
    # The archive.
    "empty": (lambda _: b"", "is not a zip archive"),
    "foreign": (lambda _: b"\x89PNG\r\n\x1a\n" * 99, "is not a zip archive"),
    "pickle": (lambda _: pickle.dumps(Pickled()), "is not a zip archive"),
    "HDF5": (lambda parts: parts[WEIGHTS], "is not a zip archive"),
    "end record alone": (lambda _: b"PK\x05\x06" + bytes(18), "has no member 'config.json'"),
    "cut in the middle": (whole(lambda content: content[: len(content) // 2]), "is not a zip archive, or is cut off"),
    "cut by a byte": (whole(lambda content: content[:-1]), "is not a zip archive, or is cut off"),
    "begins late": (whole(lambda content: content[5000:]), "is damaged"),
    "flipped byte in the config": (whole(lambda content: flipped(content, 900)), "config.json: is damaged (Bad CRC-32"),
    "flipped byte in the weights": (
        whole(lambda content: flipped(content, content.index(b"\x89HDF") + 9000)),
        "model.weights.h5: is damaged (Bad CRC-32",
    ),
    "path upwards": (added("../../canary"), "the member '../../canary' has a name that leads elsewhere"),
    "path upwards in the middle": (
        added("assets/../../canary"),
        "'assets/../../canary' has a name that leads elsewhere",
    ),
    "absolute path": (added("/tmp/canary"), "the member '/tmp/canary' has a name that leads elsewhere"),
    "path of Windows": (added("C:\\canary"), "has a name that leads elsewhere"),
    "zero in a name": (added("assets/a\0.txt"), "has a name that leads elsewhere"),
    "line break in a name": (added("assets/a\nb"), "has a name that leads elsewhere"),
    "no name": (members(lambda parts: parts.update({"/": b""})), "has a name that leads elsewhere"),
    "member twice": (added(CONFIG, content=b"{}"), "the member 'config.json' is there twice"),
    "symbolic link": (added("assets", 0o120777, content=b"/etc"), "the member 'assets' is a link or a device"),
    "device": (added("assets/null", 0o020666), "is a link or a device"),
    "encrypted": (added("assets/secret", flags=1), "the member 'assets/secret' is encrypted"),
    "bzip2": (lambda parts: zipped(parts, compression=zipfile.ZIP_BZIP2), "is compressed by method 12"),
    "lzma": (lambda parts: zipped(parts, compression=zipfile.ZIP_LZMA), "is compressed by method 14"),
    "unknown compression": (listed(lambda end: end[:10] + b"\x63\0" + end[12:]), "compressed by method 99"),
    "bomb": (bomb, "the member 'model.weights.h5' unpacks"),
    "lying bomb": (lying_bomb, "config.json: is damaged (Bad CRC-32"),
    "absurd size": (listed(lambda end: sized(end, 0xFFFFFFF0)), "the member 'config.json' unpacks"),
    "size too small": (listed(lambda end: sized(end, 100)), "config.json: is damaged"),
    "size too large": (listed(lambda end: sized(end, 60_000)), "config.json: has"),
    "stored in other bytes": (
        lambda parts: (
            content := zipped(parts),
            at := content.rindex(b"PK\x01\x02"),
            content[:at] + sized(content[at:], 7),
        )[-1],
        "the member 'model.weights.h5' is stored in",
    ),
    "30,000 members": (crowd, "has a list of members of"),
    "zip64": (
        whole(lambda content: content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:]),
        "more than 4 GB or 65,535 members",
    ),
    "endless list of members": (
        whole(lambda content: content[:-10] + b"\xff\xff\xff\x7f" + content[-6:]),
        "has a list of members of 2,147,483,647 bytes",
    ),
    "list of members elsewhere": (whole(lambda content: content[:-6] + b"\x99\0\0\0" + content[-2:]), "is damaged"),
    # The config.
    "no config": (members(lambda parts: parts.pop(CONFIG)), "has no member 'config.json'"),
    "no weights": (members(lambda parts: parts.pop(WEIGHTS)), "has no member 'model.weights.h5'"),
    "config of 9 MB": (members(lambda parts: parts.update({CONFIG: b" " * (9 << 20)})), "at most 8,388,608 are read"),
    "config is no JSON": (members(lambda parts: parts.update({CONFIG: b'{"class_name"'})), "config.json: is no JSON"),
    "config is a list": (members(lambda parts: parts.update({CONFIG: b"[]"})), "must be an object"),
    "config is a pickle": (members(lambda parts: parts.update({CONFIG: pickle.dumps(Pickled())})), "is no JSON"),
    "config is deep": (members(lambda parts: parts.update({CONFIG: nested(100_000)})), "config.json: is no JSON"),
    "config is deep enough": (argument("units", json.loads(nested(900)), 3), "config.json/layer 3"),
    "another model": (config(lambda written: written.update(class_name="Functional")), "the model is a 'Functional'"),
    "a model of somebody": (config(lambda written: written.update(registered_name="mine>M")), "the model is a"),
    "a model of os": (config(lambda written: written.update(module="os")), "the model is a 'Sequential' of 'os'"),
    "layers are no list": (config(lambda written: written["config"].update(layers={})), "has no list of layers"),
    "20,000 layers": (
        config(lambda written: written["config"].update(layers=[entry("ReLU") for _ in range(20_000)])),
        "config.json: has 20,000 layers",
    ),
    "Lambda": (layer(entry("Lambda", name="evil", function=lambda_of_keras())), "layer 1: Lambda 'evil' holds code"),
    "os.system": (layer(entry("system", "os", command=f"touch {CANARY}")), "layer 1: layer 'system' comes from 'os'"),
    "known name from elsewhere": (layer(entry("Dense", "os", units=3)), "layer 1: layer 'Dense' comes from 'os'"),
    "function of Keras's": (
        layer(entry("get_file", "keras.utils", origin="file:///etc/passwd")),
        "layer 1: unknown layer 'get_file'",
    ),
    "TorchModuleWrapper": (layer(entry("TorchModuleWrapper", wrapped=pickle.dumps(Pickled()).hex())), "unknown layer"),
    "class_name of 2 MB": (layer(entry("x" * (2 << 20))), "unknown layer 'xxx"),
    "class_name is a list": (layer(entry(["Dense"])), "unknown layer ['Dense']"),
    "activation is a lambda": (argument("activation", lambda_of_keras()), "layer 1: Conv2D"),
    "initializer is Popen": (
        argument("kernel_initializer", entry("Popen", "subprocess", args=["touch", CANARY])),
        "layer 1: Conv2D: initializer 'Popen' comes from 'subprocess'",
    ),
    "regularizer is a lambda": (argument("kernel_regularizer", lambda_of_keras()), "layer 1: "),
    "absurd kernel": (argument("filters", 10**9), "config.json: "),
    "absurd product": (argument("units", 30_000_000, 3), "config.json: weights of shape (32, 30000000) are more than"),
    "many large layers": (
        config(
            lambda written: written["config"]["layers"].extend(
                entry("Dense", units=2000, name=f"d{i}") for i in range(400)
            )
        ),
        "config.json: weights of shape",
    ),
    "number of 4,000 digits": (argument("filters", 10**4000), "config.json"),
    "input without end": (argument("batch_shape", [None, 10**15, 10**15, 1], 0), "model.keras: "),
    "optimizer of os": (
        config(lambda written: written["compile_config"].update(optimizer=entry("system", "os"))),
        "compile_config: compile: optimizer 'system' comes from 'os'",
    ),
    "optimizer is a lambda": (
        config(lambda written: written["compile_config"].update(optimizer=lambda_of_keras())),
        "compile_config: compile: unknown optimizer '__lambda__'",
    ),
    "loss is a lambda": (
        config(lambda written: written["compile_config"].update(loss=lambda_of_keras())),
        "compile_config: compile: unknown loss '__lambda__'",
    ),
    "metric is a function": (
        config(
            lambda written: written["compile_config"].update(
                metrics=[{"module": "builtins", "class_name": "function", "config": "exec"}]
            )
        ),
        "compile_config: compile: unknown metric 'exec'",
    ),
    "compile_config is a list": (config(lambda written: written.update(compile_config=[1])), "is no object of JSON"),
    # The arrays.
    "weights are no HDF5": (members(lambda parts: parts.update({WEIGHTS: b"x" * 999})), "h5: is not an HDF5 file"),
    "weights are cut": (
        members(lambda parts: parts.update({WEIGHTS: parts[WEIGHTS][:5000]})),
        "is a damaged HDF5 file",
    ),
    "array is missing": (arrays(lambda file: file.pop(KERNEL)), "layers/conv2d/vars: holds 1 weights"),
    "group is missing": (arrays(lambda file: file.pop("layers/dense")), "layers/dense/vars: is missing"),
    "array of another shape": (
        arrays(lambda file: replaced(file, data=np.zeros((3, 3, 1, 4), "f"))),
        f"{WEIGHTS}/{KERNEL}: has shape (3, 3, 1, 4), but must have (3, 3, 1, 2)",
    ),
    "array of text": (arrays(lambda file: replaced(file, data=np.zeros((3, 3, 1, 2), "S9"))), "must hold real numbers"),
    "array without end": (arrays(lambda file: replaced(file, shape=(10**12,), dtype="f", chunks=(9,))), "has shape"),
    "chunk without end": (arrays(gzip_bomb), "is kept in chunks of (16384, 16384, 1, 1), larger than its shape"),
    "link to another file": (
        arrays(lambda file: linked(file, KERNEL, h5py.ExternalLink("/etc/passwd", "/x"))),
        "is a link that may lead to another file",
    ),
    "soft link": (arrays(lambda file: linked(file, "layers/dense", h5py.SoftLink("/layers/conv2d"))), "is a link"),
    "values in another file": (
        arrays(
            lambda file: replaced(
                file, shape=(3, 3, 1, 2), dtype="f", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
            )
        ),
        "keeps its values in another file",
    ),
    "optimizer has too few arrays": (arrays(lambda file: file.pop("optimizer/vars/3")), "holds 9 arrays"),
    "iteration below 0": (
        arrays(lambda file: file["optimizer/vars/0"].write_direct(np.array(-1))),
        "optimizer/vars: iteration is -1",
    ),
    "learning rate is not a number": (
        arrays(lambda file: file["optimizer/vars/1"].write_direct(np.array(np.nan, "f"))),
        "learning_rate must be finite",
    ),
}
