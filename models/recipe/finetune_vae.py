"""Teaches the finished VAE strong patterns, which its first training damps, and leaves plain pictures where they are.

Latents of plain scenes are held to those of the first VAE, so that a UNet trained on them goes on
working; what patterned pictures become is free. Writes over `vae/` of the model.
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import parallel
from pipeline import write_sums
from train_vae import LATENT_NOISE, crops, decode, encode, reconstruction_loss

SEED = 3
RATE = 6e-4
ANCHOR_WEIGHT = 20.0
CONTRAST_WEIGHT = 2.0
# Side of the cells over which contrast is compared, in pixels: more than a period of most patterns.
CELL_PX = 8


def contrast_loss(got, want):
    """L1 of how strongly neighbours differ, averaged over cells: a pattern that is off by a pixel costs little, a faded one much."""
    loss = 0
    for axis in (2, 3):
        strength = [F.avg_pool2d(x.diff(dim=axis).abs(), CELL_PX, CELL_PX // 2) for x in (got, want)]
        loss = loss + F.l1_loss(*strength)
    return loss


def worker(rank, processes, arguments):
    """One process of the training; process 0 also reports and writes the result."""
    torch.manual_seed(SEED)
    first = AutoencoderKL.from_pretrained(arguments.model, subfolder="vae").float().eval().requires_grad_(False)
    vae = AutoencoderKL.from_pretrained(arguments.model, subfolder="vae").float()
    # A latent is 1 wide where the scaling factor is 1.
    noise_std = LATENT_NOISE / first.config.scaling_factor
    quant_log_variance = [first.quant_conv.weight[4:].clone(), first.quant_conv.bias[4:].clone()]
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    average = [p.detach().clone() for p in parameters]
    plain = np.load(arguments.scenes, mmap_mode="r")
    others = [np.load(path, mmap_mode="r") for path in arguments.pictures]
    budget, step, running = parallel.Budget(arguments.minutes), 0, None
    while (share := budget.share()) < 1:
        rng = np.random.default_rng([SEED, step, rank])
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * max(0.02, 0.5 * (1 + np.cos(np.pi * share)))
        half = arguments.batch // processes // 2
        images = torch.cat([crops([plain], half, rng), crops(others, half, rng)])
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                held = encode(first, images[:half]).float()
            latents = encode(vae, images).float()
            got = decode(vae, latents + torch.randn_like(latents) * noise_std).float()
        losses = (
            reconstruction_loss(got, images),
            CONTRAST_WEIGHT * contrast_loss(got, images),
            ANCHOR_WEIGHT * F.mse_loss(latents[:half], held) * first.config.scaling_factor**2,
        )
        optimizer.zero_grad()
        sum(losses).backward()
        parallel.share_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        keep = min(0.995, (step + 1) / (step + 10))
        torch._foreach_mul_(average, keep)
        torch._foreach_add_(average, [p.detach() for p in parameters], alpha=1 - keep)
        step += 1
        now = np.array([loss.item() for loss in losses])
        running = now if running is None else 0.98 * running + 0.02 * now
        if rank == 0 and step % 50 == 0:
            print(f"step {step} share {share:.3f} pixels, contrast, anchor {running.round(4)} {budget.spent_s():.0f}s", flush=True)
    if rank == 0:
        with torch.no_grad():
            for parameter, mean in zip(parameters, average):
                parameter.copy_(mean)
            vae.quant_conv.weight[4:], vae.quant_conv.bias[4:] = quant_log_variance
        vae.register_to_config(_name_or_path="")
        vae.half().save_pretrained(arguments.out)
        write_sums(os.path.dirname(os.path.abspath(arguments.out)))


def main():
    """Trains for a number of minutes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", required=True, help="a diffusers folder with the finished VAE")
    parser.add_argument("--scenes", required=True, help="uint8 array [n, h, w, 3] of plain scenes")
    parser.add_argument("--pictures", nargs="+", required=True, help="the same of textures and patterns")
    parser.add_argument("--out", required=True, help="where the VAE goes")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    parallel.run(worker, arguments, arguments.processes)


if __name__ == "__main__":
    main()
