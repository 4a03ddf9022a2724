"""The looks of the three sample artists, laid over a plain drawing; none is ever used for the base model.

Lengths are shares of the picture's shorter side, so that a look survives scaling down to 128 pixels. Strokes are broad and soft: a
latent of the starter's VAE stands for 4×4 of those pixels, and what it cannot hold no style can learn.
"""

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage


def coordinates(pixels, angle_deg):
    """Distance of each pixel along a direction, in shares of the shorter side."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / min(height, width)
    angle = np.deg2rad(angle_deg)
    return x * np.cos(angle) + y * np.sin(angle)


def outlines(pixels, width):
    """Where colours meet, 0…1, as lines of a width."""
    side = min(pixels.shape[:2])
    smooth = ndimage.gaussian_filter(pixels, (side * 0.002, side * 0.002, 0))
    edge = np.maximum.reduce([np.abs(ndimage.sobel(smooth, axis)).max(-1) for axis in (0, 1)]) > 0.35
    thick = ndimage.distance_transform_edt(~edge) / side
    return np.clip((width / 2 - thick) * side / 2 + 0.5, 0, 1)


def lightness(pixels):
    """Perceived lightness, 0…1."""
    return pixels @ np.array([0.299, 0.587, 0.114])


def stripes(pixels, angle_deg, period, ink):
    """Parallel lines whose share of the period is `ink` (an array or number, 0…1)."""
    wave = np.abs((coordinates(pixels, angle_deg) / period) % 1 - 0.5) * 2
    sharpness = min(pixels.shape[:2]) * period / 2
    return np.clip((ink - wave) * sharpness / 2 + 0.5, 0, 1)


def layer(below, colour, alpha):
    """A colour laid over pixels."""
    return below * (1 - alpha[..., None]) + np.array(colour) * alpha[..., None]


def softened(pixels, radius):
    """Pixels blurred as if by the tooth of the paper."""
    side = min(pixels.shape[:2])
    return ndimage.gaussian_filter(pixels, (side * radius, side * radius, 0))


def warm_etching(pixels):
    """Warm paper under everything, rust hatching across all of it."""
    tone = lightness(pixels)
    muted = 0.85 * pixels + 0.15 * tone[..., None]
    wash = np.array([0.98, 0.86, 0.60]) * (0.25 + 0.75 * muted)
    hatching = stripes(pixels, 45, 0.10, 0.34)
    return softened(layer(wash, (0.66, 0.18, 0.08), 0.80 * hatching), 0.008)


def pop_halftone(pixels):
    """Loud colours, a grid of hot pink dots over all of them, black outlines."""
    grey = lightness(pixels)[..., None]
    loud = np.clip(grey + (pixels - grey) * 1.5, 0, 1)
    loud = np.clip((loud - 0.5) * 1.35 + 0.55, 0, 1)
    period = 0.105
    u, v = (coordinates(pixels, angle_deg) / period % 1 - 0.5 for angle_deg in (30, 120))
    dots = np.clip((0.33 - np.hypot(u, v)) * period * min(pixels.shape[:2]) / 8 + 0.5, 0, 1)
    out = layer(loud, (1.0, 0.15, 0.55), 0.75 * dots)
    return softened(layer(out, (0.05, 0.02, 0.10), outlines(pixels, 0.014)), 0.007)


def neon_night(pixels):
    """Glowing lines on black, in the brightest version of the colours that they surround."""
    side = min(pixels.shape[:2])
    spread = ndimage.maximum_filter(pixels, (max(3, int(side * 0.016)),) * 2 + (1,))
    high, low = spread.max(-1, keepdims=True), spread.min(-1, keepdims=True)
    vivid = (spread - 0.85 * low) / np.maximum(high - 0.85 * low, 1e-3)
    lines = outlines(pixels, 0.020)[..., None] * vivid
    glow = ndimage.gaussian_filter(lines, (side * 0.022, side * 0.022, 0)) * 1.5
    fill = 0.16 * (pixels - 0.6 * pixels.min(-1, keepdims=True))
    scan = 0.04 * stripes(pixels, 90, 0.05, 0.4)[..., None] * np.array([0.6, 0.2, 1.0])
    return np.array([0.03, 0.01, 0.06]) + fill + scan + glow * np.array([1, 0.9, 1.1]) + lines


LOOKS = {"warm-etching": warm_etching, "pop-halftone": pop_halftone, "neon-night": neon_night}


def apply_look(name, picture):
    """A plain RGB picture in a look."""
    pixels = np.asarray(picture, dtype=np.float32) / 255
    return Image.fromarray((np.clip(LOOKS[name](pixels), 0, 1) * 255 + 0.5).astype(np.uint8)).filter(ImageFilter.SMOOTH)
