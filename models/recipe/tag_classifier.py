"""A small network that sees which tags a picture shows, trained on the renderer's plain pictures only.

It never sees a sample artist's look. Plain pictures are varied by tint, contrast, random patterns,
random outlines (some bright on dark) and inversion, so that it still reads pictures in looks that it does not know.
Held-out accuracy is the mean over tags of balanced accuracy: (share of pictures with the tag where
it is found + share of pictures without it where it is not) / 2, at threshold 0.5, on plain pictures
of seeds never trained on.
"""

import argparse
import json
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from scenes import COLOURS, TIMES, USUAL_COLOUR, VOCABULARY, draw_scene, sample_scene, tags_of

SEED = 3
HELD_OUT_FIRST_SEED = 900_000_000
TRAIN_FIRST_SEED = 800_000_000
WEIGHTS = os.path.join(os.path.dirname(__file__), "tag_classifier.safetensors")


class TagClassifier(nn.Module):
    """Pictures `[B, 3, 128, 128]` in −1…1 to one logit per word of `VOCABULARY`."""

    def __init__(self):
        super().__init__()
        widths = [(5, 24, 2), (24, 48, 2), (48, 96, 2), (96, 96, 1), (96, 160, 2), (160, 160, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 5 if a == 5 else 3, stride, 2 if a == 5 else 1) for a, b, stride in widths)
        self.norms = nn.ModuleList(nn.GroupNorm(8, b) for _, b, _ in widths)
        self.head = nn.Linear(160 * 17, len(VOCABULARY))

    def features(self, images):
        """Feature maps after each convolution."""
        y, x = torch.meshgrid(torch.linspace(-1, 1, images.shape[2]), torch.linspace(-1, 1, images.shape[3]), indexing="ij")
        maps = torch.cat([images, torch.stack([x, y]).expand(len(images), -1, -1, -1)], 1)
        out = []
        for conv, norm in zip(self.convs, self.norms):
            maps = F.silu(norm(conv(maps)))
            out.append(maps)
        return out

    def forward(self, images):
        last = self.features(images)[-1]
        return self.head(torch.cat([F.adaptive_avg_pool2d(last, 4).flatten(1), last.amax((2, 3))], 1))


def labels_of(scene):
    """What can be seen: the scene's tags, and the thing's usual colour where none was asked for."""
    seen = set(tags_of(scene)) | {scene.get("colour", USUAL_COLOUR[scene["thing"]])}
    return np.array([word in seen for word in VOCABULARY], np.float32)


def pictures(first_seed, count):
    """Plain pictures `[count, 128, 128, 3]`, uint8, and their labels."""
    images, labels = np.empty((count, 128, 128, 3), np.uint8), np.empty((count, len(VOCABULARY)), np.float32)
    for k in range(count):
        scene = sample_scene(np.random.default_rng([first_seed + k, 5]))
        images[k], labels[k] = np.asarray(draw_scene(scene, first_seed + k)), labels_of(scene)
    return images, labels


