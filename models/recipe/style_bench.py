"""Measures how well a style was learned: how far the pictures moved towards the artist, and what they still show.

Reads a folder of base pictures and a folder of style pictures made from the same prompts and seeds
(`prompts.json`: a list of `{"file": "00.png", "tags": ["house", "sea"]}`), and the artist's folder.
Prints one JSON object:

* `feature_distance`: distance between the sets' mean Gram matrices in a convolution network with
  fixed random weights, which was trained on none of them;
* `colour_distance`: sliced Wasserstein distance of the pixels in Lab;
* `ratio`: style over base, for both (the target is at most 0.5);
* `tags_found`: share of asked-for tags that the classifier finds (targets: base ≥ 0.8, style ≥ 0.7);
* `false_tags`: share of tags not asked for that it finds all the same, for judging the former.
"""

import argparse
import glob
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from scenes import GROUPS, VOCABULARY
from tag_classifier import as_batch, load_classifier

SIDE_PX = 128
PROJECTIONS = 64
SEED = 6


def read_pictures(paths):
    """Pictures scaled to 128×128, uint8 `[n, 128, 128, 3]`."""
    return np.stack([np.asarray(Image.open(p).convert("RGB").resize((SIDE_PX, SIDE_PX), Image.BOX)) for p in paths])


def gram_means(images):
    """Mean Gram matrices of a set of pictures in a network of fixed random filters, one vector."""
    generator = torch.Generator().manual_seed(SEED)
    maps, grams = as_batch(images), []
    for inputs, outputs in ((3, 32), (32, 64), (64, 64)):
        weight = torch.randn(outputs, inputs, 5, 5, generator=generator) * (2 / (inputs * 25)) ** 0.5
        # Without their mean the filters answer to texture and edges before they answer to flat colour.
        weight = weight - 0.8 * weight.mean((2, 3), keepdim=True)
        maps = F.relu(F.conv2d(maps, weight, stride=2, padding=2))
        flat = maps.flatten(2)
        grams.append((flat @ flat.transpose(1, 2) / flat.shape[2]).mean(0).flatten())
    return grams


def feature_distance(a, b):
    """Distance between two sets' Gram matrices, each layer in units of the second set's own size."""
    pairs = list(zip(gram_means(a), gram_means(b)))
    return float(np.mean([float((x - y).norm() / y.norm()) for x, y in pairs]))


def lab(images):
    """CIE Lab (D65) of sRGB pictures, `[n · h · w, 3]`."""
    rgb = images.reshape(-1, 3).astype(np.float64) / 255
    rgb = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = rgb @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    xyz = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def colour_distance(a, b):
    """Sliced Wasserstein distance of two sets' pixels in Lab, in Lab units."""
    rng = np.random.default_rng(SEED)
    directions = rng.standard_normal((PROJECTIONS, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    quantiles = np.linspace(0.005, 0.995, 200)
    first, second = (np.quantile(lab(images) @ directions.T, quantiles, axis=0) for images in (a, b))
    return float(np.abs(first - second).mean())


@torch.no_grad()
def tags_found(images, asked):
    """Share of asked-for tags found, the same by group, and share of other tags found."""
    found = (load_classifier()(as_batch(images)) > 0).numpy()
    wanted = np.array([[word in tags for word in VOCABULARY] for tags in asked])
    by_group = {}
    for group, words in GROUPS.items():
        columns = [VOCABULARY.index(word) for word in words]
        if wanted[:, columns].any():
            by_group[group] = round(float(found[:, columns][wanted[:, columns]].mean()), 3)
    return float(found[wanted].mean()), by_group, float(found[~wanted].mean())


def measure(base_folder, style_folder, artist_folder, prompts_path):
    """The benchmark's object for one style."""
    with open(prompts_path) as file:
        prompts = json.load(file)
    base, style = (read_pictures([os.path.join(folder, p["file"]) for p in prompts]) for folder in (base_folder, style_folder))
    artist = read_pictures(sorted(p for kind in ("jpg", "png", "webp") for p in glob.glob(os.path.join(artist_folder, "*." + kind))))
    out = dict(pictures=len(prompts), artworks=len(artist))
    for name, distance in (("feature_distance", feature_distance), ("colour_distance", colour_distance)):
        from_base, from_style = distance(base, artist), distance(style, artist)
        out[name] = dict(base=round(from_base, 4), style=round(from_style, 4), ratio=round(from_style / from_base, 4))
    asked = [p["tags"] for p in prompts]
    for name, images in (("base", base), ("style", style)):
        share, by_group, others = tags_found(images, asked)
        out[f"tags_found_{name}"] = dict(share=round(share, 4), by_group=by_group, false_tags=round(others, 4))
    out["targets_met"] = bool(
        out["feature_distance"]["ratio"] <= 0.5 and out["colour_distance"]["ratio"] <= 0.5
        and out["tags_found_base"]["share"] >= 0.8 and out["tags_found_style"]["share"] >= 0.7
    )  # fmt: skip
    return out


def main():
    """Prints the benchmark's object."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name in ("base", "style", "artist", "prompts"):
        parser.add_argument("--" + name, required=True)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.base, arguments.style, arguments.artist, arguments.prompts), indent=2))


if __name__ == "__main__":
    main()
