"""What the same weights are called in a single file of the original code, checked by diffusers' own conversion back."""

import json
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)

RESNET = [("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"),
          ("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")]  # fmt: skip
AROUND = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}  # fmt: skip
VAE = [("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
       ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"), ("mid_block.attentions.0.to_q", "mid.attn_1.q"),
       ("mid_block.attentions.0.to_k", "mid.attn_1.k"), ("mid_block.attentions.0.to_v", "mid.attn_1.v"),
       ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"), ("downsamplers.0", "downsample"),
       ("upsamplers.0", "upsample"), ("conv_norm_out", "norm_out"), ("conv_shortcut", "nin_shortcut"),
       ("down_blocks.", "down."), ("resnets.", "block.")]  # fmt: skip
OPEN_CLIP = [("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
             ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"), ("encoder.layers", "transformer.resblocks"),
             ("final_layer_norm", "ln_final"), ("embeddings.token_embedding.weight", "token_embedding.weight"),
             ("embeddings.position_embedding.weight", "positional_embedding")]  # fmt: skip


def unet_name(config, name: str) -> str:
    """The original name of a UNet's parameter or module."""
    layers, levels = config.layers_per_block, len(config.block_out_channels)
    places = dict(AROUND)
    for level in range(levels):
        for layer in range(layers):
            block = 1 + level * (layers + 1) + layer
            places[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{block}.0"
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{block}.1"
        places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{(level + 1) * (layers + 1)}.0.op"
        for layer in range(layers + 1):
            block = level * (layers + 1) + layer
            places[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{block}.0"
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{block}.1"
        last = 2 if "CrossAttn" in config.up_block_types[level] else 1
        upsampler = f"output_blocks.{level * (layers + 1) + layers}.{last}.conv"
        places[f"up_blocks.{level}.upsamplers.0.conv"] = upsampler
    place = next(p for p in places if name == p or name.startswith(p + "."))
    rest = name[len(place) :]
    if "resnets" in place:
        for ours, original in RESNET:
            if rest.startswith("." + ours):
                rest = f".{original}{rest[1 + len(ours) :]}"
                break
    return places[place] + rest


def vae_name(name: str, levels: int) -> str:
    for ours, original in VAE:
        name = name.replace(ours, original)
    for level in range(levels):
        name = name.replace(f"up_blocks.{level}.", f"up.{levels - 1 - level}.")
    return name


def bare(state):
    """transformers writes `text_model.` before the names or not."""
    return {name.removeprefix("text_model."): tensor for name, tensor in state.items()}


def equal(found, wanted):
    found = {name: tensor for name, tensor in found.items() if not name.endswith("position_ids")}
    assert found.keys() == wanted.keys(), sorted(found.keys() ^ wanted.keys())[:8]
    assert all(torch.equal(found[name].reshape(wanted[name].shape), wanted[name]) for name in wanted)


def plan(pipe):
    """Original name → (part, names that are joined along the first dimension, whether it is transposed then)."""
    rows = {}
    for name in pipe.unet.state_dict():
        rows["model.diffusion_model." + unet_name(pipe.unet.config, name)] = ("unet", [name], False)
    levels = len(pipe.vae.config.block_out_channels)
    for name in pipe.vae.state_dict():
        rows["first_stage_model." + vae_name(name, levels)] = ("vae", [name], False)
    two = hasattr(pipe, "text_encoder_2")
    clip = "conditioner.embedders.0.transformer." if two else "cond_stage_model.transformer."
    for name in pipe.text_encoder.state_dict():
        rows[f"{clip}text_model.{name.removeprefix('text_model.')}"] = ("text_encoder", [name], False)
    for name in pipe.text_encoder_2.state_dict() if two else []:
        original = "conditioner.embedders.1.model." + name.removeprefix("text_model.")
        if name == "text_projection.weight":
            rows["conditioner.embedders.1.model.text_projection"] = ("text_encoder_2", [name], True)
        elif "self_attn.q_proj" in name:
            original = original.replace("encoder.layers", "transformer.resblocks")
            joined = [name.replace("q_proj", part) for part in ("q_proj", "k_proj", "v_proj")]
            rows[original.replace("self_attn.q_proj.", "attn.in_proj_")] = ("text_encoder_2", joined, False)
        elif "k_proj" not in name and "v_proj" not in name:
            for ours, theirs in OPEN_CLIP:
                original = original.replace(ours, theirs)
            rows[original] = ("text_encoder_2", [name], False)
    return rows


def write(pipe, path: Path):
    """A JSON object of original name → [part, names, transposed, shape]: from it and the model's folder a test makes
    the single file, at half the size of committing it."""
    tensors, rows = {}, {}
    for original, (part, names, transposed) in plan(pipe).items():
        state = getattr(pipe, part).state_dict()
        tensor = torch.cat([state[name] for name in names])
        tensor = tensor.T if transposed else tensor
        # The attention of the original VAE is made of 1×1 convolutions.
        if "mid.attn_1" in original and tensor.ndim == 2:
            tensor = tensor[:, :, None, None]
        tensors[original], rows[original] = tensor, [part, names, transposed, list(tensor.shape)]
    equal(convert_ldm_unet_checkpoint(dict(tensors), dict(pipe.unet.config)), pipe.unet.state_dict())
    equal(convert_ldm_vae_checkpoint(dict(tensors), dict(pipe.vae.config)), pipe.vae.state_dict())
    clip = convert_ldm_clip_checkpoint(dict(tensors), "conditioner.embedders.0.transformer.")
    equal(bare(clip), bare(pipe.text_encoder.state_dict()))
    if hasattr(pipe, "text_encoder_2"):
        found = convert_open_clip_checkpoint(pipe.text_encoder_2, dict(tensors), "conditioner.embedders.1.model.")
        equal(bare(found), bare(pipe.text_encoder_2.state_dict()))
    lines = [f"{json.dumps(name)}:{json.dumps(row, separators=(',', ':'))}" for name, row in rows.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
