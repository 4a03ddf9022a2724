"""Trains the starter model's VAE (AutoencoderKL, latent factor 4, 4 channels) on plain scenes and textures.

The encoder's spread is not learned: a fixed noise is added to the latents instead, so that the
decoder forgives the small errors that a small UNet leaves. After training, `finish` folds the mean
and spread of each latent channel into the 1×1 convolutions around the latent space.
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import parallel

LATENT_NOISE = 0.08
CROP_PX = 64
SEED = 1

CONFIG = dict(
    in_channels=3,
    out_channels=3,
    down_block_types=("DownEncoderBlock2D",) * 3,
    up_block_types=("UpDecoderBlock2D",) * 3,
    block_out_channels=(16, 32, 64),
    layers_per_block=1,
    latent_channels=4,
    norm_num_groups=8,
    sample_size=128,
    act_fn="silu",
)


def encode(vae, images):
    """Latent means, `[B, 4, h/4, w/4]`, unscaled, of images `[B, 3, h, w]` in −1…1."""
    return vae.quant_conv(vae.encoder(images))[:, :4]


def decode(vae, latents):
    """Images of unscaled latents."""
    return vae.decoder(vae.post_quant_conv(latents))


def reconstruction_loss(got, want):
    """L1 of the pixels, and of their differences to the right and below, which keeps edges sharp."""
    loss = F.l1_loss(got, want)
    for axis in (2, 3):
        loss = loss + 0.7 * F.l1_loss(got.diff(dim=axis), want.diff(dim=axis))
    return loss


def crops(banks, batch, rng):
    """A batch of random crops, mirrored and sometimes recoloured, float `[batch, 3, 64, 64]` in −1…1."""
    out = np.empty((batch, CROP_PX, CROP_PX, 3), np.uint8)
    for row in range(batch):
        bank = banks[rng.integers(len(banks))]
        picture = bank[rng.integers(len(bank))]
        y, x = rng.integers(0, picture.shape[0] - CROP_PX + 1), rng.integers(0, picture.shape[1] - CROP_PX + 1)
        crop = picture[y : y + CROP_PX, x : x + CROP_PX]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.3:
            crop = crop[..., rng.permutation(3)]
        if rng.random() < 0.1:
            crop = 255 - crop
        out[row] = crop
    return torch.from_numpy(out).permute(0, 3, 1, 2).float() / 127.5 - 1


def worker(rank, processes, arguments):
    """One process of the training; process 0 also saves and reports."""
    torch.manual_seed(SEED)
    vae = AutoencoderKL(**CONFIG)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)
    step, spent = 0, 0.0
    path = os.path.join(arguments.work, "vae.pt")
    average = [p.detach().clone() for p in vae.parameters()]
    if os.path.exists(path):
        state = torch.load(path, weights_only=False)
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, spent = state["average"], state["step"], state["spent_s"]
    banks = [np.load(p, mmap_mode="r") for p in arguments.pictures]
    budget = parallel.Budget(arguments.minutes, spent)
    parameters = [p for p in vae.parameters()]
    running, last_save = 0.0, time.time()
    while True:
        share = budget.share()
        rng = np.random.default_rng([SEED, step, rank])
        rate = float(1.5e-3 * min(1, (step + 1) / 100) * max(0.02, 0.5 * (1 + np.cos(np.pi * share))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        images = crops(banks, arguments.batch // processes, rng)
        with torch.autocast("cpu", torch.bfloat16):
            latents = encode(vae, images).float()
            noise = torch.randn_like(latents) * LATENT_NOISE
            got = decode(vae, latents + noise).float()
        # The spread of the latents is held near 1, so that the fixed noise has a meaning.
        loss = reconstruction_loss(got, images) + 1e-2 * F.relu(latents.pow(2).mean((0, 2, 3)) - 1).mean()
        optimizer.zero_grad()
        loss.backward()
        parallel.share_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        keep = min(0.998, (step + 1) / (step + 10))
        torch._foreach_mul_(average, keep)
        torch._foreach_add_(average, [p.detach() for p in parameters], alpha=1 - keep)
        step += 1
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if rank == 0 and step % 50 == 0:
            print(f"step {step} share {share:.3f} loss {running:.4f} rate {rate:.2e} {budget.spent_s():.0f}s", flush=True)
        if rank == 0 and (time.time() - last_save > 60 or share >= 1):
            parallel.save_atomically(
                dict(model=vae.state_dict(), optimizer=optimizer.state_dict(), average=average, step=step, spent_s=budget.spent_s()),
                path,
            )
            last_save = time.time()
        if share >= 1:
            break


def load(work):
    """The averaged VAE of a training folder."""
    vae = AutoencoderKL(**CONFIG)
    state = torch.load(os.path.join(work, "vae.pt"), weights_only=False)
    vae.load_state_dict(state["model"])
    for parameter, mean in zip(vae.parameters(), state["average"]):
        parameter.data.copy_(mean)
    return vae.eval()


@torch.no_grad()
def finish(vae, images):
    """Centres each latent channel, gives all the same spread, fixes the log-variance, measures the scaling factor.

    All of it is exact: a per-channel affine map goes into `quant_conv`, its inverse into
    `post_quant_conv`. `images` is a float batch in −1…1 of plain scenes.
    """
    latents = torch.cat([encode(vae, part) for part in images.split(16)])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    common = spread.mean()
    ratio = common / spread
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] *= ratio[:, None, None, None]
    quant.bias[:4] = (quant.bias[:4] - mean) * ratio
    quant.weight[4:] = 0
    quant.bias[4:] = 2 * float(np.log(LATENT_NOISE))
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight /= ratio[None, :, None, None]
    vae.register_to_config(scaling_factor=round(float(1 / common), 5))
    return vae


def main():
    """Trains for a number of minutes and writes the finished VAE to `vae/`; run again with the same folder to resume."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--work", required=True, help="folder of checkpoints")
    parser.add_argument("--pictures", nargs="+", required=True, help="uint8 arrays [n, h, w, 3]")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    parallel.run(worker, arguments, arguments.processes)
    # The first bank is that of plain scenes.
    plain = np.array(np.load(arguments.pictures[0], mmap_mode="r")[:256])
    vae = finish(load(arguments.work), torch.from_numpy(plain).permute(0, 3, 1, 2).float() / 127.5 - 1)
    vae.save_pretrained(os.path.join(arguments.work, "vae"))


if __name__ == "__main__":
    main()
