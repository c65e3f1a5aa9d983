#!/usr/bin/env python3
"""Makes tests/image/data: small pictures in every supported encoding, and what Pillow and timm make of them.

    pip install numpy pillow torch torchvision timm
    python tools/make_image_goldens.py tests/image/data

Pictures are seeded; JPEG, WebP, GIF and TIFF files depend on the encoder inside Pillow, so commit the pictures together
with goldens.json. Checksums are CRC-32 of raw bytes: [height, width, 3] uint8, or [3, height, width] float32.
"""
import argparse
import io
import json
import pathlib
import struct
import warnings
import zlib

import numpy
import PIL
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG colour type -> samples per pixel
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def noise(width, height, seed):
    """Full-range noise; tests/image/test_support.cpp makes the same bytes."""
    mask = numpy.uint64(0xFFFFFFFF)
    x = numpy.arange(width * height * 3, dtype=numpy.uint64) * numpy.uint64(2654435761)
    x = (x + numpy.uint64(seed * 97)) & mask
    x ^= x >> numpy.uint64(15)
    x = (x * numpy.uint64(2246822519)) & mask
    x ^= x >> numpy.uint64(13)
    return (x >> numpy.uint64(24)).astype(numpy.uint8).reshape(height, width, 3)


def smooth(width, height, channels, seed):
    """A picture with gradients, edges and a little noise, so that encoders have something to do."""
    rng = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    planes = []
    for _ in range(channels):
        fx, fy, phase = rng.uniform(0.02, 0.3, 2).tolist() + [rng.uniform(0, 6)]
        plane = 128 + 100 * numpy.sin(fx * x + fy * y + phase) + 40 * (x > width * rng.uniform(0.2, 0.8))
        planes.append(plane + rng.normal(0, 6, plane.shape))
    return numpy.clip(numpy.stack(planes, axis=-1), 0, 255).astype(numpy.uint8)


def crc(array):
    return zlib.crc32(numpy.ascontiguousarray(array).tobytes())


