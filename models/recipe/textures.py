"""Generic pictures for the VAE: random shapes, palettes, hatching, dots, noise, glow and edges.

The VAE has to represent looks that the UNet has never seen, so it is trained on more than the
plain scenes. Nothing here is one of the sample artists' looks: angles, periods, colours and
combinations are all drawn at random.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from bank import write_bank

SUPERSAMPLE = 2


def random_colour(rng):
    """An RGB triple; a third of the time near black, white or grey, since drawings are full of those."""
    if rng.random() < 0.3:
        grey = int(rng.choice([0, 20, 60, 128, 200, 240, 255]))
        return tuple(int(np.clip(grey + rng.normal(0, 8), 0, 255)) for _ in range(3))
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def gradient(rng, side):
    """A linear gradient between two random colours, float array `[side, side, 3]`, 0…255."""
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    t = np.clip((x * math.cos(angle) + y * math.sin(angle)) * rng.uniform(0.6, 1.4) + 0.5, 0, 1)[..., None]
    return np.array(random_colour(rng)) * (1 - t) + np.array(random_colour(rng)) * t


def pattern_mask(rng, side):
    """A mask of parallel lines, crossed lines, dots or waves, 0…1, with a random period and duty."""
    angle, period = rng.uniform(0, math.pi), rng.uniform(2.5, 14) * SUPERSAMPLE
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = -x * math.sin(angle) + y * math.cos(angle)
    duty = rng.uniform(0.15, 0.6)
    kind = rng.integers(4)
    if kind == 0:
        wave = np.abs((u / period) % 1 - 0.5) * 2
    elif kind == 1:
        wave = np.minimum(np.abs((u / period) % 1 - 0.5), np.abs((v / period) % 1 - 0.5)) * 2
    elif kind == 2:
        wave = np.hypot((u / period) % 1 - 0.5, (v / period) % 1 - 0.5) * 2
    else:
        bend = rng.uniform(0.5, 3) * SUPERSAMPLE
        wave = np.abs(((u + bend * np.sin(v / period)) / period) % 1 - 0.5) * 2
    return np.clip((duty - wave) * period / 2 + 0.5, 0, 1)


def random_polygon(rng, side):
    """Corners of a blob, rectangle or star of random size and place."""
    centre, radius = rng.uniform(0, side, 2), rng.uniform(0.05, 0.4) * side
    corners = int(rng.integers(3, 9))
    start = rng.uniform(0, 2 * math.pi)
    return [
        tuple(centre + radius * rng.uniform(0.4, 1) * np.array([math.cos(a), math.sin(a)]))
        for a in start + np.arange(corners) * 2 * math.pi / corners
    ]


def texture_picture(seed, side=128):
    """One generic picture, uint8 array `[side, side, 3]`."""
    rng = np.random.default_rng([seed, 77])
    big = side * SUPERSAMPLE
    base = gradient(rng, big) if rng.random() < 0.5 else np.ones((big, big, 3)) * np.array(random_colour(rng))
    picture = Image.fromarray(base.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    outlined = rng.random() < 0.4
    for _ in range(int(rng.integers(3, 14))):
        outline = random_colour(rng) if outlined else None
        width = int(rng.integers(1, 8)) if outlined else 0
        shape = rng.random()
        if shape < 0.35:
            x, y = rng.uniform(0, big, 2)
            rx, ry = rng.uniform(0.02, 0.35, 2) * big
            draw.ellipse([x - rx, y - ry, x + rx, y + ry], random_colour(rng), outline, width)
        elif shape < 0.75:
            corners = random_polygon(rng, big)
            draw.polygon(corners, random_colour(rng))
            if outlined:
                draw.line(corners + corners[:1], outline, width, joint="curve")
        else:
            points = [tuple(p) for p in rng.uniform(0, big, (int(rng.integers(2, 6)), 2))]
            draw.line(points, random_colour(rng), int(rng.integers(1, 10)), joint="curve")
    if rng.random() < 0.25:
        glow = picture.filter(ImageFilter.GaussianBlur(rng.uniform(2, 12)))
        picture = Image.fromarray(np.maximum(np.asarray(picture), np.asarray(glow)))
    pixels = np.asarray(picture).astype(np.float32)
    for _ in range(int(rng.integers(0, 3))):
        mask = pattern_mask(rng, big)
        region = Image.new("L", (big, big), 0)
        if rng.random() < 0.3:
            region = Image.new("L", (big, big), 255)
        else:
            ImageDraw.Draw(region).polygon(random_polygon(rng, big), 255)
        alpha = (mask * (np.asarray(region) / 255.0) * rng.uniform(0.4, 1))[..., None]
        pixels = pixels * (1 - alpha) + np.array(random_colour(rng)) * alpha
    pixels = pixels.reshape(side, SUPERSAMPLE, side, SUPERSAMPLE, 3).mean((1, 3))
    if rng.random() < 0.15:
        pixels += rng.normal(0, rng.uniform(2, 14), pixels.shape)
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def main():
    """Writes a bank of generic pictures as one uint8 array `[count, 128, 128, 3]`."""
    write_bank(texture_picture, main.__doc__, count=3000, first_seed=0)


if __name__ == "__main__":
    main()
