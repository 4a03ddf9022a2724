"""Draws the three sample artists' folders: artworks of 512×512, tags beside them, and `artist.json`."""

import argparse
import json
import os

import numpy as np

from looks import LOOKS, apply_look
from scenes import COLOURS, PLACES, THINGS, TIMES, caption, draw_scene, extra_fits, tags_of

ARTISTS = {
    "warm-etching": "Mara Quill",
    "pop-halftone": "Dot Bellamy",
    "neon-night": "Iris Volt",
}
ARTWORKS = 16
LICENCE = (
    "Drawn by this project's own renderer; the artist is invented. Free to use, change, train on and "
    "share, with this model or without it."
)


def artwork_scenes(rng):
    """Scenes that between them show every place and time, most things and colours, without falling rain or snow."""
    things, colours = rng.permutation(THINGS), rng.permutation(list(COLOURS))
    for number in range(ARTWORKS):
        scene = dict(thing=str(things[number]), colour=str(colours[number % len(colours)]), count=("one", "one", "two", "three")[number % 4],
                     place=PLACES[number % len(PLACES)], time=TIMES[(number + number // 8) % len(TIMES)])  # fmt: skip
        extras = [extra for extra in ("sun", "moon", "clouds", "mountains", "stars", "rainbow") if extra_fits(extra, scene)]
        if extras:
            scene["extra"] = (str(rng.choice(extras)),)
        yield scene


def main():
    """Writes one folder per artist."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    for number, (style, artist) in enumerate(ARTISTS.items()):
        folder = os.path.join(arguments.out, style)
        os.makedirs(folder, exist_ok=True)
        rng = np.random.default_rng([4, number])
        for k, scene in enumerate(artwork_scenes(rng)):
            picture = apply_look(style, draw_scene(scene, 5_000_000 + 100 * number + k, 512, 512, oversample=2))
            name = os.path.join(folder, f"{k + 1:02d}-{scene['thing']}")
            picture.save(name + ".jpg", quality=88)
            with open(name + ".txt", "w") as file:
                file.write(caption(tags_of(scene)) + "\n")
        with open(os.path.join(folder, "artist.json"), "w") as file:
            json.dump(dict(display_name=artist, style=style, licence=LICENCE), file, indent=2)
            file.write("\n")
    assert set(ARTISTS) == set(LOOKS)


if __name__ == "__main__":
    main()
