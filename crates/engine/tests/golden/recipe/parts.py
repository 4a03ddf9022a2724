"""What text encoders, UNet and VAE of the small models make of recorded inputs."""

import json
from pathlib import Path

import torch

PROMPTS = [
    "",
    "a cat",
    "The RED  house,\tin the   snow\n",
    "1girl, warm light:1.2 (portrait) -- it's the dog's castle!!! 2026",
    "고양이와 따뜻한 집, ink",
    "🏰 a castle at night 🌙✨ ½ ﬁ Ａ",
    "e\u0301tude, na\u00efve caf\u00e9, \u00a0non-breaking\u2003spaces",
    "a " * 90,
    "  <|endoftext|> inside",
]


def normal(seed: int, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tokens(pipe, path: Path):
    rows = []
    for prompt in PROMPTS:
        row = {"prompt": prompt}
        for name in ("tokenizer", "tokenizer_2"):
            if hasattr(pipe, name):
                ids = getattr(pipe, name)(prompt, padding="max_length", max_length=77, truncation=True).input_ids
                row[name] = ids
        rows.append(row)
    path.write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + "\n")


def encode(pipe, prompts):
    """Per text encoder (last, penultimate, pooled), and the context and pooled state that the UNet is given."""
    states = []
    for suffix in ("", "_2"):
        if not hasattr(pipe, f"text_encoder{suffix}"):
            continue
        words = getattr(pipe, f"tokenizer{suffix}")
        ids = words(prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        out = getattr(pipe, f"text_encoder{suffix}")(ids, output_hidden_states=True)
        pooled = out.text_embeds if suffix else out.pooler_output
        states.append((ids, out.last_hidden_state, out.hidden_states[-2], pooled))
    if len(states) == 1:
        return states, states[0][1], None
    return states, torch.cat([states[0][2], states[1][2]], 2), states[1][3]


def predict(pipe, sample, timestep, prompts, size=None):
    """One pass of the UNet, through the text encoders."""
    _, context, pooled = encode(pipe, prompts)
    added = None
    if pooled is not None:
        height, width = size or (sample.shape[2] * 2, sample.shape[3] * 2)
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32).repeat(len(prompts), 1)
        added = dict(text_embeds=pooled, time_ids=ids)
    return pipe.unet(sample, timestep, context, added_cond_kwargs=added).sample


UNET_CASES = {
    "square": ((16, 16), ["a cat"], [981]),
    "pair": ((16, 16), ["a red house, ink", ""], [1, 500]),
    "wide": ((8, 16), ["warm light"], [250]),
    "odd": ((12, 20), ["a castle at night"], [37]),
    # Sizes that do not halve evenly: the way up has to meet the skips.
    "uneven": ((9, 15), ["snow"], [700]),
}


def outputs(pipe):
    """`text.<i>.…`, `unet.<case>.…`, `vae.<case>.…`; sizes as in UNET_CASES, batch = number of prompts."""
    found = {}
    states, _, _ = encode(pipe, PROMPTS[:4])
    for i, (ids, last, penultimate, pooled) in enumerate(states):
        found |= {f"text.{i}.ids": ids.int(), f"text.{i}.last_hidden_state": last,
                  f"text.{i}.penultimate": penultimate, f"text.{i}.pooled": pooled}  # fmt: skip
    for seed, (case, ((height, width), prompts, timesteps)) in enumerate(UNET_CASES.items()):
        sample, timestep = normal(100 + seed, len(prompts), 4, height, width), torch.tensor(timesteps)
        _, context, pooled = encode(pipe, prompts)
        output = predict(pipe, sample, timestep, prompts, (height * 2, width * 2))
        found |= {f"unet.{case}.sample": sample, f"unet.{case}.timestep": timestep.float(),
                  f"unet.{case}.context": context, f"unet.{case}.output": output}  # fmt: skip
        if pooled is not None:
            ids = torch.tensor([[height * 2, width * 2, 0, 0, height * 2, width * 2]], dtype=torch.float32)
            found |= {f"unet.{case}.text_embeds": pooled, f"unet.{case}.time_ids": ids.repeat(len(prompts), 1)}
    factor = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    for seed, (case, (batch, height, width)) in enumerate({"square": (1, 8, 8), "wide": (2, 5, 10)}.items()):
        pixels = normal(200 + seed, batch, 3, height * factor, width * factor).clamp(-1, 1)
        latents = normal(300 + seed, batch, 4, height, width)
        posterior = pipe.vae.encode(pixels).latent_dist
        found |= {f"vae.{case}.pixels": pixels, f"vae.{case}.mean": posterior.mean,
                  f"vae.{case}.logvar": posterior.logvar, f"vae.{case}.latents": latents,
                  f"vae.{case}.decoded": pipe.vae.decode(latents).sample}  # fmt: skip
    return found
