"""Whether pictures show what their captions ask for, where captions say what can be measured."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from tfgen.data.measures import Measure
from tfgen.errors import UserError, shown


@dataclasses.dataclass(frozen=True)
class Attribute:
    """One thing that a caption says: which of two words.

    Attributes:
        words: where the measure is at most the limit, and above it.
        measure: of pictures.
        limits: float [classes], of each class.
    """

    words: tuple[str, str]
    measure: Measure
    limits: np.ndarray


@dataclasses.dataclass(frozen=True)
class Agreement:
    """A check of pictures against captions, which a data set has that can tell.

    Attributes:
        field: of the captions.
        nouns: of the classes, in their order.
        attributes: name -> `Attribute`.
    """

    field: str
    nouns: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    def asked(self, texts: Sequence[str] | np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Returns (the class that each text names, int64 [N]; attribute -> whether its second word is there, bool [N]).

        Raises:
            UserError: a text names no class, or says nothing of an attribute.
        """
        known = {text: self._read(str(text)) for text in dict.fromkeys(texts)}
        rows = [known[text] for text in texts]
        labels = np.array([label for label, _ in rows], np.int64)
        return labels, {name: np.array([said[name] for _, said in rows], bool) for name in self.attributes}

    def __call__(
        self, images: np.ndarray, texts: Sequence[str] | np.ndarray, classes: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Returns attribute -> whether each picture shows what its text asks for, bool [N]; `class` where known.

        Args:
            images: uint8 [N, H, W, C].
            texts: of each.
            classes: which a classifier sees, int [N], or None.

        Raises:
            UserError: as `asked`.
        """
        labels, said = self.asked(texts)
        found = {} if classes is None else {"class": np.asarray(classes) == labels}
        for name, attribute in self.attributes.items():
            found[name] = (attribute.measure(images) > attribute.limits[labels]) == said[name]
        return found

    def _read(self, text):
        words, nouns = words_of(text), [words_of(noun) for noun in self.nouns]
        named = [number for number, noun in enumerate(nouns) if noun in words]
        if not named:
            raise UserError(f"{shown(text)} names no class of the data, such as {self.nouns[0]!r}")
        # a dark light bulb: the longest name without which the text says all that it has to
        for label in sorted(named, key=lambda number: -len(nouns[number])):
            rest = words.replace(nouns[label], " ", 1)
            there = {name: [f" {word} " in rest for word in kind.words] for name, kind in self.attributes.items()}
            unclear = [self.attributes[name].words for name, words in there.items() if sum(words) != 1]
            if not unclear:
                return label, {name: words[1] for name, words in there.items()}
        raise UserError(f"{shown(text)} says neither of {' and '.join(unclear[0])}, or both")


def words_of(text: str) -> str:
    """Returns the words of a text in small letters, with a space before and after each, without marks at their ends."""
    return f" {' '.join(re.findall(r'[^ .,!?]+', text.lower()))} "
