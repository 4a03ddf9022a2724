"""Makes the golden files of the engine's tests with diffusers, transformers and PEFT themselves.

    python make_golden.py            # everything, beside this file
    python make_golden.py samplers   # one part: models, parts, lora, samplers, noise, pictures

What there is (f32 unless said; B batch, latents are 4 channels):

- `sd15-tiny/`, `sdxl-tiny/`: model folders, f16 weights; `<arch>-original-names.json`: how a single file of
  the original code holds the same. Pictures are latents × 2. Text 128 wide (sd15), 64 and 128 with projection to 48 (sdxl).
- `<arch>-tokens.json`: rows of `prompt`, `tokenizer` (and `tokenizer_2`): 77 ids.
- `<arch>.safetensors`: `text.<i>.{ids i32 [4, 77], last_hidden_state [4, 77, C], penultimate, pooled [4, C]}`;
  `unet.<case>.{sample [B, 4, h, w], timestep [B], context [B, 77, C], output, text_embeds [B, 48], time_ids [B, 6]}`
  with cases square 16×16, pair (B = 2), wide 8×16, odd 12×20, uneven 9×15;
  `vae.<case>.{pixels [B, 3, H, W], mean, logvar [B, 4, h, w], latents, decoded}` with square 8×8, wide 5×10 (B = 2).
- `lora/`: see `recipe/adapters.py`, `write`.
- `samplers/*.json`, `samplers.safetensors`: see `recipe/sampling.py`, `samplers`.
- `noise.safetensors`, `pictures.safetensors`: see `recipe/sampling.py`.
"""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from recipe import adapters, models, parts, sampling, single_file  # noqa: E402

HERE = Path(__file__).parent


def save(name: str, tensors):
    save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, HERE / f"{name}.safetensors")


def main(wanted):
    torch.set_num_threads(2)
    pipes = {}
    for arch, make in (("sd15", models.sd15), ("sdxl", models.sdxl)):
        folder = HERE / f"{arch}-tiny"
        if "models" in wanted:
            shutil.rmtree(folder, ignore_errors=True)
        pipe = pipes[arch] = make(folder)
        pipe.set_progress_bar_config(disable=True)
        if "models" in wanted:
            models.write(pipe, folder)
            single_file.write(pipe, HERE / f"{arch}-original-names.json")
        if "parts" in wanted:
            parts.tokens(pipe, HERE / f"{arch}-tokens.json")
            with torch.no_grad():
                save(arch, parts.outputs(pipe))
        if "lora" in wanted:
            adapters.write(pipe, make(folder), arch, HERE)
    if "samplers" in wanted:
        save("samplers", sampling.samplers(HERE))
    if "noise" in wanted:
        save("noise", sampling.noise())
    if "pictures" in wanted:
        # Fresh models: nothing that an adapter may have left behind.
        pipes = {arch: make(HERE / f"{arch}-tiny") for arch, make in (("sd15", models.sd15), ("sdxl", models.sdxl))}
        for pipe in pipes.values():
            pipe.set_progress_bar_config(disable=True)
        save("pictures", sampling.pictures(pipes["sd15"], "sd15") | sampling.pictures(pipes["sdxl"], "sdxl"))


if __name__ == "__main__":
    main(sys.argv[1:] or ["models", "parts", "lora", "samplers", "noise", "pictures"])
