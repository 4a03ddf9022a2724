"""The starter model's networks, and how they are written in the diffusers folder layout."""

import hashlib
import json
import os
import shutil
import tempfile

import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from vocabulary import TOKENS_MAX, write_tokenizer, write_words

TEXT_WIDTH = 128
UNET_CONFIG = dict(
    sample_size=32,
    in_channels=4,
    out_channels=4,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    block_out_channels=(32, 64, 160),
    layers_per_block=1,
    cross_attention_dim=TEXT_WIDTH,
    attention_head_dim=4,
    norm_num_groups=16,
)
SCHEDULE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def build_text_encoder(tokenizer):
    """A small CLIP text encoder with fresh weights for a tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS_MAX,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet():
    """The UNet with fresh weights."""
    return UNet2DConditionModel(**UNET_CONFIG)


def alphas_cumprod():
    """ᾱ of Stable Diffusion 1.5's noise schedule, f32, shape `[1000]`."""
    return DDIMScheduler(**SCHEDULE).alphas_cumprod.float()


def token_ids(tokenizer, captions):
    """Padded token ids, `[B, 77]`."""
    return tokenizer(captions, padding="max_length", max_length=TOKENS_MAX, truncation=True, return_tensors="pt").input_ids


def write_pipeline(folder, vae, unet, text_encoder):
    """Writes the whole model in f16, first beside `folder`, then in its place, so that no reader meets half of it; and its words."""
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    fresh = tempfile.mkdtemp(prefix=".starter-", dir=parent)
    tokenizer = write_tokenizer(os.path.join(fresh, "tokenizer"))
    scheduler = PNDMScheduler(**SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1)
    pipeline = StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    out = os.path.join(fresh, "model")
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    # The tokenizer is written by us: other versions of the library save other files.
    shutil.rmtree(os.path.join(out, "tokenizer"))
    shutil.move(os.path.join(fresh, "tokenizer"), os.path.join(out, "tokenizer"))
    with open(os.path.join(out, "scheduler", "scheduler_config.json")) as file:
        settings = json.load(file)
    settings["clip_sample"] = False
    with open(os.path.join(out, "scheduler", "scheduler_config.json"), "w") as file:
        json.dump(settings, file, indent=2, sort_keys=True)
    write_sums(out)
    write_words(os.path.join(parent, "starter-words.txt"))
    os.chmod(out, 0o755)
    if os.path.exists(folder):
        os.rename(folder, os.path.join(fresh, "previous"))
    os.rename(out, folder)
    shutil.rmtree(fresh)


def write_sums(folder):
    """Writes `SHA256SUMS`, by which the studio tells whether a file of the model was changed."""
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names if name != "SHA256SUMS")
    files = sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in paths)
    with open(os.path.join(folder, "SHA256SUMS"), "w", newline="\n") as sums:
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                sums.write(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")


def read_pipeline(folder, scheduler=DDIMScheduler):
    """The model of a folder in f32, with a sampler that gives the same picture for the same seed."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, safety_checker=None)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
