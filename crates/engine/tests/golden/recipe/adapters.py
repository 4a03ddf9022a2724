"""LoRA files as diffusers (PEFT) and kohya write them, what they do, and the gradients of their tensors."""

import re
from pathlib import Path

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from .parts import encode, normal, predict
from .single_file import unet_name

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
EVERYTHING = ATTENTION + ["ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2", "conv_shortcut",
                          "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv", "conv_in", "conv_out"]  # fmt: skip
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
SAMPLE, TARGET, PROMPTS, TIMESTEPS = (2, 4, 8, 12), 402, ["a red house, ink", "night"], [321, 40]


def half(tensors):
    return {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}


def encoders(pipe):
    return {name: getattr(pipe, name) for name in ("text_encoder", "text_encoder_2") if hasattr(pipe, name)}


def add(pipe, name: str, rank: int, alpha: float, unet: list[str], text: list[str], seed: int):
    """Puts random adapters, which f16 holds exactly, into UNet and text encoders."""
    parts = {"unet": (pipe.unet, unet)} | {n: (e, text) for n, e in encoders(pipe).items() if text}
    for part, (model, targets) in parts.items():
        model.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets), name)
        generator = torch.Generator().manual_seed(seed)
        for key, parameter in sorted(model.named_parameters()):
            if f".{name}." in key:
                with torch.no_grad():
                    scale = 0.5 / parameter[0].numel() ** 0.5
                    value = torch.randn(parameter.shape, generator=generator) * scale
                    parameter.copy_(value.half().float())
    return parts


def state(parts, name: str):
    """`part` → layer as diffusers names it → (down, up)."""
    found = {}
    for part, (model, _) in parts.items():
        layers = found.setdefault(part, {})
        for key, tensor in get_peft_model_state_dict(model, adapter_name=name).items():
            layer, which = re.fullmatch(r"(.+)\.lora_([AB])\.weight", key).groups()
            if part != "unet" and not layer.startswith("text_model."):
                layer = "text_model." + layer
            layers.setdefault(layer, {})[which] = tensor.detach()
    return found


def kohya(pipe, layers, alpha: float, original_names: bool):
    """kohya's names; the original block names if wanted."""
    te = ["lora_te"] if not hasattr(pipe, "text_encoder_2") else ["lora_te1", "lora_te2"]
    prefixes = {"unet": "lora_unet", "text_encoder": te[0], "text_encoder_2": te[-1]}
    tensors = {}
    for part, named in layers.items():
        for layer, pair in named.items():
            if part == "unet" and original_names:
                layer = unet_name(pipe.unet.config, layer)
            at = f"{prefixes[part]}_{layer.replace('.', '_')}"
            tensors |= {f"{at}.lora_down.weight": pair["A"], f"{at}.lora_up.weight": pair["B"],
                        f"{at}.alpha": torch.tensor(alpha)}  # fmt: skip
    return tensors


def outputs(pipe):
    """UNet output of the recorded input, through the text encoders."""
    with torch.no_grad():
        return predict(pipe, normal(401, *SAMPLE), torch.tensor(TIMESTEPS), PROMPTS)


def strength(pipe, weights: dict[str, float]):
    for model in [pipe.unet, *encoders(pipe).values()]:
        names = [name for name in weights if name in getattr(model, "peft_config", {})]
        if names:
            model.set_adapter(names)
            for module in model.modules():
                if hasattr(module, "scaling") and hasattr(module, "lora_A"):
                    for name in names:
                        if name in module.scaling:
                            module.set_scale(name, weights[name])


def compare(pipe, file: Path, wanted):
    """diffusers itself has to read the file as the same adapter."""
    pipe.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="again")
    pipe.set_adapters(["again"])
    error = (outputs(pipe) - wanted).norm() / wanted.norm()
    assert error < 1e-5, f"{file.name}: {error}"
    pipe.unload_lora_weights()


