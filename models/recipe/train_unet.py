"""Trains the starter model's UNet and text encoder together on cached latents.

Epsilon prediction on Stable Diffusion 1.5's noise schedule, min-SNR weights (γ = 5), captions with
shuffled, dropped and unknown words, an empty caption now and then for classifier-free guidance,
averaged weights. Run again with the same folder to resume.
"""

import argparse
import json
import os
import time

import numpy as np
import torch
from diffusers import AutoencoderKL

import parallel
from cache_latents import BUCKETS
from muon import Muon
from pipeline import alphas_cumprod, build_text_encoder, build_unet, token_ids, write_pipeline
from scenes import VOCABULARY, caption, tags_of
from vocabulary import write_tokenizer

EMPTY_CAPTION_SHARE = 0.12
UNKNOWN_WORD_SHARE = 0.35
OTHER_ASPECT_SHARE = 0.15
MIN_SNR_GAMMA = 5.0
RATE_MAX = 1e-3
SEED = 2
LETTERS = "aeiouaeioubcdfghjklmnprstvwz-0123"


def unknown_word(rng):
    """A made-up word, as a style's name will be, so that the text encoder learns to look past it."""
    word = "".join(rng.choice(list(LETTERS), size=int(rng.integers(3, 11)))).strip("-")
    return word if word and word not in VOCABULARY else "zyx"


def caption_for_training(scene, rng):
    """The caption of a scene as a person might have written it: in another order, without some words, or not at all."""
    if rng.random() < EMPTY_CAPTION_SHARE:
        return ""
    tags = tags_of(scene)
    if "one" in tags and rng.random() < 0.5:
        tags.remove("one")
    if rng.random() < 0.2:
        tags = [tag for tag in tags if rng.random() > 0.3] or tags[:1]
    if rng.random() < 0.3:
        tags = [tags[k] for k in rng.permutation(len(tags))]
    if rng.random() < UNKNOWN_WORD_SHARE:
        at = 0 if rng.random() < 0.8 else int(rng.integers(len(tags) + 1))
        tags.insert(at, unknown_word(rng))
    return caption(tags)


def add_noise(latents, timesteps, alphas, generator):
    """Noisy latents and the noise that has to be predicted, both `[B, 4, h, w]`.

    At the last timesteps a trace of the picture survives, which pure noise does not have when
    generation starts. Half of those samples get a weaker trace than the schedule says; their
    target is the noise that would lead from there to the right picture.
    """
    noise = torch.randn(latents.shape, generator=generator)
    a, s = alphas[timesteps].sqrt(), (1 - alphas[timesteps]).sqrt()
    weaken = (timesteps >= 880) & (torch.rand(len(timesteps), generator=generator) < 0.5)
    kept = torch.where(weaken, a * torch.rand(len(timesteps), generator=generator), a)
    a, s, kept = (v[:, None, None, None] for v in (a, s, kept))
    noisy = kept * latents + (1 - kept**2).sqrt() * noise
    return noisy, (noisy - a * latents) / s


