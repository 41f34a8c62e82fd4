"""Texts beside pictures: what the font of this machine lacks is written with other letters, never as boxes."""

import numpy as np
import pytest
from PIL import ImageFont

from tfgen.sampling import lettering
from tfgen.sampling.lettering import beside, lettered


def written(texts):
    """The part of a sheet that holds the texts, [H, W]."""
    return beside(texts, np.zeros((40, 8, 1), np.uint8))[:, :-8, 0]


def test_ascii_is_written_in_pillows_own_font():
    font, texts = lettered(["a dark boot", "a bag"])
    assert texts == ["a dark boot", "a bag"] and font.getname() == ImageFont.load_default(13).getname()


def test_a_font_of_the_machine_that_has_all_letters_is_taken(monkeypatch):
    found = next((name for name in lettering.FONTS if _there(name)), None)
    if found is None:
        pytest.skip("no font with letters beyond ASCII on this machine")
    monkeypatch.setattr(lettering, "FONTS", ("no such font.ttf", found))
    font, texts = lettered(["Café", "a grün bag"])
    assert texts == ["Café", "a grün bag"] and font.getname() == ImageFont.truetype(found, 13).getname()
    assert lettered(["a grün 円"])[1] in (["a grün 円"], ["a grün ?"])  # that which lacks the fewest
    assert not np.array_equal(written(["Café"]), written(["Cafč"]))


def _there(name):
    try:
        ImageFont.truetype(name, 13)
    except OSError:
        return False
    return True


def test_without_one_letters_lose_their_accents_and_others_are_question_marks(monkeypatch):
    monkeypatch.setattr(lettering, "FONTS", ("no such font.ttf",))
    assert lettered(["Café grün", "a 円 bag", "x²"])[1] == ["Cafe grun", "a ? bag", "x2"]
    np.testing.assert_array_equal(written(["Café"]), written(["Cafe"]))
