"""Encoders of texts: strings -> vectors, in TensorFlow's graph, so that training, sampling and served models agree.

Networks take the vectors. Any other encoder's vectors may take their place: as a field of the kind `vector`.
"""

import dataclasses
from typing import Annotated

import tensorflow as tf

from tfgen.domains import Interval, Size
from tfgen.errors import UserError
from tfgen.values import Value, serializable

_SEPARATORS = r"[^\pL\pM\pN]+"  # all but letters, their marks, and digits, of every script

Length = Annotated[int, Interval(0, 8)]  # of a sequence of words or letters


class TextEncoder(Value):
    """A function from texts to vectors.

    Attributes:
        size: of the vectors.
    """

    size: int

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns vectors float32 [B, size] of texts, string [B] in UTF-8; row i depends on text i alone."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class HashedNgrams(TextEncoder):
    """Hashed n-grams, see `hashed_ngrams`; without a vocabulary there is none to save, and no word is unknown.

    Attributes:
        size: of the vectors.
        words: longest sequence of words.
        letters: length of the sequences of letters within a word; 0: none.
    """

    size: Size = 256
    words: Length = 2
    letters: Length = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.words == self.letters == 0:
            raise UserError("a text's vector is made from sequences of words or letters: words and letters are both 0")

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        # bytes that are no UTF-8 become a sign for that, which is no letter: a server must not fail because of them
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(tf.strings.lower(texts, encoding="utf-8"), _SEPARATORS, " ")
        words = tf.strings.split(texts)
        total = tf.zeros([tf.shape(texts)[0], self.size])
        if self.words:
            total += self._counted(tf.strings.ngrams(words, tuple(range(1, self.words + 1))))
        if self.letters:
            # the ends of a word are marked, and a shorter word is one sequence
            marked = tf.strings.unicode_split(tf.strings.join(["<", words, ">"]), "UTF-8")
            grams = tf.strings.ngrams(marked, self.letters, separator="", preserve_short_sequences=True)
            total += self._counted(grams.merge_dims(1, 2))
        return tf.math.l2_normalize(total, axis=1)

    def _counted(self, grams):
        """Returns the sum of +-1 in the places of a row's sequences, float32 [B, size], of a ragged tensor of strings.

        The sign makes sequences that share a place cancel out on average (Weinberger et al. 2009, section 2).
        """
        flat, rows = grams.flat_values, tf.cast(grams.value_rowids(), tf.int64)
        hashed = tf.strings.to_hash_bucket_fast(flat, 2 * self.size)
        places, signs = hashed // 2, tf.cast(1 - 2 * (hashed % 2), tf.float32)
        count = tf.cast(tf.shape(grams.row_lengths())[0], tf.int64)
        sums = tf.math.unsorted_segment_sum(signs, rows * self.size + places, count * self.size)
        return tf.reshape(sums, [count, self.size])


def hashed_ngrams(size: int = 256, words: int = 2, letters: int = 3) -> HashedNgrams:
    """Returns the encoder that adds +-1 for each sequence of words and letters, at a place that its hash gives.

    Texts are in lower case and cut at all but letters and digits; the sum has length 1, or is 0 of a text without any.
    Weinberger et al. 2009, "Feature hashing for large scale multitask learning".

    Args:
        size: of the vectors.
        words: longest sequence of words; 0: none.
        letters: length of the sequences of letters within a word, by which words of one stem are near each other; 0:
            none.
    """
    return HashedNgrams(size, words, letters)
