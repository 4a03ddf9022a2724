"""Small models in the shapes of SD 1.5 and SDXL, with random weights that f16 holds exactly.

No weight is left at zero or one: every path through the networks has to be right.
"""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = "a an the of in on red blue green house tree cat dog castle ink warm portrait night light snow 1girl".split()


def byte_symbols():
    """CLIP's printable stand-ins for the 256 bytes, in CLIP's order."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + k) for k in range(len(others))]


def tokenizer(folder: Path, padding: str):
    """A tokenizer of CLIP's kind whose merges make each of WORDS one token, written to `folder`."""
    merges = []
    for word in WORDS:
        symbols = list(word[:-1]) + [word[-1] + "</w>"]
        while len(symbols) > 1:
            if (symbols[0], symbols[1]) not in merges:
                merges.append((symbols[0], symbols[1]))
            symbols[:2] = [symbols[0] + symbols[1]]
    symbols = byte_symbols()
    tokens = symbols + [symbol + "</w>" for symbol in symbols]
    tokens += [token for token in dict.fromkeys(a + b for a, b in merges) if token not in tokens] + [START, END]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: row for row, token in enumerate(tokens)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = dict(bos_token=START, eos_token=END, unk_token=END, pad_token=padding)
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2))
    settings = dict(special, tokenizer_class="CLIPTokenizer", model_max_length=77, add_prefix_space=False,
                    do_lower_case=True, errors="replace")  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    return CLIPTokenizer.from_pretrained(folder)


def randomise(model, seed: int):
    """Gives every parameter a random value; f16 holds it exactly."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                value = 1 + 0.2 * noise
            elif parameter.ndim == 1:
                value = 0.1 * noise
            elif "embedding" in name and "linear" not in name:
                value = 0.3 * noise
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float())
    return model.eval()


def text_encoder(vocabulary: int, seed: int, width: int, act: str, eos: int, projection: int | None):
    """`width`/64 heads, as the published encoders have."""
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=width // 64, max_position_embeddings=77, hidden_act=act,
        projection_dim=projection or width, bos_token_id=vocabulary - 2, eos_token_id=eos, pad_token_id=1,
    )  # fmt: skip
    kind = CLIPTextModelWithProjection if projection else CLIPTextModel
    return randomise(kind(config), seed)


def vae(channels: tuple[int, ...], layers: int, scaling: float, seed: int):
    levels = len(channels)
    model = AutoencoderKL(
        block_out_channels=channels, layers_per_block=layers, latent_channels=4, norm_num_groups=32,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        sample_size=32, scaling_factor=scaling,
    )  # fmt: skip
    return randomise(model, seed)


SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)


def sd15(folder: Path):
    words = tokenizer(folder / "tokenizer", END)
    # The published configuration says 2 for the end token, for which transformers looks for the largest id.
    text = text_encoder(len(words), 11, 128, "quick_gelu", 2, None)
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(64, 96, 64), layers_per_block=1, norm_num_groups=32,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=128, attention_head_dim=8,
    )  # fmt: skip
    return StableDiffusionPipeline(
        vae=vae((32, 32), 1, 0.18215, 12), text_encoder=text, tokenizer=words, unet=randomise(unet, 13),
        scheduler=PNDMScheduler(**SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1,
                                timestep_spacing="leading"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl(folder: Path):
    words, words_2 = tokenizer(folder / "tokenizer", END), tokenizer(folder / "tokenizer_2", "!")
    text = text_encoder(len(words), 21, 64, "quick_gelu", 2, None)
    text_2 = text_encoder(len(words), 22, 128, "gelu", len(words) - 1, 48)
    unet = UNet2DConditionModel(
        sample_size=32, block_out_channels=(64, 64, 64), layers_per_block=2, norm_num_groups=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=[1, 1, 2], attention_head_dim=[1, 1, 1], use_linear_projection=True,
        cross_attention_dim=192, addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + 48,
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        vae=vae((32, 32), 1, 0.13025, 23), text_encoder=text, tokenizer=words, text_encoder_2=text_2,
        tokenizer_2=words_2, unet=randomise(unet, 24),
        scheduler=EulerDiscreteScheduler(**SCHEDULE, steps_offset=1, timestep_spacing="leading"),
        force_zeros_for_empty_prompt=True,
    )  # fmt: skip


def write(pipe, folder: Path):
    """Saves in f16, so that the folder stays small, and gives the pipeline back in f32."""
    pipe.to(torch.float16)
    pipe.save_pretrained(folder, safe_serialization=True)
    pipe.to(torch.float32)
    pipe.set_progress_bar_config(disable=True)
    # Written by hand above; what transformers saves beside them depends on its version.
    for suffix in ("", "_2"):
        tokens = folder / f"tokenizer{suffix}"
        if tokens.exists():
            padding = "!" if suffix else END
            for file in tokens.iterdir():
                file.unlink()
            tokenizer(tokens, padding)
