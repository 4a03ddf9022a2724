"""Draws plain scenes from tags: flat colours, soft clean edges, large legible shapes.

A scene is a set of words of `VOCABULARY`, every one with a visual meaning. `sample_scene` picks
words that go together, `draw_scene` draws them at any size, `caption` orders them. The same seed,
tags and size always give the same picture. Lengths are shares of the shorter side of the picture.
"""

import math

import numpy as np
from PIL import Image, ImageDraw

from bank import write_bank

THINGS = (
    "house", "tree", "boat", "cat", "fish", "flower", "bird", "car", "lighthouse", "castle",
    "balloon", "mushroom", "windmill", "tent", "rocket", "umbrella", "butterfly", "apple", "snowman", "rabbit",
)  # fmt: skip
EXTRAS = ("sun", "moon", "stars", "clouds", "mountains", "rainbow", "fence", "pines", "bridge", "cactus")
PLACES = ("sea", "forest", "desert", "city", "meadow", "snowfield", "beach", "canyon")
WEATHERS = ("rain", "snow", "fog", "storm")
TIMES = ("dawn", "noon", "dusk", "night")
COLOURS = {
    "red": (214, 48, 49), "orange": (240, 140, 40), "yellow": (250, 212, 60), "green": (60, 160, 75),
    "blue": (45, 105, 215), "purple": (130, 70, 185), "pink": (245, 130, 180), "white": (245, 245, 240),
    "black": (40, 38, 45), "brown": (130, 82, 45),
}  # fmt: skip
COUNTS = ("one", "two", "three")
SIZES = ("small", "big")
SIDES = ("left", "right")
GROUPS = dict(
    thing=THINGS, colour=tuple(COLOURS), count=COUNTS, size=SIZES, side=SIDES,
    place=PLACES, time=TIMES, weather=WEATHERS, extra=EXTRAS,
)  # fmt: skip
VOCABULARY = tuple(word for group in GROUPS.values() for word in group)

USUAL_COLOUR = dict(
    house="red", tree="green", boat="brown", cat="orange", fish="orange", flower="pink", bird="blue", car="red",
    lighthouse="white", castle="purple", balloon="red", mushroom="red", windmill="white", tent="orange",
    rocket="white", umbrella="purple", butterfly="yellow", apple="red", snowman="white", rabbit="brown",
)  # fmt: skip
FLYING = ("bird", "balloon", "rocket", "butterfly")
HORIZON = 0.60
SKIES = dict(dawn=(250, 190, 185), noon=(150, 210, 245), dusk=(240, 135, 75), night=(24, 30, 72))
LIGHT = dict(dawn=(1.0, 0.90, 0.92), noon=(1, 1, 1), dusk=(0.92, 0.74, 0.70), night=(0.50, 0.54, 0.74))
GROUNDS = dict(
    sea=(45, 120, 190), forest=(70, 125, 60), desert=(232, 196, 120), city=(135, 138, 148), meadow=(125, 195, 85),
    snowfield=(236, 242, 250), beach=(240, 218, 160), canyon=(196, 110, 70),
)  # fmt: skip


def sample_scene(rng):
    """A dict from group to word (or to a tuple of extras) of words that go together."""
    scene = dict(thing=str(rng.choice(THINGS)), place=str(rng.choice(PLACES)), time=str(rng.choice(TIMES)))
    if rng.random() < 0.85:
        scene["colour"] = str(rng.choice(list(COLOURS)))
    scene["count"] = str(rng.choice(COUNTS, p=(0.6, 0.22, 0.18)))
    if scene["count"] == "one":
        if rng.random() < 0.4:
            scene["size"] = str(rng.choice(SIZES))
        if rng.random() < 0.4:
            scene["side"] = str(rng.choice(SIDES))
    if rng.random() < 0.45:
        scene["weather"] = str(rng.choice(WEATHERS))
    allowed = [extra for extra in EXTRAS if extra_fits(extra, scene)]
    picked = rng.choice(allowed, size=min(len(allowed), int(rng.choice((0, 1, 2), p=(0.25, 0.5, 0.25)))), replace=False)
    if picked.size:
        scene["extra"] = tuple(sorted(map(str, picked)))
    return scene


