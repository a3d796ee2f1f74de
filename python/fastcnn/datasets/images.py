"""Image files become arrays: any format that Pillow reads, any size and mode, brought to the size and the channels that a model takes.

`read` reads one file, `how` says in words what is done to all. Which files belong to which class is for `folders.py` to say.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

__all__ = ["Picture", "as_png", "content_of", "decode", "decoder", "how", "is_named_as_one", "quiet", "read"]

_VERSION = 1  # of what is done to a file here
_MODES = {1: "L", 3: "RGB"}  # of the channels that a model can take
_KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "with a palette",
    "PA": "with a palette and alpha",
}
_SIXTEEN_BITS_AS_I = ("PNG", "PPM")  # Pillow's mode "I" has 32 bits, but from these formats its values end at 65,535
_HUGE = 20_000_000  # pixels of a picture: several times as much memory, in bytes, for each step from the file to what is wanted
_one_at_a_time = threading.Lock()
_LARGEST = 200_000_000  # bytes of a file: beyond that it is a film or an archive
_ORIENTATION = 0x0112  # EXIF's tag


class Picture(NamedTuple):
    """An image file as a model takes it.

    pixels : uint8 (height, width, channels), 0 to 255. changes : what the file held and what was done to it for that, in words
    ("640x480 RGBA, transparent parts white, to 8-bit RGB, resized to 32x32"); empty where nothing was. size : (height, width) in the file.
    """

    pixels: NDArray[np.uint8]
    changes: str
    size: tuple[int, int]


def decoder() -> str:
    """What the pixels hang on besides a file: two with the same make the same of it."""
    import PIL

    return f"{_VERSION}, Pillow {PIL.__version__}"


def is_named_as_one(path: Path) -> bool:
    """Whether a file's ending is that of a format that Pillow reads by itself; films are none."""
    from PIL import Image

    kind = Image.registered_extensions().get(path.suffix.casefold(), "")
    return kind in Image.OPEN and Image.MIME.get(kind, "").startswith("image/")


def how(shape: tuple[int, int, int]) -> str:
    """In words: what `read` does to a file whose pixels are not of that shape already."""
    height, width, channels = shape
    return f"resized to {width}x{height} {'grey' if channels == 1 else 'RGB'} where they differ, sides stretched, by Pillow's bilinear filter"


def read(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> Picture:
    """The image in a file, as uint8 pixels of `shape`.

    shape : (height, width, channels); 1 channel is grey (0.299 R + 0.587 G + 0.114 B), 3 are red, green and blue.

    A file whose pixels have that size and that many channels comes out as it is, bit for bit. Else, in this order: of an animation the first
    frame is taken; it is turned as its EXIF orientation says; 16 bits become 8 (divided by 257, rounded); palettes, CMYK and so on become
    RGB; what is transparent is laid over white; the colours become grey or grey becomes RGB; and it is resized by Pillow's bilinear filter,
    whose support grows as an image shrinks, so that every pixel counts (Keras's image loading takes four neighbours alone). The sides are
    stretched as Keras stretches them; nothing is cut off.

    Raises FormatError, naming the file, where it is no image, is damaged, is cut off, has pixels of a kind without a known range (32-bit) or too many of
    them (twice Pillow's `MAX_IMAGE_PIXELS`, 179 million: such a file may be small);
    ValueError for another number of channels; and what `open` raises: FileNotFoundError, IsADirectoryError, PermissionError.
    """
    _check_channels(shape)
    with quiet():
        return decode(path, content_of(path), shape)


def content_of(path: str | os.PathLike[str]) -> bytes:
    """A file's bytes. Raises FormatError for what is neither file nor folder (a pipe has no end) or too large, and what `open` raises."""
    if not stat.S_ISREG(kind := os.stat(path).st_mode) and not stat.S_ISDIR(kind):
        raise FormatError(f"{os.fspath(path)}: is no regular file")
    with open(path, "rb") as file:
        if (size := os.fstat(file.fileno()).st_size) > _LARGEST:
            raise FormatError(
                f"{os.fspath(path)}: has {size / 1e6:,.0f} MB, more than the {_LARGEST / 1e6:,.0f} that a picture may have"
            )
        return file.read()


def decode(path: str | os.PathLike[str], content: bytes, shape: tuple[int, int, int]) -> Picture:
    """What `read` does, of a file's bytes; of pictures of more than 20 million pixels one at a time. path : for errors. Pillow's warnings go to whoever listens (`quiet`)."""
    from PIL import Image, UnidentifiedImageError

    _check_channels(shape)
    height, width, channels = shape
    name = os.fspath(path)
    try:
        return _picture(io.BytesIO(content), (width, height), _MODES[channels])
    except UnidentifiedImageError as error:
        raise FormatError(f"{name}: is no image of a known format") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise FormatError(f"{name}: has more than {most / 1e6:,.0f} million pixels, and is not unpacked") from error
    except MemoryError:
        raise
    except Exception as error:  # the decoders raise whatever comes to hand
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"{name}: is a damaged image, or one of an unusual kind ({reason})") from error


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file. pixels : (height, width), (height, width, 1) or (height, width, 3), uint8."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(written, "PNG")
    return written.getvalue()


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings, of large images and odd metadata; what cannot be decoded is an error. Of the process, not of a thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_channels(shape: tuple[int, int, int]) -> None:
    if shape[2] not in _MODES:
        raise ValueError(f"read: shape {tuple(shape)} has {shape[2]} channels, but an image gives 1 or 3")


def _picture(file: IO[bytes], size: tuple[int, int], mode: str) -> Picture:
    from PIL import Image

    with Image.open(file) as opened, _one_at_a_time if opened.width * opened.height > _HUGE else nullcontext():
        return _converted(opened, size, mode)


def _converted(opened: ImageFile, size: tuple[int, int], mode: str) -> Picture:
    from PIL import Image, ImageOps

    opened.load()
    size_in_file = opened.height, opened.width
    frames, turned = getattr(opened, "n_frames", 1), opened.getexif().get(_ORIENTATION, 1) in range(2, 9)
    kind = _KINDS.get(opened.mode, opened.mode)
    wide = opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format in _SIXTEEN_BITS_AS_I)
    changes = [f"{opened.width}x{opened.height} {'16-bit grey' if wide else kind}"]
    image: Image.Image = ImageOps.exif_transpose(opened)
    if frames > 1:
        changes.append(f"first of {frames} frames")
    if turned:
        changes.append("turned as EXIF says")
    if wide:
        image = Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError("32-bit pixels, whose range is not known")
    elif _is_transparent(image):
        changes.append("transparent parts white")
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if wide or image.mode != mode:
        changes.append("to 8-bit RGB" if mode == "RGB" else "to 8-bit grey")
        image = image.convert("RGB").convert(mode)
    if image.size != size:
        changes.append(f"resized to {size[0]}x{size[1]}")
        image = image.resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8).reshape(size[1], size[0], len(image.getbands()))
    return Picture(pixels, ", ".join(changes) if len(changes) > 1 else "", size_in_file)


def _is_transparent(image: Image.Image) -> bool:
    """Whether any pixel is, by an alpha channel or by a colour that means it."""
    if "transparency" in image.info:
        return True
    alpha = {"LA": "A", "PA": "A", "RGBA": "A", "RGBa": "a", "La": "a"}.get(image.mode)
    return alpha is not None and image.getchannel(alpha).getextrema()[0] != 255
