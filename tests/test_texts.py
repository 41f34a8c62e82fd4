"""Encoders of texts: hashed n-grams, by hand, and the same in every graph."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import texts
from tfgen.errors import UserError


def place_and_sign(gram, size):
    """Where a sequence counts, and with which sign."""
    hashed = int(tf.strings.to_hash_bucket_fast(gram, 2 * size))
    return hashed // 2, 1 - 2 * (hashed % 2)


def by_hand(grams, size):
    """The vector of these sequences."""
    vector = np.zeros(size)
    for gram in grams:
        place, sign = place_and_sign(gram, size)
        vector[place] += sign
    return vector / np.linalg.norm(vector)


def test_words_and_letters_count_where_their_hashes_say():
    words = texts.hashed_ngrams(64, words=2, letters=0)(tf.constant(["A red, HEART!"]))
    expected = by_hand(["a", "red", "heart", "a red", "red heart"], 64)
    np.testing.assert_allclose(words[0], expected, rtol=1e-6)
    letters = texts.hashed_ngrams(64, words=0, letters=3)(tf.constant(["a red"]))
    np.testing.assert_allclose(letters[0], by_hand(["<a>", "<re", "red", "ed>"], 64), rtol=1e-6)
    short = texts.hashed_ngrams(64, words=0, letters=5)(tf.constant(["a red"]))
    np.testing.assert_allclose(short[0], by_hand(["<a>", "<red>"], 64), rtol=1e-6)


def test_files_depend_on_the_hash():
    assert [int(tf.strings.to_hash_bucket_fast(word, 512)) for word in ("heart", "a red", "é")] == [378, 403, 193]


def test_cases_and_signs_do_not_count_and_order_does():
    encode = texts.hashed_ngrams()
    rows = encode(tf.constant(["a dark  ankle-boot", "A Dark ankle boot.", "ankle dark a boot", "ÉTÉ", "été"])).numpy()
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[3], rows[4])
    assert np.abs(rows[0] - rows[2]).max() > 0.1
    assert rows.shape == (5, 256) and np.allclose(np.linalg.norm(rows, axis=1), 1.0)


@pytest.mark.parametrize("text", ["", " ?!", b"\xff\xfe", "\N{GRINNING FACE}"])
def test_texts_without_a_letter_are_zero(text):
    np.testing.assert_array_equal(texts.hashed_ngrams()(tf.constant([text])), np.zeros((1, 256)))


def test_bytes_that_are_no_text_part_words():
    rows = texts.hashed_ngrams()(tf.constant([b"a red\xffheart", b"a red heart"])).numpy()
    np.testing.assert_array_equal(rows[0], rows[1])


def test_rows_are_the_same_alone_in_a_graph_and_after_saving(round_trip):
    encode = texts.hashed_ngrams(32, 3, 2)
    given = tf.constant(["a light bag", "", "日本 an über-shirt", "x"])
    whole = encode(given).numpy()
    served = tf.function(round_trip(encode), input_signature=[tf.TensorSpec([None], tf.string)])
    np.testing.assert_array_equal(served(given), whole)
    np.testing.assert_array_equal(np.concatenate([encode(given[i : i + 1]) for i in range(4)]), whole)
    assert served(tf.constant([], tf.string)).shape == (0, 32) and round_trip(encode) == encode


@pytest.mark.parametrize(
    "make,sentence",
    [
        (lambda: texts.hashed_ngrams(0), "size must be at least 1, got 0"),
        (lambda: texts.hashed_ngrams(8, 9), r"words must lie in \[0, 8\], got 9"),
        (lambda: texts.hashed_ngrams(8, 0, 0), "words and letters are both 0"),
        (lambda: tfgen.build_model("caption_gan", (8, 8, 1), text_encoder="hashed_grams"), "did you mean 'hashed_ngra"),
    ],
)
def test_mistakes_are_said(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()