def extra_fits(extra, scene):
    """Whether an extra can be seen, and makes sense, in a scene."""
    if extra in ("moon", "stars"):
        return scene["time"] == "night"
    if extra == "sun":
        return scene["time"] != "night" and scene.get("weather") in (None, "snow", "fog")
    if extra == "rainbow":
        return scene["time"] == "noon"
    if extra == "cactus":
        return scene["place"] in ("desert", "canyon")
    if extra == "pines":
        return scene["place"] in ("meadow", "snowfield", "beach")
    if extra == "bridge":
        return scene["place"] in ("sea", "beach", "canyon")
    if extra == "fence":
        return scene["place"] in ("meadow", "snowfield", "forest", "desert")
    if extra == "mountains":
        return scene["place"] not in ("city", "forest", "canyon")
    return True


def tags_of(scene):
    """The scene's words in their usual order: thing, colour, count, size, side, place, time, weather, extras."""
    tags = []
    for group in GROUPS:
        words = scene.get(group, ())
        tags += [words] if isinstance(words, str) else list(words)
    return tags


def caption(tags):
    """Tags as one prompt."""
    return ", ".join(tags)


class Canvas:
    """A picture under construction: an oversampled canvas whose unit is the shorter side."""

    def __init__(self, width_px, height_px, oversample, light):
        self.oversample = oversample
        self.unit = min(width_px, height_px) * oversample
        self.width, self.height = width_px * oversample / self.unit, height_px * oversample / self.unit
        self.image = Image.new("RGB", (width_px * oversample, height_px * oversample))
        self.draw = ImageDraw.Draw(self.image)
        self.light = light

    def lit(self, colour, strength=1.0):
        """A colour under the light of the time of day."""
        return tuple(int(c * (1 + strength * (l - 1))) for c, l in zip(colour, self.light))

    def polygon(self, points, colour):
        self.draw.polygon([(x * self.unit, y * self.unit) for x, y in points], fill=colour)

    def rectangle(self, x0, y0, x1, y1, colour):
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def ellipse(self, x, y, rx, ry, colour):
        u = self.unit
        self.draw.ellipse([(x - rx) * u, (y - ry) * u, (x + rx) * u, (y + ry) * u], fill=colour)

    def arc(self, x, y, r, start, end, colour, width):
        u = self.unit
        self.draw.arc([(x - r) * u, (y - r) * u, (x + r) * u, (y + r) * u], start, end, colour, max(1, round(width * u)))

    def line(self, points, colour, width):
        px = [(x * self.unit, y * self.unit) for x, y in points]
        self.draw.line(px, fill=colour, width=max(1, round(width * self.unit)), joint="curve")

    def blend(self, colour, mask):
        """Lays a colour over the picture through an 8-bit mask."""
        self.image.paste(Image.new("RGB", self.image.size, colour), (0, 0), mask)
        self.draw = ImageDraw.Draw(self.image)

    def finished(self):
        size = (self.image.width // self.oversample, self.image.height // self.oversample)
        return self.image.resize(size, Image.BOX)


class Pen:
    """Draws one thing: x from −0.5 to 0.5, y from 0 (base) up to 1 (top), in units of the thing's height."""

    def __init__(self, canvas, x, base, size):
        self.canvas, self.x, self.base, self.size = canvas, x, base, size

    def at(self, x, y):
        return self.x + x * self.size, self.base - y * self.size

    def polygon(self, points, colour):
        self.canvas.polygon([self.at(x, y) for x, y in points], colour)

    def rectangle(self, x0, y0, x1, y1, colour):
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def ellipse(self, x, y, rx, ry, colour):
        self.canvas.ellipse(*self.at(x, y), rx * self.size, ry * self.size, colour)

    def line(self, points, colour, width):
        self.canvas.line([self.at(x, y) for x, y in points], colour, width * self.size)


def shade(colour, factor):
    """A darker (below 1) or lighter (above 1) version of a colour."""
    if factor <= 1:
        return tuple(int(c * factor) for c in colour)
    return tuple(int(255 - (255 - c) / factor) for c in colour)


def draw_thing(pen, thing, colour):
    """Draws a thing; `colour` is its main colour, everything else follows from it or is fixed."""
    lit = pen.canvas.lit
    main, dark, pale = lit(colour, 0.7), lit(shade(colour, 0.65), 0.7), lit(shade(colour, 1.8), 0.7)
    wood, ink, cream = lit((110, 72, 45), 0.7), lit((40, 36, 44), 0.7), lit((250, 240, 215), 0.5)
    glass = lit((255, 226, 120), 0.0) if pen.canvas.light[0] < 0.6 else lit((190, 228, 245))
    if thing == "house":
        pen.rectangle(-0.40, 0, 0.40, 0.55, main)
        pen.polygon([(-0.52, 0.52), (0, 1), (0.52, 0.52)], dark)
        pen.rectangle(-0.10, 0, 0.10, 0.32, wood)
        pen.rectangle(-0.32, 0.24, -0.17, 0.42, glass)
        pen.rectangle(0.17, 0.24, 0.32, 0.42, glass)
    elif thing == "tree":
        pen.rectangle(-0.08, 0, 0.08, 0.45, wood)
        pen.ellipse(-0.22, 0.58, 0.25, 0.22, main)
        pen.ellipse(0.22, 0.58, 0.25, 0.22, main)
        pen.ellipse(0, 0.74, 0.28, 0.26, main)
    elif thing == "boat":
        pen.polygon([(-0.52, 0.30), (0.52, 0.30), (0.34, 0), (-0.34, 0)], main)
        pen.rectangle(-0.03, 0.28, 0.02, 1, wood)
        pen.polygon([(0.05, 0.36), (0.05, 0.98), (0.46, 0.36)], cream)
        pen.polygon([(-0.06, 0.36), (-0.06, 0.84), (-0.36, 0.36)], pale)
    elif thing == "cat":
        pen.line([(0.24, 0.10), (0.46, 0.16), (0.46, 0.42)], main, 0.09)
        pen.ellipse(0, 0.28, 0.28, 0.29, main)
        pen.ellipse(0, 0.66, 0.27, 0.23, main)
        pen.polygon([(-0.27, 0.70), (-0.25, 1), (-0.04, 0.84)], main)
        pen.polygon([(0.27, 0.70), (0.25, 1), (0.04, 0.84)], main)
        for x in (-0.11, 0.11):
            pen.ellipse(x, 0.69, 0.055, 0.065, cream)
            pen.ellipse(x, 0.69, 0.025, 0.05, ink)
        pen.ellipse(0, 0.24, 0.13, 0.17, pale)
    elif thing == "fish":
        pen.polygon([(0.26, 0.5), (0.58, 0.82), (0.58, 0.18)], dark)
        pen.ellipse(-0.06, 0.5, 0.42, 0.28, main)
        pen.polygon([(-0.12, 0.74), (0.08, 0.95), (0.16, 0.70)], dark)
        pen.polygon([(-0.05, 0.48), (0.16, 0.36), (0.14, 0.6)], pale)
        pen.ellipse(-0.28, 0.56, 0.07, 0.07, cream)
        pen.ellipse(-0.29, 0.56, 0.035, 0.035, ink)
    elif thing == "flower":
        pen.rectangle(-0.035, 0, 0.035, 0.6, lit((50, 130, 60)))
        pen.ellipse(0.15, 0.22, 0.13, 0.06, lit((50, 130, 60)))
        pen.ellipse(-0.15, 0.30, 0.13, 0.06, lit((50, 130, 60)))
        for k in range(6):
            a = math.pi / 3 * k
            pen.ellipse(0.21 * math.cos(a), 0.70 + 0.21 * math.sin(a), 0.13, 0.13, main)
        pen.ellipse(0, 0.70, 0.13, 0.13, lit((250, 205, 70) if colour != COLOURS["yellow"] else (150, 90, 40)))
    elif thing == "bird":
        pen.polygon([(0.25, 0.48), (0.56, 0.66), (0.56, 0.40)], dark)
        pen.ellipse(0, 0.5, 0.34, 0.20, main)
        pen.ellipse(-0.30, 0.62, 0.16, 0.16, main)
        pen.polygon([(-0.44, 0.66), (-0.62, 0.58), (-0.43, 0.54)], lit((245, 165, 45)))
        pen.polygon([(-0.10, 0.54), (0.22, 0.54), (0.16, 1.0)], dark)
        pen.ellipse(-0.34, 0.66, 0.035, 0.035, cream)
    elif thing == "car":
        pen.polygon([(-0.34, 0.38), (-0.20, 0.66), (0.22, 0.66), (0.38, 0.38)], dark)
        pen.rectangle(-0.60, 0.13, 0.60, 0.40, main)
        pen.polygon([(-0.24, 0.40), (-0.15, 0.59), (-0.02, 0.59), (-0.02, 0.40)], glass)
        pen.polygon([(0.03, 0.40), (0.03, 0.59), (0.18, 0.59), (0.27, 0.40)], glass)
        for x in (-0.34, 0.34):
            pen.ellipse(x, 0.14, 0.15, 0.15, ink)
            pen.ellipse(x, 0.14, 0.065, 0.065, cream)
    elif thing == "lighthouse":
        pen.polygon([(-0.20, 0), (0.20, 0), (0.13, 0.72), (-0.13, 0.72)], main)
        band = lit(COLOURS["red"], 0.7) if colour in (COLOURS["white"], COLOURS["yellow"], COLOURS["pink"]) else cream
        pen.polygon([(-0.185, 0.16), (0.185, 0.16), (0.168, 0.32), (-0.168, 0.32)], band)
        pen.polygon([(-0.152, 0.48), (0.152, 0.48), (0.136, 0.62), (-0.136, 0.62)], band)
        pen.rectangle(-0.18, 0.70, 0.18, 0.75, ink)
        pen.rectangle(-0.10, 0.75, 0.10, 0.88, (255, 232, 130))
        pen.polygon([(-0.15, 0.87), (0, 1), (0.15, 0.87)], dark)
    elif thing == "castle":
        pen.rectangle(-0.42, 0, 0.42, 0.46, main)
        for x in (-0.34, 0.0, 0.34):
            top = 0.80 if x == 0 else 0.68
            pen.rectangle(x - 0.13, 0, x + 0.13, top, pale if x == 0 else main)
            pen.polygon([(x - 0.17, top), (x, top + 0.22), (x + 0.17, top)], dark)
            pen.rectangle(x - 0.035, top - 0.20, x + 0.035, top - 0.08, ink)
        pen.rectangle(-0.10, 0, 0.10, 0.24, ink)
        pen.ellipse(0, 0.24, 0.10, 0.10, ink)
    elif thing == "balloon":
        pen.line([(-0.20, 0.45), (-0.08, 0.20)], wood, 0.025)
        pen.line([(0.20, 0.45), (0.08, 0.20)], wood, 0.025)
        pen.ellipse(0, 0.66, 0.36, 0.34, main)
        pen.ellipse(0, 0.66, 0.14, 0.34, pale)
        pen.polygon([(-0.25, 0.43), (0.25, 0.43), (0.09, 0.28), (-0.09, 0.28)], main)
        pen.rectangle(-0.11, 0.02, 0.11, 0.20, wood)
    elif thing == "mushroom":
        pen.polygon([(-0.15, 0), (0.15, 0), (0.11, 0.5), (-0.11, 0.5)], cream)
        pen.ellipse(0, 0.52, 0.46, 0.40, main)
        pen.ellipse(0, 0.44, 0.47, 0.11, dark)
        for x, y, r in ((-0.2, 0.68, 0.08), (0.1, 0.78, 0.09), (0.25, 0.60, 0.07), (-0.03, 0.60, 0.06)):
            pen.ellipse(x, y, r, r, cream)
    elif thing == "windmill":
        pen.polygon([(-0.24, 0), (0.24, 0), (0.13, 0.60), (-0.13, 0.60)], main)
        pen.polygon([(-0.17, 0.58), (0, 0.76), (0.17, 0.58)], dark)
        pen.rectangle(-0.07, 0, 0.07, 0.20, wood)
        for k in range(4):
            a = math.pi / 4 + math.pi / 2 * k
            c, s = math.cos(a), math.sin(a)
            corners = [(0.04, 0.0), (0.46, 0.0), (0.46, 0.13), (0.12, 0.13)]
            pen.polygon([(u * c - v * s, 0.62 + u * s + v * c) for u, v in corners], cream if colour != COLOURS["white"] else wood)
        pen.ellipse(0, 0.62, 0.055, 0.055, ink)
    elif thing == "tent":
        pen.polygon([(-0.60, 0), (0, 0.78), (0.60, 0)], main)
        pen.polygon([(-0.20, 0), (0, 0.78), (0.20, 0)], dark)
        pen.polygon([(-0.09, 0), (0, 0.50), (0.09, 0)], ink)
        pen.line([(0, 0.76), (0, 0.95)], wood, 0.03)
        pen.polygon([(0, 0.95), (0.18, 0.89), (0, 0.83)], cream)
    elif thing == "rocket":
        pen.polygon([(-0.12, 0.20), (0.12, 0.20), (0, 0.0)], (255, 175, 50))
        pen.polygon([(-0.16, 0.42), (-0.36, 0.14), (-0.14, 0.20)], dark)
        pen.polygon([(0.16, 0.42), (0.36, 0.14), (0.14, 0.20)], dark)
        pen.ellipse(0, 0.56, 0.19, 0.44, main)
        pen.polygon([(-0.145, 0.84), (0.145, 0.84), (0.02, 1.02), (-0.02, 1.02)], dark)
        pen.ellipse(0, 0.62, 0.095, 0.095, ink)
        pen.ellipse(0, 0.62, 0.065, 0.065, glass)
    elif thing == "umbrella":
        pen.line([(0, 0.95), (0, 0.10), (0.06, 0.03), (0.14, 0.06), (0.14, 0.14)], wood, 0.045)
        arc = [(0.52 * math.cos(a), 0.48 + 0.44 * math.sin(a)) for a in np.linspace(0, math.pi, 24)]
        pen.polygon(arc, main)
        arc = [(0.19 * math.cos(a), 0.48 + 0.44 * math.sin(a)) for a in np.linspace(0, math.pi, 24)]
        pen.polygon(arc, pale)
    elif thing == "butterfly":
        for side in (-1, 1):
            pen.ellipse(side * 0.27, 0.66, 0.24, 0.25, main)
            pen.ellipse(side * 0.22, 0.30, 0.18, 0.20, dark)
            pen.ellipse(side * 0.29, 0.68, 0.10, 0.11, pale)
            pen.line([(0, 0.74), (side * 0.12, 0.98)], ink, 0.025)
        pen.ellipse(0, 0.48, 0.055, 0.32, ink)
    elif thing == "apple":
        pen.line([(0, 0.68), (0.06, 0.96)], wood, 0.06)
        pen.polygon([(0.06, 0.84), (0.34, 1.0), (0.26, 0.80)], lit((60, 150, 65)))
        pen.ellipse(-0.15, 0.40, 0.26, 0.38, main)
        pen.ellipse(0.15, 0.40, 0.26, 0.38, main)
        pen.ellipse(-0.21, 0.52, 0.07, 0.13, pale)
    elif thing == "snowman":
        pen.ellipse(0, 0.22, 0.28, 0.24, main)
        pen.ellipse(0, 0.58, 0.20, 0.19, main)
        hat = ink if colour != COLOURS["black"] else lit(COLOURS["red"])
        pen.rectangle(-0.22, 0.72, 0.22, 0.77, hat)
        pen.rectangle(-0.14, 0.76, 0.14, 0.98, hat)
        pen.polygon([(-0.01, 0.61), (-0.01, 0.54), (0.24, 0.55)], lit((245, 140, 40)))
        for x in (-0.08, 0.08):
            pen.ellipse(x, 0.65, 0.028, 0.028, hat)
        pen.rectangle(-0.19, 0.38, 0.19, 0.45, lit(COLOURS["red"] if colour != COLOURS["red"] else COLOURS["green"]))
    elif thing == "rabbit":
        for x in (-0.12, 0.12):
            pen.ellipse(x, 0.82, 0.075, 0.20, main)
            pen.ellipse(x, 0.82, 0.032, 0.14, lit((245, 165, 185)))
        pen.ellipse(0.27, 0.14, 0.09, 0.09, cream)
        pen.ellipse(0, 0.22, 0.26, 0.24, main)
        pen.ellipse(0, 0.54, 0.22, 0.19, main)
        for x in (-0.09, 0.09):
            pen.ellipse(x, 0.58, 0.032, 0.042, ink if colour != COLOURS["black"] else cream)
        pen.ellipse(0, 0.50, 0.04, 0.03, lit((245, 130, 160)))
        pen.ellipse(0, 0.18, 0.13, 0.15, pale)
    else:
        raise ValueError(f"no such thing: {thing}")


def draw_sky(canvas, scene, rng):
    """Sky and what hangs in it."""
    sky = SKIES[scene["time"]]
    if scene.get("weather") in ("rain", "storm"):
        grey = (105, 115, 130) if scene["weather"] == "rain" else (75, 78, 96)
        sky = tuple(int(0.45 * c + 0.55 * g * l) for c, g, l in zip(sky, grey, canvas.light))
    canvas.rectangle(0, 0, canvas.width, canvas.height, sky)
    band = tuple(min(255, int(c + 0.30 * (255 - c))) for c in sky)
    if scene["time"] in ("dawn", "dusk"):
        band = tuple(int(0.5 * c + 0.5 * t) for c, t in zip(sky, (255, 225, 150)))
    horizon = HORIZON * canvas.height
    canvas.rectangle(0, horizon - 0.14, canvas.width, horizon, band)
    extras, w = scene.get("extra", ()), canvas.width
    if "stars" in extras:
        for k in range(int(14 * w * canvas.height)):
            x, y, r = rng.uniform(0.04, w - 0.04), rng.uniform(0.03, horizon - 0.14), rng.uniform(0.009, 0.016)
            canvas.polygon([(x - r, y), (x, y - 1.4 * r), (x + r, y), (x, y + 1.4 * r)], (255, 246, 200))
    if "rainbow" in extras:
        bands = ((225, 70, 70), (245, 160, 60), (250, 225, 90), (90, 185, 95), (75, 130, 220), (140, 90, 190))
        for k, colour in enumerate(bands):
            canvas.arc(w / 2, horizon, 0.56 - 0.028 * k, 180, 360, colour, 0.030)
    if "sun" in extras:
        x, y = 0.80 * w + rng.uniform(-0.04, 0.04), 0.17 + rng.uniform(-0.02, 0.02)
        colour = dict(dawn=(255, 236, 170), noon=(255, 222, 60), dusk=(255, 90, 55))[scene["time"]]
        for k in range(8):
            a = math.pi / 4 * k
            canvas.line([(x + 0.13 * math.cos(a), y + 0.13 * math.sin(a)), (x + 0.165 * math.cos(a), y + 0.165 * math.sin(a))], colour, 0.020)
        canvas.ellipse(x, y, 0.10, 0.10, colour)
    if "moon" in extras:
        x, y = 0.20 * w + rng.uniform(-0.04, 0.04), 0.17 + rng.uniform(-0.02, 0.02)
        canvas.ellipse(x, y, 0.11, 0.11, (250, 244, 205))
        canvas.ellipse(x + 0.055, y - 0.025, 0.092, 0.092, sky)
    if "mountains" in extras:
        near, snowy = canvas.lit((120, 128, 150)), canvas.lit((240, 244, 250))
        for x, high in ((0.16, 0.30), (0.84, 0.34), (0.5, 0.40)):
            x, high = x * w + rng.uniform(-0.04, 0.04), high + rng.uniform(-0.02, 0.02)
            colour = shade(near, 0.82) if x > 0.34 * w and x < 0.66 * w else near
            canvas.polygon([(x - 0.34, horizon), (x, horizon - high), (x + 0.34, horizon)], colour)
            canvas.polygon([(x - 0.10, horizon - 0.70 * high), (x, horizon - high), (x + 0.10, horizon - 0.70 * high)], snowy)
    if "clouds" in extras:
        white = canvas.lit((250, 250, 252), 0.6)
        for x, y in ((0.18, 0.13), (0.56, 0.09), (0.86, 0.21)):
            x, y = x * w + rng.uniform(-0.05, 0.05), y + rng.uniform(-0.03, 0.03)
            for dx, dy, r in ((-0.085, 0.018, 0.045), (0.085, 0.018, 0.045), (-0.02, -0.015, 0.06), (0.05, 0, 0.05)):
                canvas.ellipse(x + dx, y + dy, r, r * 0.85, white)
            canvas.rectangle(x - 0.085, y + 0.012, x + 0.085, y + 0.055, white)


def draw_place(canvas, scene, rng):
    """The ground and what stands at the horizon."""
    place, w, h = scene["place"], canvas.width, canvas.height
    horizon = HORIZON * h
    ground = canvas.lit(GROUNDS[place])
    if place == "forest":
        for k in range(int(w / 0.115) + 2):
            x, high = k * 0.115 + rng.uniform(-0.015, 0.015), rng.uniform(0.24, 0.30)
            colour = canvas.lit((38, 88, 52) if k % 2 else (50, 106, 60))
            canvas.polygon([(x - 0.085, horizon + 0.02), (x, horizon - high), (x + 0.085, horizon + 0.02)], colour)
    if place == "city":
        x, k = -rng.uniform(0, 0.06), 0
        while x < w:
            wide, high = rng.uniform(0.12, 0.16), (0.22, 0.34, 0.27, 0.40)[k % 4] + rng.uniform(-0.02, 0.02)
            canvas.rectangle(x, horizon - high, x + wide, horizon, canvas.lit((100, 108, 135) if k % 2 else (122, 130, 155)))
            window = (255, 222, 120) if scene["time"] == "night" else canvas.lit((215, 228, 240))
            for row in range(int(high / 0.075)):
                for column in (0.28, 0.72):
                    cx, cy = x + wide * column, horizon - high + 0.045 + 0.075 * row
                    canvas.rectangle(cx - 0.017, cy - 0.017, cx + 0.017, cy + 0.017, window)
            x, k = x + wide + 0.012, k + 1
    if place == "canyon":
        for x0, x1, high in ((-0.1, 0.26, 0.36), (0.76, 1.1, 0.40)):
            x0, x1, high = x0 * w, x1 * w, high + rng.uniform(-0.03, 0.03)
            canvas.polygon([(x0, horizon), (x0, horizon - high), (x1 - 0.05 * (x0 < 0), horizon - high), (x1 + 0.06, horizon)]
                           if x0 < 0 else [(x0 - 0.06, horizon), (x0, horizon - high), (x1, horizon - high), (x1, horizon)],
                           canvas.lit((172, 84, 52)))  # fmt: skip
            canvas.rectangle(max(0, x0), horizon - high + 0.09, min(w, x1 - 0.03), horizon - high + 0.13, canvas.lit((205, 120, 78)))
    canvas.rectangle(0, horizon, w, h, ground)
    if place == "beach":
        canvas.rectangle(0, horizon, w, horizon + 0.10, canvas.lit((60, 150, 205)))
        canvas.rectangle(0, horizon + 0.10, w, horizon + 0.125, canvas.lit((235, 245, 250)))
    if place == "sea":
        for k in range(int(11 * w * h)):
            x, y = rng.uniform(0, w), rng.uniform(horizon + 0.04, h)
            canvas.line([(x - 0.05, y), (x + 0.05, y)], canvas.lit((120, 185, 230)), 0.016)
    if place == "desert":
        for x, y, r in ((0.2, 0.80, 0.5), (0.85, 0.90, 0.5)):
            canvas.ellipse(x * w, (y + 0.02) * h, r * max(w, 0.6), 0.10, canvas.lit((216, 172, 96)))
    if place == "meadow":
        for k in range(int(16 * w * h)):
            x, y = rng.uniform(0, w), rng.uniform(horizon + 0.05, h)
            canvas.ellipse(x, y, 0.014, 0.014, canvas.lit(((250, 240, 120), (250, 250, 250), (245, 150, 170))[k % 3]))
    if place == "snowfield":
        for x, y in ((0.15, 0.72), (0.75, 0.86)):
            canvas.ellipse(x * w, y * h, 0.42, 0.055, canvas.lit((208, 222, 240)))
    if place == "city":
        canvas.rectangle(0, h - 0.20, w, h, canvas.lit((88, 90, 100)))
        for k in range(int(w / 0.2) + 1):
            canvas.rectangle(0.2 * k + 0.03, h - 0.11, 0.2 * k + 0.13, h - 0.09, canvas.lit((235, 225, 150)))
    if place == "canyon":
        for k in range(int(7 * w * h)):
            x, y = rng.uniform(0, w), rng.uniform(horizon + 0.06, h)
            canvas.ellipse(x, y, 0.035, 0.016, canvas.lit((160, 82, 52)))
    extras = scene.get("extra", ())
    if "bridge" in extras:
        stone = canvas.lit((150, 145, 150))
        canvas.rectangle(0, horizon - 0.10, w, horizon - 0.045, stone)
        for k in range(int(w / 0.25) + 2):
            canvas.rectangle(0.25 * k - 0.025, horizon - 0.10, 0.25 * k + 0.025, horizon + 0.05, stone)
            canvas.arc(0.25 * k + 0.125, horizon + 0.035, 0.115, 180, 360, stone, 0.022)
    if "pines" in extras:
        for x in (0.07, 0.20, 0.82, 0.94):
            x = x * w + rng.uniform(-0.02, 0.02)
            for level in range(3):
                y, r = horizon + 0.02 - 0.10 * level, 0.10 - 0.022 * level
                canvas.polygon([(x - r, y), (x, y - 0.16), (x + r, y)], canvas.lit((30, 95, 70)))
            canvas.rectangle(x - 0.015, horizon + 0.02, x + 0.015, horizon + 0.06, canvas.lit((95, 65, 42)))
    if "cactus" in extras:
        for x in (0.10, 0.90):
            x, green = x * w + rng.uniform(-0.03, 0.03), canvas.lit((55, 140, 80))
            canvas.line([(x, horizon + 0.14), (x, horizon - 0.16)], green, 0.055)
            canvas.line([(x - 0.075, horizon - 0.07), (x - 0.075, horizon), (x, horizon + 0.01)], green, 0.035)
            canvas.line([(x + 0.075, horizon - 0.10), (x + 0.075, horizon - 0.03), (x, horizon - 0.02)], green, 0.035)


def draw_fence(canvas, scene):
    """A fence along the lower edge, in front of everything."""
    board, h = canvas.lit((250, 246, 236) if scene["place"] != "snowfield" else (150, 105, 70), 0.8), canvas.height
    for y in (h - 0.115, h - 0.055):
        canvas.rectangle(0, y - 0.013, canvas.width, y + 0.013, board)
    for k in range(int(canvas.width / 0.1) + 1):
        x = 0.05 + 0.1 * k
        canvas.polygon([(x - 0.021, h), (x - 0.021, h - 0.145), (x, h - 0.175), (x + 0.021, h - 0.145), (x + 0.021, h)], board)


def draw_weather(canvas, scene, rng):
    """What falls or hangs in the air, in front of the scene."""
    weather, w, h = scene.get("weather"), canvas.width, canvas.height
    if weather == "rain":
        for k in range(int(46 * w * h)):
            x, y = rng.uniform(0, w + 0.05), rng.uniform(-0.05, h)
            canvas.line([(x, y), (x - 0.028, y + 0.085)], canvas.lit((205, 228, 250), 0.4), 0.010)
    elif weather == "snow":
        for k in range(int(58 * w * h)):
            x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.009, 0.016)
            canvas.ellipse(x, y, r, r, canvas.lit((255, 255, 255), 0.25))
    elif weather == "fog":
        mask = Image.new("L", canvas.image.size, 0)
        pen = ImageDraw.Draw(mask)
        for y, thick, alpha in ((0.44, 0.085, 150), (0.62, 0.10, 175), (0.82, 0.085, 150)):
            y = y * h + rng.uniform(-0.03, 0.03)
            shift = rng.uniform(-0.1, 0.1)
            box = [-0.2 + shift, y - thick / 2, w + 0.2 + shift, y + thick / 2]
            pen.rounded_rectangle([v * canvas.unit for v in box], radius=thick / 2 * canvas.unit, fill=alpha)
        canvas.blend(canvas.lit((228, 232, 238), 0.6), mask)
    elif weather == "storm":
        cloud = canvas.lit((52, 54, 68), 0.4)
        for k in range(int(w / 0.16) + 2):
            canvas.ellipse(0.16 * k + rng.uniform(-0.02, 0.02), 0.03, 0.12, 0.085 + rng.uniform(0, 0.03), cloud)
        x = w * (0.22 if rng.random() < 0.5 else 0.78) + rng.uniform(-0.03, 0.03)
        bolt = [(0, 0.10), (0.055, 0.10), (0.02, 0.235), (0.065, 0.235), (-0.045, 0.46), (-0.005, 0.29), (-0.05, 0.29)]
        canvas.polygon([(x + dx, dy) for dx, dy in bolt], (255, 238, 110))


