"""Trajectories of diffusers' schedulers on recorded outputs, numbers of torch.randn, and whole pictures."""

import json
from pathlib import Path

import numpy
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from .models import SCHEDULE
from .parts import normal

SAMPLERS = {
    "ddim": lambda config: DDIMScheduler.from_config(config),
    "euler": lambda config: EulerDiscreteScheduler.from_config(config),
    "euler-a": lambda config: EulerAncestralDiscreteScheduler.from_config(config),
    "dpmpp-2m-karras": lambda config: DPMSolverMultistepScheduler.from_config(config, use_karras_sigmas=True),
    "unipc": lambda config: UniPCMultistepScheduler.from_config(config),
}
SHAPE, SEED = (1, 4, 4, 5), 71


def variants():
    """Scheduler configurations as model folders have them."""
    sd15 = PNDMScheduler(**SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1)
    sdxl = EulerDiscreteScheduler(**SCHEDULE, steps_offset=1, timestep_spacing="leading")
    velocity = dict(SCHEDULE, prediction_type="v_prediction")
    found = {
        "sd15": (sd15, [7, 20, 50]),
        "sdxl": (sdxl, [7, 20, 50]),
        "velocity": (EulerDiscreteScheduler(**velocity, timestep_spacing="leading", steps_offset=1), [20]),
        "sample": (DDIMScheduler(**SCHEDULE, prediction_type="sample", clip_sample=False), [20]),
        "trailing": (EulerDiscreteScheduler(**SCHEDULE, timestep_spacing="trailing"), [7, 20]),
        "linspace": (EulerDiscreteScheduler(**SCHEDULE, timestep_spacing="linspace"), [7, 20]),
        "clipped": (DDIMScheduler(**SCHEDULE, clip_sample=True, clip_sample_range=1.5, set_alpha_to_one=True), [20]),
        "plain": (DDIMScheduler(beta_schedule="linear", clip_sample=False, steps_offset=0), [20]),
        "cosine": (DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, steps_offset=1), [20]),
        "karras": (EulerDiscreteScheduler(**SCHEDULE, use_karras_sigmas=True, steps_offset=1), [20]),
        "zero-snr": (DDIMScheduler(**velocity, rescale_betas_zero_snr=True, timestep_spacing="trailing",
                                   clip_sample=False), [20]),
    }  # fmt: skip
    return found


def trajectory(kind: str, config, steps: int):
    """Timesteps, what the UNet is shown, and the sample after each step, for model outputs that are noise."""
    scheduler = SAMPLERS[kind](config)
    scheduler.set_timesteps(steps)
    outputs = normal(72, steps, *SHAPE)
    sample = normal(73, *SHAPE) * scheduler.init_noise_sigma
    generator = torch.Generator().manual_seed(SEED)
    shown, after = [], []
    for output, timestep in zip(outputs, scheduler.timesteps):
        shown.append(scheduler.scale_model_input(sample, timestep))
        extra = {"generator": generator} if kind == "euler-a" else {}
        sample = scheduler.step(output, timestep, sample, **extra).prev_sample
        after.append(sample)
    return scheduler, torch.cat(shown), torch.cat(after)


def samplers(folder: Path):
    """`samplers/<variant>.json` is the configuration; tensors are named `<variant>.<sampler>.<steps>.…`:
    `timesteps` [steps], `init_noise_sigma` [1], `after` and (Euler) `shown` [steps, 4, 4, 5]; `outputs` [50, 1, 4, 4, 5]
    (the first rows are those of shorter walks), `start` [1, 4, 4, 5] before init_noise_sigma. Euler a draws its noise
    from seed 71."""
    (folder / "samplers").mkdir(exist_ok=True)
    found = {"outputs": normal(72, 50, *SHAPE), "start": normal(73, *SHAPE)}
    for steps in (7, 20):
        assert torch.equal(normal(72, steps, *SHAPE), found["outputs"][:steps])
    for variant, (scheduler, counts) in variants().items():
        config = dict(scheduler.config)
        defaults = config.pop("_use_default_values", [])
        if variant == "sd15":
            # As in the published model: what its author left at the default is not in the file, and every class has its own.
            config = {key: value for key, value in config.items() if key not in defaults}
        config["_class_name"] = type(scheduler).__name__
        (folder / "samplers" / f"{variant}.json").write_text(json.dumps(config, indent=2) + "\n")
        for kind in SAMPLERS:
            if (kind, variant) == ("euler-a", "sample"):
                continue  # diffusers has not implemented it
            for steps in counts:
                try:
                    walk, shown, after = trajectory(kind, type(scheduler).from_config(config).config, steps)
                except IndexError:
                    # Where the first timesteps are equal, diffusers begins at the second and runs past the end.
                    print(f"left out: {kind} with {variant}")
                    continue
                at = f"{variant}.{kind}.{steps}."
                found[at + "timesteps"] = torch.as_tensor(walk.timesteps).float()
                found[at + "init_noise_sigma"] = torch.as_tensor(walk.init_noise_sigma).float().reshape(1)
                found[at + "after"] = after
                if kind.startswith("euler"):
                    found[at + "shown"] = shown
    return found


def noise():
    """`<seed>.<shape>` of torch.randn, then a second draw of the same generator under `….again`."""
    found = {}
    for seed in (0, 1, 42, 2**32 - 1):
        for shape in ((1,), (5,), (15,), (16,), (17,), (31,), (1, 4, 9, 15), (1, 4, 16, 16)):
            generator = torch.Generator().manual_seed(seed)
            at = f"{seed}.{'x'.join(map(str, shape))}"
            found[at] = torch.randn(shape, generator=generator)
            found[at + ".again"] = torch.randn(shape, generator=generator)
    return found


def pictures(pipe, name: str):
    """`<name>.<sampler>.latents` and `.pixels` [H, W, 3] (u8) of the pipeline itself; 6 steps, guidance 4, seed 7."""
    found, original = {}, pipe.scheduler
    for kind, make in SAMPLERS.items():
        pipe.scheduler = make(original.config)
        for negative in ("", "night, blue") if kind == "ddim" else ("night, blue",):
            kept = {}

            def keep(_pipe, step, _timestep, values):
                kept["latents"] = values["latents"].clone()
                return values

            image = pipe(
                "a red house, ink", negative_prompt=negative or None, width=64, height=32, num_inference_steps=6,
                guidance_scale=4.0, generator=torch.Generator().manual_seed(7), callback_on_step_end=keep,
            ).images[0]  # fmt: skip
            at = f"{name}.{kind}" + ("" if negative else ".empty")
            found[at + ".latents"] = kept["latents"]
            found[at + ".pixels"] = torch.from_numpy(numpy.array(image))
    pipe.scheduler = original
    return found
