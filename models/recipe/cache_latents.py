"""Draws the training scenes and caches their VAE latents with the scenes that they show.

Writes `latents-<w>x<h>.npy` (f16, already multiplied by the scaling factor) and `scenes-<w>x<h>.json`.
"""

import argparse
import json
import multiprocessing
import os

import numpy as np
import torch
from diffusers import AutoencoderKL

from scenes import draw_scene, sample_scene

# Width and height in pixels; multiples of 16, the areas near 128 × 128. The last is the large square.
BUCKETS = {(128, 128): 1.0, (176, 96): 0.05, (96, 176): 0.05, (144, 112): 0.04, (112, 144): 0.04, (96, 192): 0.05, (192, 192): 0.03}
FIRST_SEED = 10_000_000


def cache_part(job):
    """Draws and encodes one part of a bucket."""
    vae_folder, (width, height), seeds = job
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(vae_folder).eval()
    scenes, latents = [], []
    for start in range(0, len(seeds), 8):
        batch = []
        for seed in seeds[start : start + 8]:
            scenes.append(sample_scene(np.random.default_rng([seed, 5])))
            batch.append(np.asarray(draw_scene(scenes[-1], seed, width, height)))
        images = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            means = vae.encode(images).latent_dist.mean
        latents.append((means.float() * vae.config.scaling_factor).numpy().astype(np.float16))
    return scenes, np.concatenate(latents)


def main():
    """Caches all buckets."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--vae", required=True, help="folder of the finished VAE")
    parser.add_argument("--work", required=True)
    parser.add_argument("--count", type=int, default=24000, help="square pictures")
    arguments = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for number, (size, share) in enumerate(BUCKETS.items()):
            first = FIRST_SEED * (number + 1)
            seeds = list(range(first, first + int(arguments.count * share)))
            parts = pool.map(cache_part, [(arguments.vae, size, seeds[k : k + 400]) for k in range(0, len(seeds), 400)])
            name = f"{size[0]}x{size[1]}"
            np.save(os.path.join(arguments.work, f"latents-{name}.npy"), np.concatenate([p[1] for p in parts]))
            with open(os.path.join(arguments.work, f"scenes-{name}.json"), "w") as file:
                json.dump([scene for part in parts for scene in part[0]], file)
            print(name, len(seeds), flush=True)


if __name__ == "__main__":
    main()
