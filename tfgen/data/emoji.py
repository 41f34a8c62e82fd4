"""Emoji, part of tfgen: 32 x 32 pictures in colour with their category and their name."""

import csv
import hashlib
import pathlib

import numpy as np
from PIL import Image

from tfgen.data.source import Arrays, Field, Source

CATEGORIES = (
    "Smileys & Emotion",
    "People & Body",
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Activities",
    "Objects",
    "Symbols",
    "Flags",
)
SIDE, COLUMNS = 32, 63  # pixels of a picture, and pictures per row of the sheet
SHEET, TABLE = (pathlib.Path(__file__).parent / name for name in ("emoji.webp", "emoji.csv"))
_LICENCE = "CC-BY 4.0, Copyright 2020 Twitter, Inc and other contributors; see emoji.md beside the pictures"


def emoji() -> Source:
    """3,521 emoji with category and name, part of tfgen, 32x32 colour, 9 classes"""
    with open(TABLE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with Image.open(SHEET, formats=("WEBP",)) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    tiles = pixels.reshape(-1, SIDE, COLUMNS, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)[: len(rows)]
    values = {
        "image": np.ascontiguousarray(tiles),
        "label": np.array([CATEGORIES.index(row["category"]) for row in rows], np.int64),
        "caption": np.array([row["caption"] for row in rows], object),
    }
    fields = {
        "image": Field("image", (SIDE, SIDE, 3)),
        "label": Field("label", range=(0, len(CATEGORIES))),
        "caption": Field("text"),
    }
    whole = Arrays(values, fields)
    places = np.array([row["split"] for row in rows])
    splits = {split: whole.select(np.flatnonzero(places == split)) for split in ("train", "validation", "test")}
    provenance = {
        "source": "embedded",
        "original": "Twemoji 16, by way of the npm package emoji-datasource-twitter 16.0.0",
        "licence": _LICENCE,
        "sha256": {"images": hashlib.sha256(values["image"].data).hexdigest()},
    }
    return Source("emoji", fields, splits, list(CATEGORIES), provenance)
