"""What may stay of a picture that a kernel sent: a PNG that stands still.

A PNG can hold frames that move for ever, texts, profiles, and whatever comes behind its end. So it
is read chunk by chunk, and those that say what its pixels are, are written anew. What is cut off,
or is not as PNG's specification has it, is no picture. The pixels stay compressed.

Left out is also what says how large a pixel is (pHYs, which Matplotlib writes): browsers show it as
one of their own, whatever that says. And what says which red is meant (gAMA, cHRM, sRGB, iCCP):
Matplotlib does not write it, and without it a browser takes sRGB.
"""

import base64
import binascii
import math
import re
import struct
import zlib
from collections.abc import Iterator

MOST_PIXELS = 1 << 25  # a picture of a few kB can unpack to gigabytes
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEAD = struct.Struct(">IIBBBBB")
KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# Of four letters, the first is small where a chunk can be left out, and the third never is.
OTHERS = rb"(?:(?!tRNS)[a-z][A-Za-z][A-Z][A-Za-z])*"
FORM = re.compile(
    b"IHDR" + OTHERS + b"(?:PLTE" + OTHERS + b")?(?:tRNS" + OTHERS + b")?(?:IDAT)+" + OTHERS
    + b"IEND"
)  # fmt: skip
# By type of colour: what bits a sample may have, how many colours a palette, and of how many bytes
# tRNS is.
OF_PALETTE = 3
COLOURS = {
    0: ((1, 2, 4, 8, 16), 0, 2),
    2: ((8, 16), 256, 6),
    OF_PALETTE: ((1, 2, 4, 8), 256, 256),
    4: ((8, 16), 0, 0),
    6: ((8, 16), 256, 0),
}


def still(text: str) -> str:
    """Return a PNG in base64 anew, or nothing if it is none, or too big to be shown."""
    try:
        chunks = list(_chunks(base64.b64decode(text.replace("\n", ""), validate=True)))
        kept = [b"".join(data for name, data in chunks if name == each) for each in KEPT]
        fits = FORM.fullmatch(b"".join(name for name, _ in chunks)) and _fits(*kept)
    except (binascii.Error, ValueError, struct.error):
        return ""
    anew = (_chunk(*each) for each in zip(KEPT, kept, strict=True) if each[1] or each[0] == b"IEND")
    return base64.b64encode(SIGNATURE + b"".join(anew)).decode() if fits else ""


def pixels(picture: str) -> int:
    """Return of how many pixels a picture is that `still` returned, 0 where it returned nothing."""
    start = base64.b64decode(picture[:32])  # 24 bytes, of which the last eight are its sizes
    return math.prod(struct.unpack_from(">II", start, 16)) if start else 0


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each chunk and what it holds.

    Raises:
        ValueError, struct.error: it is cut off, or something in it was changed.
    """
    if not picture.startswith(SIGNATURE):
        raise ValueError
    at, name = len(SIGNATURE), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", picture, at)
        data = picture[at + 8 : at + 8 + length]
        (found,) = struct.unpack_from(">I", picture, at + 8 + length)
        if found != zlib.crc32(name + data):
            raise ValueError
        yield name, data
        at += 12 + length


def _fits(head: bytes, palette: bytes, seen_through: bytes, samples: bytes, end: bytes) -> bool:
    """Return whether what the chunks hold is a picture's, and not too big.

    Raises:
        struct.error: the head has another length.
    """
    width, height, depth, colour, compression, filtering, interlaced = HEAD.unpack(head)
    depths, most, key = COLOURS.get(colour, ((), 0, 0))
    entries, rest = divmod(len(palette), 3)
    if colour == OF_PALETTE:
        coloured = 0 < entries <= 1 << depth and len(seen_through) <= entries
    else:
        coloured = entries <= most and len(seen_through) in (0, key)
    return (
        0 < width * height <= MOST_PIXELS
        and depth in depths and coloured and not rest
        and (compression, filtering) == (0, 0) and interlaced in (0, 1)
        and samples != b"" and end == b""
    )  # fmt: skip


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
