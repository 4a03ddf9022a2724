"""Scenes under strong regular patterns: what `textures.py` has in patches, over whole pictures and in loud colours.

Angles, periods, colours and shares are drawn at random; none of it is one of the sample artists' looks.
"""

import numpy as np

from bank import write_bank
from scenes import draw_scene, sample_scene
from textures import SUPERSAMPLE, pattern_mask, random_colour, texture_picture

SCENES_FIRST_SEED = 7_000_000


def recoloured(pixels, rng):
    """A picture whose channels are mixed at random, more or less contrasted."""
    mix = rng.dirichlet(np.ones(3) * 0.5, 3) * rng.uniform(0.8, 1.6)
    return np.clip((pixels @ mix.T - 128) * rng.uniform(0.7, 1.8) + rng.uniform(60, 190), 0, 255)


def pattern_picture(seed, side=128):
    """One patterned picture, uint8 array `[side, side, 3]`."""
    rng = np.random.default_rng([seed, 78])
    if rng.random() < 0.75:
        scene = draw_scene(sample_scene(rng), SCENES_FIRST_SEED + seed, side, side, oversample=2)
        pixels = np.asarray(scene).astype(np.float32)
    else:
        pixels = texture_picture(seed + 1_000_000, side).astype(np.float32)
    if rng.random() < 0.7:
        pixels = recoloured(pixels, rng)
    light = pixels.mean(-1) / 255
    for _ in range(int(rng.integers(1, 3))):
        mask = pattern_mask(rng, side * SUPERSAMPLE).reshape(side, SUPERSAMPLE, side, SUPERSAMPLE).mean((1, 3))
        if rng.random() < 0.5:
            edge = rng.uniform(0.2, 0.8)
            mask = mask * np.clip((light - edge) * rng.choice([-8, 8]) + 0.5, 0, 1)
        pixels += (np.array(random_colour(rng)) - pixels) * (mask * rng.uniform(0.6, 1))[..., None]
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def main():
    """Writes a bank of patterned pictures as one uint8 array `[count, 128, 128, 3]`."""
    write_bank(pattern_picture, main.__doc__, count=3000, first_seed=0)


if __name__ == "__main__":
    main()