def worker(rank, processes, arguments):
    """One process of the training; process 0 also saves and reports."""
    torch.manual_seed(SEED)
    tokenizer = write_tokenizer(os.path.join(arguments.work, f"tokenizer-{rank}"))
    unet, text_encoder = build_unet(), build_text_encoder(tokenizer)
    # Tokens start far apart: at the usual spread of 0.02 the words take long to become different.
    torch.nn.init.normal_(text_encoder.get_input_embeddings().weight, std=0.2)
    parameters = [p for p in list(unet.parameters()) + list(text_encoder.parameters()) if p.requires_grad]
    average = [p.detach().clone() for p in parameters]
    matrices = [p for name, p in unet.named_parameters() if p.dim() > 1 and name not in ("conv_in.weight", "conv_out.weight")]
    matrices += [p for p in text_encoder.encoder.parameters() if p.dim() > 1]
    chosen = {id(p) for p in matrices}
    optimizer = Muon(matrices, [p for p in parameters if id(p) not in chosen])
    step, spent, path = 0, 0.0, os.path.join(arguments.work, "unet.pt")
    if os.path.exists(path):
        state = torch.load(path, weights_only=False)
        unet.load_state_dict(state["unet"])
        text_encoder.load_state_dict(state["text_encoder"])
        if "momentum" in state["optimizer"]:
            optimizer.load_state_dict(state["optimizer"])
        average, step, spent = state["average"], state["step"], state["spent_s"]
    data = []
    for width, height in BUCKETS:
        name = os.path.join(arguments.work, f"%s-{width}x{height}.%s")
        if os.path.exists(name % ("scenes", "json")):
            with open(name % ("scenes", "json")) as file:
                data.append((np.load(name % ("latents", "npy"), mmap_mode="r"), json.load(file)))
    alphas = alphas_cumprod()
    weights = torch.clamp(MIN_SNR_GAMMA * (1 - alphas) / alphas, max=1.0)
    budget = parallel.Budget(arguments.minutes, spent)
    running, last_save = 0.0, time.time()
    while True:
        share = budget.share()
        rng = np.random.default_rng([SEED, step, rank])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        rate = float(RATE_MAX * min(1, (step + 1) / 150) * max(0.03, 0.5 * (1 + np.cos(np.pi * share))))
        bucket = int(np.random.default_rng([SEED, step]).integers(1, len(data))) if len(data) > 1 and np.random.default_rng([SEED, step, 9]).random() < OTHER_ASPECT_SHARE else 0
        cached, scenes = data[bucket]
        rows = rng.integers(len(scenes), size=arguments.batch // processes)
        latents = torch.from_numpy(np.stack([cached[row] for row in rows])).float()
        ids = token_ids(tokenizer, [caption_for_training(scenes[row], rng) for row in rows])
        # One timestep from each slice of the schedule: the loss, and the gradient, vary less.
        slots = (torch.arange(len(rows)) + torch.rand(len(rows), generator=generator)) / len(rows)
        timesteps = (slots * len(alphas)).long().clamp(max=len(alphas) - 1)
        noisy, target = add_noise(latents, timesteps, alphas, generator)
        with torch.autocast("cpu", torch.bfloat16):
            text = text_encoder(ids).last_hidden_state
            predicted = unet(noisy, timesteps, text).sample.float()
        loss = ((predicted - target).pow(2).mean((1, 2, 3)) * weights[timesteps]).mean()
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        parallel.share_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(rate)
        keep = min(0.998, (step + 1) / (step + 10))
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - keep)
        step += 1
        running = loss.item() if step == 1 else 0.99 * running + 0.01 * loss.item()
        if rank == 0 and step % 50 == 0:
            print(f"step {step} share {share:.3f} loss {running:.4f} rate {rate:.2e} {budget.spent_s():.0f}s", flush=True)
        if rank == 0 and (time.time() - last_save > 120 or share >= 1):
            parallel.save_atomically(
                dict(unet=unet.state_dict(), text_encoder=text_encoder.state_dict(), optimizer=optimizer.state_dict(),
                     average=average, step=step, spent_s=budget.spent_s()),
                path,
            )  # fmt: skip
            last_save = time.time()
        if share >= 1:
            break


def load(work):
    """The averaged UNet and text encoder of a training folder."""
    tokenizer = write_tokenizer(os.path.join(work, "tokenizer"))
    unet, text_encoder = build_unet(), build_text_encoder(tokenizer)
    state = torch.load(os.path.join(work, "unet.pt"), weights_only=False)
    unet.load_state_dict(state["unet"])
    text_encoder.load_state_dict(state["text_encoder"])
    parameters = [p for p in list(unet.parameters()) + list(text_encoder.parameters()) if p.requires_grad]
    for parameter, mean in zip(parameters, state["average"]):
        parameter.data.copy_(mean)
    return unet.eval(), text_encoder.eval()


def main():
    """Trains for a number of minutes, then writes the model if `--out` is given."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--work", required=True, help="folder of cached latents, the finished VAE in `vae/`, and checkpoints")
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", help="folder for the finished model")
    parser.add_argument("--only-write", action="store_true", help="write the last checkpoint, train nothing")
    arguments = parser.parse_args()
    if not arguments.only_write:
        parallel.run(worker, arguments, arguments.processes)
    if arguments.out:
        vae = AutoencoderKL.from_pretrained(os.path.join(arguments.work, "vae"))
        write_pipeline(arguments.out, vae, *load(arguments.work))


if __name__ == "__main__":
    main()
