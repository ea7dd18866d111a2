"""Pictures in executed notebooks: of a PNG there stays what its pixels are, and nothing else."""

import base64
import io
import struct
import zlib

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from autograder.sandbox.inert import inert_output
from autograder.sandbox.still import MOST_PIXELS, SIGNATURE, pixels

SCRIPT = b"<script>alert(1)</script>"
# Each by the specification, or one that nobody knows; what moves (acTL, fcTL, fdAT), too.
OTHERS = {
    b"acTL": struct.pack(">II", 2, 0), b"fdAT": b"\0\0\0\1" + zlib.compress(bytes(20)),
    b"fcTL": struct.pack(">IIIIIHHBB", 0, 3, 2, 0, 0, 1, 50, 0, 0), b"cHRM": bytes(32),
    b"cICP": b"\1\r\0\1", b"gAMA": b"\0\0\xb1\x8f", b"iCCP": b"x\0\0" + zlib.compress(SCRIPT),
    b"mDCV": bytes(24), b"cLLI": bytes(8), b"sBIT": b"\b\b\b", b"sRGB": b"\0", b"bKGD": bytes(6),
    b"hIST": bytes(8), b"pHYs": struct.pack(">IIB", 3937, 3937, 1), b"sPLT": b"x\0\b",
    b"eXIf": b"MM\0*\0\0\0\b\0\0", b"tIME": bytes(7), b"tEXt": b"Title\0" + SCRIPT,
    b"zTXt": b"Title\0\0" + zlib.compress(SCRIPT), b"iTXt": b"Title\0\0\0\0\0" + SCRIPT,
    b"xxXx": SCRIPT,
}  # fmt: skip
# What a head says of colours, and how many bits a pixel has.
KINDS = {
    (depth, colour): depth * samples
    for colour, samples, depths in (
        (0, 1, (1, 2, 4, 8, 16)), (2, 3, (8, 16)), (3, 1, (1, 2, 4, 8)),
        (4, 2, (8, 16)), (6, 4, (8, 16)),
    )
    for depth in depths
}  # fmt: skip


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def head(width=3, height=2, depth=8, colour=2, *rest):
    rest = rest or (0, 0, 0)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *rest))


def samples(bits=24, width=3, height=2):
    row = (width * bits + 7) // 8
    drawn = np.random.default_rng(7).integers(0, 256, (height, 1 + row), np.uint8)
    drawn[:, 0] = 0  # no filter
    return zlib.compress(drawn.tobytes())


HEAD, DATA, END = head(), chunk(b"IDAT", samples()), chunk(b"IEND")
PALETTE = chunk(b"PLTE", bytes(range(6)))
PLAIN = SIGNATURE + HEAD + DATA + END


def as_text(picture):
    return base64.b64encode(picture).decode()


def kept(picture):
    """Return what stays of a PNG in an output; None if nothing does."""
    data = {"image/png": as_text(picture)}
    output = inert_output({"output_type": "display_data", "data": data, "metadata": {}})
    return output and base64.b64decode(output.data["image/png"])


def png(*chunks):
    return SIGNATURE + b"".join(chunks)


def seen(picture):
    with Image.open(io.BytesIO(picture)) as image:
        clear, palette = image.info.get("transparency"), image.getpalette()
        frames = getattr(image, "n_frames", 1)
        return frames, image.mode, image.size, image.tobytes(), palette, clear


@pytest.mark.parametrize("name", OTHERS, ids=bytes.decode)
def test_what_is_no_pixel_s_is_left_out(name):
    more = chunk(name, OTHERS[name])
    assert kept(png(HEAD, more, DATA, END)) == PLAIN
    assert kept(png(HEAD, DATA, more, END)) == PLAIN
    everywhere = png(HEAD, more, more, chunk(b"PLTE", bytes(6)), more, DATA, more, END)
    assert kept(everywhere) == png(HEAD, chunk(b"PLTE", bytes(6)), DATA, END)


