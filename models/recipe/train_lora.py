"""Trains a LoRA of an artist's folder with PEFT: the reference that shows which settings are enough."""

import argparse
import glob
import json
import os
import time

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image

from pipeline import alphas_cumprod, read_pipeline, token_ids

TARGETS = dict(
    attention=["to_q", "to_k", "to_v", "to_out.0"],
    feed_forward=["ff.net.0.proj", "ff.net.2"],
    projections=["proj_in", "proj_out"],
    convolutions=["conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"],
    ends=["conv_in", "conv_out"],
)
MIN_SNR_GAMMA = 5.0


def artworks(folder):
    """Artworks at 128×128 in −1…1 and their captions, which begin with the style's name."""
    with open(os.path.join(folder, "artist.json")) as file:
        style = json.load(file)["style"]
    images, captions = [], []
    for path in sorted(glob.glob(os.path.join(folder, "*.jpg"))):
        images.append(np.asarray(Image.open(path).convert("RGB").resize((128, 128), Image.LANCZOS)))
        with open(path[:-3] + "txt") as file:
            captions.append(f"{style}, {file.read().strip()}")
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1, captions


def main():
    """Trains and writes a diffusers LoRA folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--artist", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--targets", nargs="+", default=["attention", "feed_forward", "projections", "convolutions"])
    parser.add_argument("--high-noise", type=float, default=0.0, help="share of steps drawn from the noisier half")
    parser.add_argument("--empty", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    pipeline = read_pipeline(arguments.model)
    unet, vae = pipeline.unet, pipeline.vae
    unet.requires_grad_(False)
    images, captions = artworks(arguments.artist)
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mean * vae.config.scaling_factor
        text = pipeline.text_encoder(token_ids(pipeline.tokenizer, captions + [""])).last_hidden_state
    names = [t for group in arguments.targets for t in TARGETS[group]]
    unet.add_adapter(LoraConfig(r=arguments.rank, lora_alpha=arguments.rank, target_modules=names, init_lora_weights="gaussian"))
    parameters = [p for p in unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=1e-2)
    alphas, start, running = alphas_cumprod(), time.time(), None
    weights = torch.clamp(MIN_SNR_GAMMA * (1 - alphas) / alphas, max=1.0)
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = float(arguments.rate * min(1, (step + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / arguments.steps))))
        rows = torch.from_numpy(rng.integers(len(images), size=arguments.batch))
        low = 500 if rng.random() < arguments.high_noise else 0
        timesteps = torch.from_numpy(rng.integers(low, 1000, size=arguments.batch))
        prompt = torch.where(torch.from_numpy(rng.random(arguments.batch) < arguments.empty), torch.tensor(len(images)), rows)
        noise = torch.randn_like(latents[rows])
        a = alphas[timesteps][:, None, None, None]
        with torch.autocast("cpu", torch.bfloat16):
            predicted = unet(a.sqrt() * latents[rows] + (1 - a).sqrt() * noise, timesteps, text[prompt]).sample.float()
        loss = ((predicted - noise).pow(2).mean((1, 2, 3)) * weights[timesteps]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} loss {running:.4f} {time.time() - start:.0f}s", flush=True)
    state = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    StableDiffusionPipeline.save_lora_weights(arguments.out, unet_lora_layers=state)
    print(json.dumps(dict(parameters=sum(p.numel() for p in parameters), seconds=round(time.time() - start, 1))))


if __name__ == "__main__":
    main()
