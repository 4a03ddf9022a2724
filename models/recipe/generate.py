"""Makes pictures and a contact sheet with the starter model, for looking at it and for the benchmark."""

import argparse
import json
import os

import numpy as np
import torch
from PIL import Image

from pipeline import read_pipeline
from scenes import caption, sample_scene, tags_of

PROMPTS_FIRST_SEED = 700_000_000


def held_out_prompts(count):
    """Lists of tags whose seeds were never used for training."""
    return [tags_of(sample_scene(np.random.default_rng([PROMPTS_FIRST_SEED + k, 5]))) for k in range(count)]


@torch.no_grad()
def make(pipeline, prompts, first_seed, steps=20, guidance=5.0, width=128, height=128, batch=8):
    """Pictures of prompts; picture `k` starts from the noise of seed `first_seed + k`."""
    pictures = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        noise = [torch.Generator().manual_seed(first_seed + start + k) for k in range(len(part))]
        pictures += pipeline(part, num_inference_steps=steps, guidance_scale=guidance, width=width, height=height, generator=noise).images
    return pictures


def sheet(pictures, columns):
    """Pictures side by side in rows."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    out = Image.new("RGB", (columns * (width + 2), rows * (height + 2)))
    for k, picture in enumerate(pictures):
        out.paste(picture, (k % columns * (width + 2), k // columns * (height + 2)))
    return out


def main():
    """Writes `NN.png`, `prompts.json` and `sheet.png` for held-out or given prompts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--lora", help="a PEFT/diffusers LoRA file")
    parser.add_argument("--prefix", default="", help="the style's name, put before the tags")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--prompts", nargs="*", help="instead of the held-out ones")
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pipeline = read_pipeline(arguments.model)
    if arguments.lora:
        pipeline.load_lora_weights(arguments.lora)
    tags = [p.split(", ") for p in arguments.prompts] if arguments.prompts else held_out_prompts(arguments.count)
    captions = [caption(([arguments.prefix] if arguments.prefix else []) + t) for t in tags]
    pictures = make(pipeline, captions, PROMPTS_FIRST_SEED, guidance=arguments.guidance, width=arguments.size[0], height=arguments.size[1])
    os.makedirs(arguments.out, exist_ok=True)
    for k, picture in enumerate(pictures):
        picture.save(os.path.join(arguments.out, f"{k:02d}.png"))
    with open(os.path.join(arguments.out, "prompts.json"), "w") as file:
        json.dump([dict(file=f"{k:02d}.png", tags=t) for k, t in enumerate(tags)], file, indent=1)
    sheet(pictures, 8).save(os.path.join(arguments.out, "sheet.png"))


if __name__ == "__main__":
    main()