def test_what_moves_stands_still():
    frames, written = [Image.new("RGB", (8, 8), c) for c in ("red", "blue", "lime")], io.BytesIO()
    frames[0].save(written, "PNG", save_all=True, append_images=frames[1:], loop=0, duration=20)
    anew = kept(written.getvalue())
    assert seen(written.getvalue())[0] == 3
    assert seen(anew) == (1, "RGB", (8, 8), frames[0].tobytes(), None, None)
    assert not any(name in anew for name in (b"acTL", b"fcTL", b"fdAT"))


def test_nothing_stays_behind_the_end():
    for more in (b"\0", SCRIPT, PLAIN, chunk(b"tEXt", SCRIPT), DATA + END):
        assert kept(PLAIN + more) == PLAIN


def test_what_is_cut_off_anywhere_is_not_kept():
    picture = png(HEAD, chunk(b"tEXt", b"a\0b"), PALETTE, chunk(b"tRNS", bytes(6)), DATA, DATA, END)
    assert kept(picture)
    assert not any(kept(picture[:length]) for length in range(len(picture)))


def test_what_was_changed_anywhere_is_not_kept():
    """A checksum holds for each, but for the signature and what becomes of a length."""
    picture = png(HEAD, chunk(b"tEXt", b"a\0b"), DATA, END)
    for at in range(len(picture)):
        for bit in range(8):
            changed = bytearray(picture)
            changed[at] ^= 1 << bit
            assert kept(bytes(changed)) is None


@pytest.mark.parametrize(("depth", "colour"), KINDS)
@pytest.mark.parametrize("size", [(3, 2), (9, 7)])
def test_every_kind_of_picture_stays_as_it_is(depth, colour, size):
    palette = [chunk(b"PLTE", bytes(range(3)) * (1 << depth))] if colour == 3 else []
    clear = {0: b"\0\0", 2: bytes(6), 3: b"\0\1"}.get(colour)
    for seen_through in ([], [chunk(b"tRNS", clear)]) if clear else ([],):
        data = chunk(b"IDAT", samples(KINDS[depth, colour], *size))
        picture = png(head(*size, depth, colour), *palette, *seen_through, data, END)
        assert kept(picture) == picture
        assert seen(picture)


