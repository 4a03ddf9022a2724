"""Banks of pictures: one array, a picture for each seed."""

import argparse
import multiprocessing

import numpy as np


def write_bank(draw, description, count, first_seed):
    """Reads the command line and writes `draw(seed)`, uint8 `[128, 128, 3]`, of every seed as one array `[count, 128, 128, 3]`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--first-seed", type=int, default=first_seed)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.count)
    with multiprocessing.Pool(2) as pool:
        np.save(arguments.out, np.stack(pool.map(draw, seeds, chunksize=50)))
