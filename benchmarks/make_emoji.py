"""Writes tfgen/data/emoji.webp (lossless) and emoji.csv from the npm package emoji-datasource-twitter.

    npm pack emoji-datasource-twitter && tar xzf emoji-datasource-twitter-*.tgz
    python -m benchmarks.make_emoji package

Pictures are laid over white and reduced from 64 to 32 pixels (Lanczos); emoji.csv has a row for each, in the order of
the sheet: category, split, caption.
"""

import csv
import hashlib
import io
import json
import pathlib
import sys

import numpy as np
from PIL import Image

from tfgen.data.emoji import CATEGORIES, COLUMNS, SHEET, SIDE, TABLE

TONES = {"1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark"}
PEOPLE = {"1F468", "1F469", "1F9D1"}  # man, woman, person
SIGNS = {"200D", "FE0F", "2640", "2642", "27A1", *TONES}  # joiners, genders, directions, tones
RENAMED = {"heavy black heart": "red heart"}  # which says what is seen
SHARES = {"test": 0.1, "validation": 0.15}  # of the things, cumulative


def thing(unified):
    """Returns what a picture shows, whatever its tone of skin, gender or direction."""
    parts = [code for code in unified.split("-") if code not in SIGNS]
    rest = [code for code in parts if code not in PEOPLE]
    return "-".join(rest or ["people"])


def split_of(unified):
    """Returns the split of a picture: that of all pictures of the same thing."""
    share = int.from_bytes(hashlib.sha256(thing(unified).encode()).digest()[:8], "big") / 2**64
    return next((name for name, end in SHARES.items() if share < end), "train")


def rows(entries):
    """Yields (file, category, split, caption) of every picture."""
    for entry in sorted(entries, key=lambda entry: entry["sort_order"]):
        if entry["category"] not in CATEGORIES or not entry["has_img_twitter"]:
            continue
        name = " ".join(entry["name"].lower().split())
        name = RENAMED.get(name, name)
        yield entry["image"], entry["category"], split_of(entry["unified"]), name
        for tones, variation in entry.get("skin_variations", {}).items():
            # of two people, one tone for both: all pairs of tones would be a quarter of all pictures
            if variation["has_img_twitter"] and len(set(tones.split("-"))) == 1:
                said = TONES[tones.partition("-")[0]]
                yield variation["image"], entry["category"], split_of(entry["unified"]), f"{name}, {said} skin tone"


def tile(path):
    """Returns a picture over white, uint8 [32, 32, 3]."""
    with Image.open(path) as picture:
        picture = picture.convert("RGBA")
        over = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(over.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def together(found, tiles):
    """Returns the rows with equal pictures, as of flags of two countries, in the split of the first one."""
    first = {}
    return [
        (name, category, first.setdefault(picture.tobytes(), split), caption)
        for (name, category, split, caption), picture in zip(found, tiles)
    ]


def main(package):
    """Writes both files."""
    package = pathlib.Path(package)
    found = list(rows(json.loads((package / "emoji.json").read_text(encoding="utf-8"))))
    tiles = np.full((-(-len(found) // COLUMNS) * COLUMNS, SIDE, SIDE, 3), 255, np.uint8)
    tiles[: len(found)] = [tile(package / "img" / "twitter" / "64" / name) for name, *_ in found]
    found = together(found, tiles)
    sheet = tiles.reshape(-1, COLUMNS, SIDE, SIDE, 3).swapaxes(1, 2).reshape(-1, COLUMNS * SIDE, 3)
    Image.fromarray(sheet).save(SHEET, lossless=True, quality=100, method=6)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("category", "split", "caption"), *(row[1:] for row in found)])
    TABLE.write_text(text.getvalue(), encoding="utf-8")
    print(len(found), SHEET.stat().st_size, TABLE.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