@pytest.mark.parametrize(
    "style", [{}, {"transparent": True}, {"dpi": 200}, {"metadata": {"Title": "x"}}]
)
def test_a_plot_looks_the_same(style):
    figure, axes = plt.subplots()
    axes.imshow(np.random.default_rng(1).random((20, 20)))
    written = io.BytesIO()
    figure.savefig(written, format="png", **style)
    plt.close(figure)
    before = written.getvalue()
    anew = kept(before)
    assert b"pHYs" in before and b"pHYs" not in anew
    assert seen(anew) == seen(before)
    assert np.array_equal(plt.imread(io.BytesIO(anew)), plt.imread(io.BytesIO(before)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pil_s_pictures_look_the_same(mode):
    drawn = np.random.default_rng(2).integers(0, 256, (400, 300, 4), np.uint8)
    image = Image.fromarray(drawn).convert("RGBA" if mode == "RGBA" else "RGB")
    image = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
    written = io.BytesIO()
    image.save(written, "PNG", **({"transparency": 3} if mode == "P" else {}))
    assert written.getvalue().count(b"IDAT") > (mode != "1")
    anew = kept(written.getvalue())
    assert seen(anew) == seen(written.getvalue()) and anew.count(b"IDAT") == 1


def test_many_chunks_become_one():
    written = samples()
    pieces = [chunk(b"IDAT", written[at : at + 1]) for at in range(len(written))]
    empty = [chunk(b"IDAT")] * 30_000 + [chunk(b"tEXt")] * 30_000
    assert kept(png(HEAD, *[chunk(b"tEXt")] * 30_000, *pieces, *empty, END)) == PLAIN


HUGE = struct.pack(">I", 1 << 31)
FALSE = {
    "no signature": HEAD + DATA + END, "another signature": b"\x89PNG\n\x1a\r\n" + PLAIN[8:],
    "a JPEG": b"\xff\xd8\xff\xe0" + PLAIN[4:], "a GIF": b"GIF89a" + PLAIN[6:],
    "no head": png(DATA, END), "a late head": png(chunk(b"tEXt"), HEAD, DATA, END),
    "two heads": png(HEAD, HEAD, DATA, END), "no data": png(HEAD, END),
    "empty data": png(HEAD, chunk(b"IDAT"), END), "no end": png(HEAD, DATA),
    "an end that holds something": png(HEAD, DATA, chunk(b"IEND", SCRIPT)),
    "data, not all together": png(HEAD, DATA, chunk(b"tEXt"), DATA, END),
    "two palettes": png(HEAD, PALETTE, PALETTE, DATA, END),
    "a late palette": png(HEAD, DATA, PALETTE, END),
    "what is seen through, before the palette": png(
        HEAD, chunk(b"tRNS", bytes(6)), PALETTE, DATA, END
    ),
    "what is seen through twice": png(HEAD, *[chunk(b"tRNS", bytes(6))] * 2, DATA, END),
    "what is seen through late": png(HEAD, DATA, chunk(b"tRNS", bytes(6)), END),
    "what cannot be left out": png(HEAD, chunk(b"XxXx"), DATA, END),
    "a name of no letters": png(HEAD, chunk(b"a<Xx"), DATA, END),
    "a name that is reserved": png(HEAD, chunk(b"xxxx"), DATA, END),
    "an endless chunk": png(HEAD, HUGE + b"tEXt" + bytes(50)),
    "a short head": png(chunk(b"IHDR", bytes(12)), DATA, END),
    "a long head": png(chunk(b"IHDR", HEAD[8:21] + b"\0"), DATA, END),
    "no width": png(head(width=0), DATA, END), "no height": png(head(height=0), DATA, END),
    "too big": png(head(width=MOST_PIXELS // 1024, height=1025), DATA, END),
    "far too big": png(head(width=(1 << 32) - 1, height=(1 << 32) - 1), DATA, END),
    "another compression": png(head(3, 2, 8, 2, 1, 0, 0), DATA, END),
    "another filter": png(head(3, 2, 8, 2, 0, 1, 0), DATA, END),
    "another interlacing": png(head(3, 2, 8, 2, 0, 0, 2), DATA, END),
    "half a colour": png(HEAD, chunk(b"PLTE", bytes(4)), DATA, END),
    "too many colours": png(HEAD, chunk(b"PLTE", bytes(3 * 257)), DATA, END),
    "more colours than there are numbers": png(
        head(depth=1, colour=3), chunk(b"PLTE", bytes(9)), DATA, END
    ),
    "no colours": png(head(colour=3), DATA, END),
    "more seen through than colours": png(
        head(colour=3), PALETTE, chunk(b"tRNS", bytes(3)), DATA, END
    ),
    "grey with colours": png(head(colour=0), PALETTE, DATA, END),
    "grey, seen through as colours are": png(head(colour=0), chunk(b"tRNS", bytes(6)), DATA, END),
    "seen through twice": png(head(colour=6), chunk(b"tRNS", bytes(6)), DATA, END),
}  # fmt: skip


@pytest.mark.parametrize("picture", FALSE.values(), ids=FALSE)
def test_what_is_not_as_the_specification_has_it_is_not_kept(picture):
    assert kept(picture) is None


@pytest.mark.parametrize(
    ("depth", "colour"),
    [(d, c) for d in (*range(18), 32, 255) for c in (*range(9), 255) if (d, c) not in KINDS],
)
def test_there_are_no_other_colours(depth, colour):
    for palette in ([], [PALETTE]):
        assert kept(png(head(depth=depth, colour=colour), *palette, DATA, END)) is None


def test_pixels_are_counted_and_bounded():
    assert pixels("") == 0
    for size in ((3, 2), (1, 1), (MOST_PIXELS, 1), (1024, MOST_PIXELS // 1024)):
        picture = kept(png(head(*size), DATA, END))
        assert pixels(as_text(picture)) == size[0] * size[1]