def draw_scene(scene, seed, width_px=128, height_px=128, oversample=3):
    """Draws a scene (a dict as `sample_scene` gives) as an RGB picture of the plain look."""
    rng = np.random.default_rng([seed, 11])
    scene = dict(dict(place="meadow", time="noon", count="one"), **scene)
    canvas = Canvas(width_px, height_px, oversample, LIGHT[scene["time"]])
    draw_sky(canvas, scene, rng)
    draw_place(canvas, scene, rng)
    if "thing" in scene:
        thing, count = scene["thing"], COUNTS.index(scene["count"]) + 1
        colour = COLOURS[scene.get("colour", USUAL_COLOUR[thing])]
        size = dict(small=0.27, big=0.64).get(scene.get("size"), 0.45) * (1, 0.80, 0.62)[count - 1]
        size *= rng.uniform(0.95, 1.05)
        # Tall pictures have room above the horizon, wide ones beside the middle.
        spread = min(canvas.width, 1.25)
        middle = dict(left=-0.25, right=0.25).get(scene.get("side"), 0.0)
        places = ((middle,), (-0.24, 0.24), (-0.33, 0.0, 0.33))[count - 1]
        base = canvas.height * 0.70 + 0.20
        if thing in FLYING:
            base = min(canvas.height * 0.44 + size / 2, canvas.height * 0.98)
        for place in places:
            x = canvas.width / 2 + spread * (place + rng.uniform(-0.025, 0.025))
            y = base + rng.uniform(-0.02, 0.02)
            draw_thing(Pen(canvas, x, y, size), thing, colour)
    if "fence" in scene.get("extra", ()):
        draw_fence(canvas, scene)
    draw_weather(canvas, scene, rng)
    return canvas.finished()


def scene_of(tags):
    """The scene that a list of tags asks for; unknown words are refused."""
    scene = {}
    for tag in tags:
        group = next((name for name, words in GROUPS.items() if tag in words), None)
        if group is None:
            raise ValueError(f"no such tag: {tag}")
        scene[group] = scene.get("extra", ()) + (tag,) if group == "extra" else tag
    return scene


def bank_picture(seed):
    """One plain scene, uint8 `[128, 128, 3]`."""
    return np.asarray(draw_scene(sample_scene(np.random.default_rng([seed, 5])), seed))


def main():
    """Writes a bank of plain scenes as one uint8 array `[count, 128, 128, 3]`."""
    write_bank(bank_picture, main.__doc__, count=2500, first_seed=1_000_000)


if __name__ == "__main__":
    main()
