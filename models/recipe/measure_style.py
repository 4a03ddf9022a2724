"""Measures what a style learns, with the program itself: imports an artist's folder, trains, generates with and without the style.

Prompts and seeds are held out: none was used for training the starter model or the style. Prints the object of `style_bench.py`.
"""

import argparse
import json
import os
import subprocess
import time

from generate import PROMPTS_FIRST_SEED, held_out_prompts
from style_bench import measure

SAMPLES = os.path.join(os.path.dirname(__file__), "..", "samples")


def main():
    """Prints one JSON object for one artist."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--atelier", required=True, help="the built program")
    parser.add_argument("--artist", required=True, help="one of the sample artists")
    parser.add_argument("--out", required=True, help="an empty folder")
    parser.add_argument("--count", type=int, default=24, help="pictures with and without the style")
    parser.add_argument("--train", nargs="*", default=["--preset", "quick"], help="arguments of `style train`")
    parser.add_argument("--strength", type=float, default=1.0)
    arguments, more = parser.parse_known_args()
    artist = os.path.join(SAMPLES, arguments.artist)

    def atelier(*words):
        command = [arguments.atelier, "--data", os.path.join(arguments.out, "data"), "--json", *words]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout or "null")

    atelier("style", "new", arguments.artist)
    atelier("artwork", "import", artist, "--style", arguments.artist)
    start = time.time()
    atelier("style", "train", arguments.artist, *arguments.train, *more)
    train_s = time.time() - start
    prompts = held_out_prompts(arguments.count)
    listed = []
    for k, tags in enumerate(prompts):
        for kind in ("base", "style"):
            style = ["--style", f"{arguments.artist}:{arguments.strength}"] if kind == "style" else []
            made = atelier("generate", *style, "--tags", ", ".join(tags), "--seed", str(PROMPTS_FIRST_SEED + k))
            folder = os.path.join(arguments.out, kind)
            os.makedirs(folder, exist_ok=True)
            os.replace(made["pictures"][0]["path"], os.path.join(folder, f"{k:02d}.png"))
        listed.append(dict(file=f"{k:02d}.png", tags=tags))
    prompts_path = os.path.join(arguments.out, "prompts.json")
    with open(prompts_path, "w") as file:
        json.dump(listed, file, indent=1)
    found = measure(os.path.join(arguments.out, "base"), os.path.join(arguments.out, "style"), artist, prompts_path)
    print(json.dumps(dict(artist=arguments.artist, train_s=round(train_s, 1), **found), indent=2))


if __name__ == "__main__":
    main()
