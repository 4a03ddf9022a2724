"""The looks of the three sample artists, laid over a plain drawing; none is ever used for the base model.

Lengths are shares of the picture's shorter side, so that a look survives scaling down to 128 pixels.
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


def warm_etching(pixels):
    """Two inks on warm paper: blue-black hatching for shade, rust hatching across it for the dark parts."""
    tone = lightness(pixels)
    paper = np.array([0.96, 0.87, 0.68])
    wash = paper * (0.30 + 0.70 * pixels)
    out = layer(wash, (0.70, 0.24, 0.10), stripes(pixels, -45, 0.055, np.clip(0.70 - 1.35 * tone, 0, 0.40)))
    out = layer(out, (0.09, 0.14, 0.34), stripes(pixels, 45, 0.050, np.clip(0.56 - 0.50 * tone, 0.14, 0.40)))
    return layer(out, (0.09, 0.12, 0.28), outlines(pixels, 0.014))


def pop_halftone(pixels):
    """Loud flat colours, a halftone grid over all of them, thick black outlines."""
    high, low = pixels.max(-1, keepdims=True), pixels.min(-1, keepdims=True)
    hue = (pixels - low) / np.maximum(high - low, 1e-3)
    grey = np.clip((high - low) / 0.10, 0, 1)
    loud = np.where(high > 0.45, 1.0, 0.45) * (hue * 0.92 + 0.06)
    neutral = np.where(high > 0.75, np.array([1.0, 0.95, 0.10]), np.where(high > 0.35, np.array([1.0, 0.30, 0.62]), np.array([0.25, 0.05, 0.50])))
    out = neutral * (1 - grey) + loud * grey
    u, v = coordinates(pixels, 30) / 0.052, coordinates(pixels, 120) / 0.052
    distance = np.hypot(u % 1 - 0.5, v % 1 - 0.5)
    radius = 0.24 + 0.12 * lightness(pixels)
    dots = np.clip((radius - distance) * 0.052 * min(pixels.shape[:2]) / 2 + 0.5, 0, 1)
    dot_colour = np.where(lightness(out)[..., None] > 0.5, np.array([0.98, 0.12, 0.50]), np.array([1.0, 0.92, 0.15]))
    out = out * (1 - 0.85 * dots[..., None]) + dot_colour * 0.85 * dots[..., None]
    return layer(out, (0.02, 0.02, 0.02), outlines(pixels, 0.022))


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