def gradients(pipe, parts, name: str):
    """Of the mean squared error against recorded noise, by the names of the PEFT file; `loss` is its value."""
    loss = torch.nn.functional.mse_loss(
        predict(pipe, normal(401, *SAMPLE), torch.tensor(TIMESTEPS), PROMPTS), normal(TARGET, *SAMPLE)
    )
    loss.backward()
    found = {"loss": loss.detach().reshape(1)}
    for part, (model, _) in parts.items():
        for key, parameter in model.named_parameters():
            if f".{name}." in key and parameter.grad is not None:
                key = key.replace(f".{name}.", ".")
                found[f"{part}.{key}"] = parameter.grad
    return found


def write(pipe, fresh, arch: str, folder: Path):
    """`fresh` is the same pipeline again, which no adapter has touched.
    `lora/<arch>-full-{peft,kohya[,original]}.safetensors` (every kind of layer; rank 2, alpha 3),
    `lora/<arch>-attention-{peft,older}.safetensors` (rank 1, alpha 1), `lora/<arch>.safetensors` with `sample`,
    `timestep`, `target`, `plain`, `full.1`, `full.0.6`, `both` (full 1 + attention 0.6), `context.full`,
    and `lora/<arch>-gradients.safetensors`: `loss` and `<part>.<layer>.lora_{A,B}.weight` of the full one."""
    folder = folder / "lora"
    folder.mkdir(exist_ok=True)
    found = {"sample": normal(401, *SAMPLE), "timestep": torch.tensor(TIMESTEPS).float(),
             "target": normal(TARGET, *SAMPLE), "plain": outputs(pipe)}  # fmt: skip
    full = add(pipe, "full", 2, 3.0, EVERYTHING, TEXT, 41)
    strength(pipe, {"full": 1.0})
    found["full.1"] = outputs(pipe)
    with torch.no_grad():
        found["context.full"] = encode(pipe, PROMPTS)[1]
    save_file(gradients(pipe, full, "full"), folder / f"{arch}-gradients.safetensors")
    strength(pipe, {"full": 0.6})
    found["full.0.6"] = outputs(pipe)
    attention = add(pipe, "attention", 1, 1.0, ATTENTION, [], 42)
    strength(pipe, {"full": 1.0, "attention": 0.6})
    found["both"] = outputs(pipe)
    strength(pipe, {"attention": 1.0})
    for model in encoders(pipe).values():
        model.disable_adapters()
    found["attention.1"] = outputs(pipe)
    layers = {"full": state(full, "full"), "attention": state(attention, "attention")}
    for name, parts in (("full", full), ("attention", attention)):
        given = {}
        for part, (model, _) in parts.items():
            given[f"{part}_lora_layers"] = half(get_peft_model_state_dict(model, adapter_name=name))
            given[f"{part}_lora_adapter_metadata"] = model.peft_config[name].to_dict()
        for metadata in (value for key, value in given.items() if key.endswith("metadata")):
            metadata["target_modules"] = sorted(metadata["target_modules"])
        pipe.save_lora_weights(folder, weight_name=f"{arch}-{name}-peft.safetensors", **given)
    metadata = {"ss_network_module": "networks.lora", "ss_network_dim": "2", "ss_network_alpha": "3.0", "ss_v2": "False",
                "ss_base_model_version": "sdxl_base_v1-0" if arch == "sdxl" else "sd_v1"}  # fmt: skip
    for suffix, original in [("kohya", False)] + ([("original", True)] if arch == "sdxl" else []):
        file = folder / f"{arch}-full-{suffix}.safetensors"
        save_file(half(kohya(pipe, layers["full"], 3.0, original)), file, metadata)
        compare(fresh, file, found["full.1"])
    older = {}
    for layer, pair in layers["attention"]["unet"].items():
        block, which = layer.rsplit(".to_", 1)
        at = f"unet.{block}.processor.to_{which.removesuffix('.0')}_lora"
        older |= {f"{at}.down.weight": pair["A"], f"{at}.up.weight": pair["B"]}
    save_file(half(older), folder / f"{arch}-attention-older.safetensors")
    save_file({k: v.contiguous() for k, v in found.items()}, folder / f"{arch}.safetensors")
