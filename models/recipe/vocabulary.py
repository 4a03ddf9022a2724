"""A tokenizer in CLIP's format with a small vocabulary: every tag of the renderer is one token.

Any other word still works, byte by byte, which is what a style's name needs.
"""

import json
import os
from collections import Counter

from transformers import CLIPTokenizer

from scenes import VOCABULARY

TOKENS_MAX = 77
START, END = "<|startoftext|>", "<|endoftext|>"


def byte_symbols():
    """CLIP's printable stand-ins for the 256 bytes, in CLIP's order."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + k) for k in range(len(others))]


def learn_merges(words):
    """Byte-pair merges, most frequent pair first, until every word is one symbol."""
    split = [list(word[:-1]) + [word[-1] + "</w>"] for word in words]
    merges = []
    while True:
        pairs = Counter(pair for word in split for pair in zip(word, word[1:]))
        if not pairs:
            return merges
        pair = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(pair)
        for word in split:
            at = 0
            while at < len(word) - 1:
                if (word[at], word[at + 1]) == pair:
                    word[at : at + 2] = ["".join(pair)]
                at += 1


def write_words(path):
    """Writes the words of the renderer, one a line: the studio offers them while somebody types a tag."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{word}\n" for word in VOCABULARY)


def write_tokenizer(folder):
    """Writes `vocab.json`, `merges.txt` and the configuration files; returns the tokenizer."""
    merges = learn_merges(sorted(VOCABULARY))
    symbols = byte_symbols()
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + [START, END]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "vocab.json"), "w", encoding="utf-8") as file:
        json.dump({token: row for row, token in enumerate(tokens)}, file, ensure_ascii=False)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = dict(bos_token=START, eos_token=END, unk_token=END, pad_token=END)
    with open(os.path.join(folder, "special_tokens_map.json"), "w") as file:
        json.dump(special, file, indent=2)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        settings = dict(special, tokenizer_class="CLIPTokenizer", model_max_length=TOKENS_MAX,
                        add_prefix_space=False, do_lower_case=True, errors="replace")  # fmt: skip
        json.dump(settings, file, indent=2)
    return CLIPTokenizer.from_pretrained(folder)