def png_bytes(samples, bit_depth, color_type, interlaced, palette=None, transparency=None):
    """Encodes [height, width, channels] samples; Pillow cannot write most of these kinds."""
    height, width, _ = samples.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def rows(block):
        out = b""
        for row in block:
            flat = row.reshape(-1)
            if bit_depth == 16:
                packed = flat.astype(">u2").tobytes()
            elif bit_depth == 8:
                packed = flat.astype(numpy.uint8).tobytes()
            else:
                bits = (flat[:, None].astype(int) >> numpy.arange(bit_depth - 1, -1, -1)) & 1
                packed = numpy.packbits(bits.reshape(-1)).tobytes()
            out += b"\0" + packed
        return out

    data = rows(samples)
    if interlaced:
        passes = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7]
        data = b"".join(rows(block) for block in passes if block.shape[0] and block.shape[1])
    out = b"\x89PNG\r\n\x1a\n"
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, int(interlaced)))
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(numpy.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def make_pngs(save):
    kinds = [(0, b) for b in (1, 2, 4, 8, 16)] + [(2, b) for b in (8, 16)] + [(3, b) for b in (1, 2, 4, 8)]
    kinds += [(4, 8), (4, 16), (6, 8), (6, 16)]
    names = {0: "gray", 2: "rgb", 3: "palette", 4: "gray_alpha", 6: "rgba"}
    for seed, (color_type, depth) in enumerate(kinds):
        rng = numpy.random.default_rng(1000 + seed)
        samples = rng.integers(0, 1 << depth, (11, 19, CHANNELS[color_type]))
        if color_type == 0 and depth == 16:
            samples[::2] >>= 7  # 0 .. 511: around the clipping of 16-bit gray at 255
        colors = rng.integers(0, 256, (1 << min(depth, 8), 3)) if color_type == 3 else None
        for interlaced in (False, True):
            suffix = "_interlaced" if interlaced else ""
            save(f"png_{names[color_type]}_{depth}{suffix}.png",
                 png_bytes(samples, depth, color_type, interlaced, colors))
        if color_type == 3 and depth in (2, 8):
            alpha = bytes(rng.integers(0, 256, 1 << depth).tolist())
            save(f"png_palette_{depth}_alpha.png", png_bytes(samples, depth, 3, False, colors, alpha))
        if color_type == 2:
            save(f"png_rgb_{depth}_transparent.png",
                 png_bytes(samples, depth, 2, False, None, struct.pack(">3H", 1, 2, 3)))
        if color_type == 0 and depth in (1, 8, 16):
            save(f"png_gray_{depth}_transparent.png",
                 png_bytes(samples, depth, 0, True, None, struct.pack(">H", 1)))
    short = numpy.random.default_rng(1).integers(0, 16, (7, 9, 1))
    save("png_palette_short.png", png_bytes(short, 4, 3, False, numpy.arange(30).reshape(10, 3) * 8))
    save("png_1x1.png", png_bytes(numpy.full((1, 1, 3), 77), 8, 2, False))


def make_jpegs(save):
    def encode(array, **options):
        out = io.BytesIO()
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[array.shape[2]]
        Image.fromarray(array[..., 0] if mode == "L" else array, mode).save(out, "JPEG", **options)
        return out.getvalue()

    rgb = smooth(67, 45, 3, 1)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        save(f"jpeg_{name}.jpg", encode(rgb, quality=85, subsampling=subsampling))
        save(f"jpeg_{name}_progressive.jpg", encode(rgb, quality=60, subsampling=subsampling, progressive=True))
    save("jpeg_rgb.jpg", encode(rgb, quality=80, keep_rgb=True))
    save("jpeg_restart.jpg", encode(rgb, quality=80, restart_marker_blocks=2))
    save("jpeg_gray.jpg", encode(smooth(50, 31, 1, 2), quality=85))
    save("jpeg_gray_progressive.jpg", encode(smooth(31, 50, 1, 3), quality=85, progressive=True))
    save("jpeg_1x1.jpg", encode(smooth(1, 1, 3, 4), quality=85))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees: neither Pillow nor torchvision does
    save("jpeg_rotated.jpg", encode(rgb, quality=70, exif=exif))
    cmyk = encode(smooth(40, 33, 4, 5), quality=85)
    save("jpeg_cmyk.jpg", cmyk)
    adobe = cmyk.index(b"\xff\xee\x00\x0eAdobe")
    save("jpeg_ycck.jpg", cmyk[: adobe + 15] + b"\x02" + cmyk[adobe + 16 :])
    save("jpeg_cmyk_unmarked.jpg", cmyk[:adobe] + cmyk[adobe + 16 :])
    save("jpeg_no_end.jpg", encode(smooth(64, 48, 3, 6), quality=85, restart_marker_blocks=1)[:-1])


def make_webps(save):
    for name, channels, options in (
        ("lossy", 3, dict(quality=70)),
        ("lossless", 3, dict(lossless=True)),
        ("lossy_alpha", 4, dict(quality=70)),
        ("lossless_alpha", 4, dict(lossless=True, exact=True)),
    ):
        out = io.BytesIO()
        array = smooth(53, 37, channels, 7)
        Image.fromarray(array, "RGB" if channels == 3 else "RGBA").save(out, "WEBP", **options)
        save(f"webp_{name}.webp", out.getvalue())


    # Animations: Pillow writes frames that cover the canvas; one that does not is put together here.
    def encode(frames, **options):
        out = io.BytesIO()
        pictures = [Image.fromarray(frame) for frame in frames]
        pictures[0].save(out, "WEBP", save_all=True, append_images=pictures[1:], duration=100, **options)
        return out.getvalue()

    save("webp_animated.webp", encode([smooth(40, 30, 3, 20), smooth(40, 30, 3, 21)], quality=80))
    alpha = [smooth(32, 24, 4, 22), smooth(32, 24, 4, 23)]
    save("webp_animated_alpha.webp", encode(alpha, lossless=True, exact=True))
    out = io.BytesIO()
    Image.fromarray(smooth(20, 14, 3, 24)).save(out, "WEBP", lossless=True)
    still = out.getvalue()[12:]  # the chunk of the picture
    u24 = lambda value: struct.pack("<I", value)[:3]  # noqa: E731

    def riff_chunk(tag, data):
        return tag + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    frame = u24(4) + u24(3) + u24(19) + u24(13) + u24(100) + b"\0" + still  # at x 8, y 6
    body = riff_chunk(b"VP8X", bytes([2, 0, 0, 0]) + u24(39) + u24(29))
    body += riff_chunk(b"ANIM", b"\x10\x20\x30\xff" + b"\0\0") + riff_chunk(b"ANMF", frame)
    save("webp_animated_offset.webp", riff_chunk(b"RIFF", b"WEBP" + body))


def gif_bytes(samples, colors, local=False, interlaced=False, offset=(0, 0), canvas=None, transparent=None, bits=8):
    """A GIF whose pixels are not compressed: codes of bits + 1 bits, with a clear code before the table grows."""
    height, width = samples.shape
    canvas = canvas or (width, height)
    depth = max(1, (len(colors) - 1).bit_length())
    table = colors.astype(numpy.uint8).tobytes() + bytes(3 * ((1 << depth) - len(colors)))
    out = b"GIF89a" + struct.pack("<HHBBB", *canvas, (0 if local else 0x80) | (depth - 1), 3, 0)
    out += b"" if local else table
    if transparent is not None:
        out += b"!\xf9\x04" + struct.pack("<BHBB", 1, 0, transparent, 0)
    flags = (0x80 | (depth - 1) if local else 0) | (0x40 if interlaced else 0)
    out += b"," + struct.pack("<HHHHB", *offset, width, height, flags) + (table if local else b"")
    rows = [samples[start::step] for start, step in ((0, 8), (4, 8), (2, 4), (1, 2))] if interlaced else [samples]
    clear, codes = 1 << bits, []
    for i, value in enumerate(numpy.concatenate(rows).ravel().tolist()):
        codes += ([clear] if i % ((1 << bits) - 2) == 0 else []) + [value]
    packed = sum(code << (i * (bits + 1)) for i, code in enumerate(codes + [clear + 1]))
    data = packed.to_bytes((len(codes) + 1) * (bits + 1) // 8 + 1, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return out + bytes([bits]) + blocks + b"\0;"


def make_gifs(save):
    rng = numpy.random.default_rng(30)
    colors = rng.integers(0, 256, (256, 3))
    samples = rng.integers(0, 256, (13, 21))
    save("gif_global.gif", gif_bytes(samples, colors))
    save("gif_local_interlaced.gif", gif_bytes(samples, colors, local=True, interlaced=True))
    save("gif_offset.gif", gif_bytes(samples % 16, colors[:16], offset=(3, 2), canvas=(30, 20), bits=4))
    save("gif_offset_transparent.gif",
         gif_bytes(samples % 16, colors[:16], offset=(3, 2), canvas=(30, 20), transparent=5, bits=4))
    save("gif_beyond_canvas.gif", gif_bytes(samples, colors, offset=(4, 5), canvas=(10, 10)))
    save("gif_short_palette.gif", gif_bytes(samples % 16, colors[:6], bits=4))
    save("gif_gray.gif", gif_bytes(samples, numpy.repeat(numpy.arange(256), 3).reshape(256, 3)))
    frames = [Image.fromarray(smooth(33, 25, 3, seed)) for seed in (31, 32)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=50)
    save("gif_animated.gif", out.getvalue())


def bmp_bytes(width, height, bits, data, palette=b"", compression=0, masks=b"", header=40, colors=0):
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, colors, 0)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    info += masks + bytes(max(0, header - len(info) - len(masks)))
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def make_bmps(save):
    rng = numpy.random.default_rng(40)

    def rows(width, height, bits):
        return rng.integers(0, 256, height * ((width * bits + 31) // 32 * 4)).astype(numpy.uint8).tobytes()

    def palette(count, entry=4):
        return rng.integers(0, 256, (count, entry)).astype(numpy.uint8).tobytes()

    for bits in (1, 4, 8):
        save(f"bmp_{bits}.bmp", bmp_bytes(19, 11, bits, rows(19, 11, bits), palette(1 << bits)))
        save(f"bmp_{bits}_os2.bmp", bmp_bytes(19, 11, bits, rows(19, 11, bits), palette(1 << bits, 3), header=12))
    save("bmp_1_black_white.bmp", bmp_bytes(19, 11, 1, rows(19, 11, 1), b"\0\0\0\0\xff\xff\xff\0"))
    save("bmp_8_short_palette.bmp", bmp_bytes(19, 11, 8, rows(19, 11, 8), palette(200), colors=200))
    for bits in (16, 24, 32):
        save(f"bmp_{bits}.bmp", bmp_bytes(19, 11, bits, rows(19, 11, bits)))
    save("bmp_24_top_down.bmp", bmp_bytes(19, -11, 24, rows(19, 11, 24)))
    for name, bits, masks in (
        ("565", 16, (0xF800, 0x7E0, 0x1F)), ("555", 16, (0x7C00, 0x3E0, 0x1F)),
        ("bgrx", 32, (0xFF0000, 0xFF00, 0xFF)), ("xbgr", 32, (0xFF000000, 0xFF0000, 0xFF00)),
        ("bgxr", 32, (0xFF000000, 0xFF00, 0xFF)),
    ):  # fmt: skip
        save(f"bmp_{name}.bmp", bmp_bytes(19, 11, bits, rows(19, 11, bits), compression=3, masks=struct.pack("<3I", *masks)))
    for name, masks in (("rgba", (0xFF, 0xFF00, 0xFF0000, 0xFF000000)), ("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000))):
        save(f"bmp_{name}_v5.bmp",
             bmp_bytes(19, 11, 32, rows(19, 11, 32), compression=3, masks=struct.pack("<4I", *masks), header=124))
    rle8 = b"\x05\x07\x00\x05\x01\x02\x03\x04\x05\x00\x00\x00\x03\x09\x00\x02\x02\x01\x08\x06" + b"\x0a\x01\x00\x00" * 4
    save("bmp_rle8.bmp", bmp_bytes(10, 6, 8, rle8, palette(256), compression=1))
    rle4 = b"\x05\x78\x00\x05\x12\x34\x50\x00\x00\x00" + b"\x0a\x1c\x00\x00" * 5
    save("bmp_rle4.bmp", bmp_bytes(10, 6, 4, rle4, palette(16), compression=2))


def make_tiffs(save):
    def encode(array, mode=None, **options):
        out = io.BytesIO()
        picture = array if isinstance(array, Image.Image) else Image.fromarray(array, mode)
        picture.save(out, "TIFF", **options)
        return out.getvalue()

    rgb = smooth(45, 31, 3, 50)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        save(f"tiff_rgb_{compression}.tiff", encode(rgb, compression=compression))
    save("tiff_predictor.tiff", encode(rgb, compression="tiff_lzw", tiffinfo={317: 2}))
    save("tiff_rgba.tiff", encode(smooth(45, 31, 4, 51), "RGBA", compression="tiff_lzw"))
    save("tiff_cmyk.tiff", encode(smooth(45, 31, 4, 52), "CMYK", compression="tiff_lzw"))
    gray = smooth(45, 31, 1, 53)[..., 0]
    save("tiff_gray.tiff", encode(gray))
    save("tiff_gray_white.tiff", encode(gray, tiffinfo={262: 0}))
    save("tiff_gray_alpha.tiff", encode(smooth(45, 31, 2, 54), "LA"))
    save("tiff_1.tiff", encode(Image.fromarray(gray).convert("1"), compression="group4"))
    save("tiff_palette.tif", encode(Image.fromarray(rgb).quantize(50)))
    save("tiff_gray_16.tiff", encode(gray.astype(numpy.uint16) * 2, compression="tiff_lzw"))
    for orientation in range(2, 9):
        save(f"tiff_turned_{orientation}.tiff", encode(rgb[:9, :13], tiffinfo={274: orientation}))
    make_unusual_tiffs(save)


def tiff_bytes(tags, data, order="<"):
    """One page: tags {number: (type, values)}; `data` are strips or tiles, whose places are added."""
    sizes = {1: "B", 3: "H", 4: "I"}
    where, length = (324, 325) if 322 in tags else (273, 279)
    count = len(tags) + 2
    end = 8 + 2 + 12 * count + 4
    places = end + sum(len(v) * struct.calcsize(sizes[t]) for t, v in tags.values() if len(v) * struct.calcsize(sizes[t]) > 4)
    places += 8 * len(data) if len(data) > 1 else 0
    offsets = [places + sum(map(len, data[:i])) for i in range(len(data))]
    tags = dict(tags) | {where: (4, offsets), length: (4, [len(part) for part in data])}
    entries, more = b"", b""
    for number in sorted(tags):
        kind, values = tags[number]
        packed = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        entries += struct.pack(order + "HHI", number, kind, len(values))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", end + len(more))
            more += packed
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return magic + struct.pack(order + "H", count) + entries + bytes(4) + more + b"".join(data)


def make_unusual_tiffs(save):
    """What Pillow reads and does not write: tiles, planes, 16 bits, few bits, alpha that is multiplied in."""
    rng = numpy.random.default_rng(60)

    def tags(width, height, bits, photometric, **more):
        known = {256: (3, [width]), 257: (3, [height]), 258: (3, bits), 259: (3, [1]), 262: (3, [photometric]),
                 277: (3, [len(bits)]), 278: (3, [height])}  # fmt: skip
        return known | {int(key[1:]): value for key, value in more.items()}

    rgb = smooth(19, 11, 3, 61)
    planes = [rgb[..., i].tobytes() for i in range(3)]
    save("tiff_planes.tiff", tiff_bytes(tags(19, 11, [8] * 3, 2, t284=(3, [2])), planes))
    wide = smooth(50, 37, 3, 62)
    padded = numpy.zeros((48, 64, 3), numpy.uint8)
    padded[:37, :50] = wide
    tiles = [padded[y : y + 16, x : x + 16].tobytes() for y in range(0, 48, 16) for x in range(0, 64, 16)]
    tiled = tags(50, 37, [8] * 3, 2, t322=(3, [16]), t323=(3, [16]))
    del tiled[278]
    save("tiff_tiles.tiff", tiff_bytes(tiled, tiles))
    deep = rng.integers(0, 65536, (11, 19, 3))
    for order, name in (("<", "ii"), (">", "mm")):
        save(f"tiff_rgb_16_{name}.tiff", tiff_bytes(tags(19, 11, [16] * 3, 2), [deep.astype(order + "u2").tobytes()], order))
    alpha = rng.integers(0, 256, (11, 19, 4)).astype(numpy.uint8)
    alpha[0, :3, 3] = 0, 255, 1
    save("tiff_alpha_multiplied.tiff", tiff_bytes(tags(19, 11, [8] * 4, 2, t338=(3, [1])), [alpha.tobytes()]))
    # Says that a fourth sample is alpha, and has three.
    save("tiff_alpha_missing.tiff", tiff_bytes(tags(19, 11, [8] * 3, 2, t338=(3, [1])), [rgb.tobytes()]))
    for bits in (1, 2, 4):
        row = (19 * bits + 7) // 8
        data = rng.integers(0, 256, (11, row)).astype(numpy.uint8).tobytes()
        colors = rng.integers(0, 65536, 3 << bits).tolist()
        save(f"tiff_gray_{bits}.tiff", tiff_bytes(tags(19, 11, [bits], 1), [data]))
        save(f"tiff_white_{bits}.tiff", tiff_bytes(tags(19, 11, [bits], 0), [data]))
        save(f"tiff_palette_{bits}.tiff", tiff_bytes(tags(19, 11, [bits], 3, t320=(3, colors)), [data]))


PICTURES = (".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def decode_goldens(folder):
    cases = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in PICTURES:
            continue
        try:
            array = numpy.asarray(Image.open(path).convert("RGB"))
        except OSError as error:
            cases.append(dict(file=path.name, error=str(error)))
            continue
        cases.append(dict(file=path.name, width=array.shape[1], height=array.shape[0], crc32=crc(array)))
    return cases


def resize_goldens():
    sizes = [  # source width, height, target width, height
        (500, 375, 341, 256), (375, 500, 256, 341), (180, 140, 330, 256), (640, 480, 224, 224),
        (7, 3, 224, 224), (1, 1, 5, 7), (1, 1, 224, 224), (1, 17, 3, 5), (17, 1, 5, 3), (1, 64, 1, 9),
        (64, 1, 200, 1), (64, 64, 224, 224), (65, 33, 65, 90), (65, 33, 20, 33), (33, 65, 33, 65),
        (301, 203, 1, 1), (301, 203, 2, 150), (301, 203, 400, 3), (97, 31, 96, 32), (31, 97, 32, 96),
        (1024, 9, 10, 9), (9, 1024, 9, 11), (2000, 3, 7, 7), (224, 224, 223, 225), (48, 34, 11, 53),
    ]  # fmt: skip
    cases = []
    for seed, (width, height, dst_width, dst_height) in enumerate(sizes):
        image = Image.fromarray(noise(width, height, seed))
        for name, resampling in FILTERS.items():
            array = numpy.asarray(image.resize((dst_width, dst_height), resampling))
            case = dict(src=[width, height], seed=seed, dst=[dst_width, dst_height], filter=name, crc32=crc(array))
            if dst_width * dst_height < 40 or (dst_width, dst_height) == (11, 53):
                case["bytes"] = array.tobytes().hex()
            cases.append(case)
    return cases


def preprocess_goldens():
    imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    inception = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    uneven = ([0.3, 0.1, 0.7], [0.21, 0.33, 1.7])
    options = [  # height, width, crop_pct, crop_mode, interpolation, (mean, std)
        (224, 224, 1.0, "center", "bicubic", imagenet),
        (224, 224, 0.875, "center", "bicubic", imagenet),
        (224, 224, 0.9, "center", "bilinear", inception),
        (225, 225, 0.95, "center", "lanczos", uneven),
        (32, 32, 2.0, "center", "bicubic", imagenet),
        (64, 96, 0.9, "center", "bicubic", uneven),
        (97, 64, 1.0, "center", "lanczos", imagenet),
        (224, 224, 1.0, "squash", "bicubic", imagenet),
        (63, 96, 0.875, "squash", "bilinear", uneven),
        (224, 224, 1.0, "border", "bicubic", imagenet),
        (96, 63, 0.9, "border", "lanczos", uneven),
        (96, 63, 1.3, "border", "bicubic", inception),
    ]
    sizes = [(500, 375), (375, 500), (64, 64), (333, 250), (31, 57), (224, 224), (120, 23)]
    cases = []
    for seed, (width, height) in enumerate(sizes):
        image = Image.fromarray(noise(width, height, 100 + seed))
        for height_out, width_out, crop_pct, crop_mode, interpolation, (mean, std) in options:
            transform = create_transform(
                (3, height_out, width_out), interpolation=interpolation, mean=mean, std=std,
                crop_pct=crop_pct, crop_mode=crop_mode)  # fmt: skip
            pixels = image
            for step in transform.transforms[:2]:  # resize, crop
                pixels = step(pixels)
            tensor = transform(image)
            assert tensor.shape == (3, height_out, width_out) and tensor.dtype == torch.float32
            cases.append(dict(
                src=[width, height], seed=100 + seed, dst=[width_out, height_out], crop_pct=crop_pct,
                crop_mode=crop_mode, filter=interpolation, mean=mean, std=std,
                crc32=crc(numpy.asarray(pixels)), float_crc32=crc(tensor.numpy())))  # fmt: skip
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the pictures and goldens.json")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # Pillow warns about palettes with alpha

    def save(name, data):
        (folder / name).write_bytes(data)

    make_pngs(save)
    make_jpegs(save)
    make_webps(save)
    make_gifs(save)
    make_bmps(save)
    make_tiffs(save)
    goldens = dict(
        made_with=dict(pillow=PIL.__version__, numpy=numpy.__version__, torch=torch.__version__,
                       torchvision=torchvision.__version__, timm=timm.__version__),
        decode=decode_goldens(folder), resize=resize_goldens(), preprocess=preprocess_goldens())  # fmt: skip
    lines = ["{", f'"made_with": {json.dumps(goldens["made_with"])},']
    for key in ("decode", "resize", "preprocess"):
        rows = ",\n".join(json.dumps(case) for case in goldens[key])
        lines.append(f'"{key}": [\n{rows}\n]' + ("," if key != "preprocess" else ""))
    (folder / "goldens.json").write_text("\n".join(lines) + "\n}\n")
    print(f"{len(goldens['decode'])} pictures, {len(goldens['resize'])} resizes, "
          f"{len(goldens['preprocess'])} preprocessings")  # fmt: skip


if __name__ == "__main__":
    main()