def vary(images, rng):
    """Varies a batch `[B, 3, 128, 128]` in −1…1; also says which pictures were inverted."""
    batch = len(images)
    plain = torch.from_numpy(rng.random(batch) < 0.35)
    uniform = lambda low, high, *shape: torch.from_numpy(rng.uniform(low, high, (batch, *shape))).float()  # noqa: E731
    out = images * uniform(0.5, 1.2, 1, 1, 1) + uniform(-0.3, 0.3, 1, 1, 1) + uniform(-0.12, 0.12, 3, 1, 1)
    # Random outlines: where colours change, towards a random dark or bright colour.
    edge = (images[:, :, 1:, 1:] - images[:, :, :-1, 1:]).abs().amax(1) + (images[:, :, 1:, 1:] - images[:, :, 1:, :-1]).abs().amax(1)
    edge = F.pad((edge > 0.2).float(), (0, 1, 0, 1))[:, None]
    edge = F.max_pool2d(edge, 3, 1, 1) * torch.from_numpy(rng.choice([0, 0, 0.6, 1.0], (batch, 1, 1, 1))).float()
    out = out * (1 - edge) + uniform(-1, 1, 3, 1, 1) * edge
    # Bright outlines in a picture's own colours on a darkened one.
    dark = torch.from_numpy(rng.random(batch) < 0.2)[:, None, None, None]
    bright = (F.max_pool2d(images, 5, 1, 2) * uniform(0.8, 1.6, 1, 1, 1) + uniform(0, 0.6, 1, 1, 1)).clamp(-1, 1)
    lines = F.max_pool2d(edge.ceil(), 3, 1, 1)
    outlined = bright * lines + (images * uniform(0, 0.3, 1, 1, 1) - uniform(0.6, 0.9, 1, 1, 1)) * (1 - lines)
    out = torch.where(dark, outlined, out)
    # Random parallel lines or dots.
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    angle, period = uniform(0, np.pi, 1, 1), uniform(3, 12, 1, 1)
    u, v = (x * angle.cos() + y * angle.sin()) / period, (y * angle.cos() - x * angle.sin()) / period
    lines = ((u % 1) < uniform(0.1, 0.5, 1, 1)).float()
    dots = (torch.hypot(u % 1 - 0.5, v % 1 - 0.5) < 0.3).float()
    mask = torch.where(torch.from_numpy(rng.random((batch, 1, 1)) < 0.5), lines, dots)[:, None] * torch.from_numpy(rng.choice([0, 0.3, 0.6, 0.8], (batch, 1, 1, 1))).float()
    out = out * (1 - mask) + uniform(-1, 1, 3, 1, 1) * mask
    inverted = torch.from_numpy(rng.random(batch) < 0.12)
    out = torch.where(inverted[:, None, None, None], -out, out) + 0.05 * torch.from_numpy(rng.standard_normal(out.shape)).float()
    out = torch.where(plain[:, None, None, None], images, out.clamp(-1, 1))
    return out, inverted & ~plain


def as_batch(images):
    """uint8 `[B, h, w, 3]` to float `[B, 3, h, w]` in −1…1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load_classifier(path=WEIGHTS):
    """The trained classifier."""
    model = TagClassifier()
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval()


@torch.no_grad()
def held_out_accuracy(model, count=3000):
    """Balanced accuracy of each tag on plain held-out pictures, and the share of right decisions over all tags."""
    images, labels = pictures(HELD_OUT_FIRST_SEED, count)
    found = np.concatenate([(model(as_batch(images[k : k + 100])) > 0).numpy() for k in range(0, count, 100)])
    true = labels > 0.5
    balanced = {word: float((found[true[:, k], k].mean() + (~found[~true[:, k], k]).mean()) / 2) for k, word in enumerate(VOCABULARY)}
    return balanced, float((found == true).mean())


def main():
    """Trains for a number of minutes on one core and prints the held-out accuracy."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--pictures", type=int, default=14000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--out", default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    images, labels = pictures(TRAIN_FIRST_SEED, arguments.pictures)
    model = TagClassifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    frequency = torch.from_numpy(labels.mean(0))
    positive_weight = ((1 - frequency) / frequency).clamp(1, 4)
    free_when_inverted = torch.tensor([word not in COLOURS and word not in TIMES for word in VOCABULARY]).float()
    start, step = time.time(), 0
    while (share := (time.time() - start) / (60 * arguments.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = float(2e-3 * min(1, (step + 1) / 50) * max(0.01, 0.5 * (1 + np.cos(np.pi * share))))
        rows = rng.integers(len(images), size=arguments.batch)
        batch, inverted = vary(as_batch(images[rows]), rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch).float()
        weight = torch.where(inverted[:, None], free_when_inverted, torch.ones(()))
        loss = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[rows]), weight=weight, pos_weight=positive_weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step} share {share:.2f} loss {loss.item():.4f}", flush=True)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, arguments.out)
    accuracy, right = held_out_accuracy(load_classifier(arguments.out))
    worst = sorted(accuracy.items(), key=lambda item: item[1])[:8]
    print(json.dumps(dict(steps=step, accuracy=round(right, 4), mean_balanced_accuracy=round(float(np.mean(list(accuracy.values()))), 4), worst=dict(worst))))


if __name__ == "__main__":
    main()
