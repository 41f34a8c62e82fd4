"""Vector arithmetic on latents (Radford et al. 2016, section 6.3.2), and how often it gives what it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.latent.exploration import Exploration, checked, sheet
from tfgen.latent.expressions import Concept, Term, concept, reduced, terms
from tfgen.latent.judging import Judge
from tfgen.latent.space import Space
from tfgen.metrics.score import Score, share
from tfgen.storage import images

SHOWN = 8  # rows of the picture
SURE = 0.8  # the least probability of the class of an example


def arithmetic(
    space: Space,
    *,
    expression: str | None = None,
    target: str | None = None,
    num: int = 4_000,
    codes: int = 3,
    trials: int | None = None,
    seed: int = 0,
    extractor: str | None = None,
) -> Exploration:
    """Returns the pictures of sums and differences of mean latents, and how often they show what they should.

    Each term is the mean of the latents of `codes` pictures that show the concept clearly: a classifier is sure of the
    class, and a dark (light) one is among the third of the real images of its class that are darkest (lightest). By
    default all pairs of classes A, B are tried, dark A - light A + light B, whose result should be a dark B, and the
    same with dark and light exchanged. A picture is right where its class is, and where it is dark (or light): below
    (above) the median brightness of the real images of its class.

    Beside the `success` of the latents stand, for the same trials: `ceiling`, means of latents of the expected concept
    itself; `without`, the last term alone; `pixels` and `real_pixels`, the same sums of the same pictures, and of real
    ones; and `chance`, the share of all pictures that would be right. Sums of pictures can be right and look like no
    garment: `precision` (Kynkaanniemi et al. 2019, k = 3) says how many results lie among real images.

    Args:
        space: of the model.
        expression: "dark bag - light bag + light dress", "sneaker - sandal + dress": classes by name or number with
            signs between blanks, after "dark" or "light" or without; None: all pairs.
        target: what should come out, where equal concepts do not cancel to one, as in coat - pullover + T-shirt/top.
        num: pictures among which the concepts are looked for.
        codes: latents in each mean; 3 in the paper.
        trials: of an expression (default 200), or of every pair (default 4).
        seed: of latents and choices.
        extractor: name of the classifier or the features; by default that of the data set.

    Raises:
        UserError: no data set is at hand, it has no such class, or too few pictures show a concept clearly.
    """
    trials = (4 if expression is None else 200) if trials is None else trials
    checked(num=num, codes=codes, trials=trials)
    judge = Judge(space, extractor)
    wanted = _wanted(judge, expression, target)
    pool = Pool(space, judge, num, codes, seed)
    if expression is not None:
        pool.check(*wanted[0], expression)
    possible = [(found, goal) for found, goal in wanted if pool.has(found, goal)]
    if not possible:
        raise UserError(
            f"no pair of classes has {codes} clearly dark and {codes} clearly light pictures each among {num} of "
            f"{space.model.name}: train it longer, or give a larger num"
        )
    results = pool.results([pair for pair in possible for _ in range(trials)])
    values, lines = _measured(results, judge, pool, expression is None)
    settings = {
        "expression": expression or "dark A - light A + light B, and light A - dark A + dark B",
        "target": None if expression is None else wanted[0][1].text(judge.names) or None,
        **{"num": num, "codes": codes, "trials": trials, "seed": seed, "judge": judge.described()},
    }
    if not expression:
        settings |= {"pairs": len(possible), "pairs_without_examples": len(wanted) - len(possible)}
    return Exploration("arithmetic", _picture(results, codes), values, lines, settings)


def _needed(found: Sequence[Term], goal: Concept) -> list[Concept]:
    return [term for _, term in found] + ([] if goal == Concept() else [goal])


def _wanted(judge: Judge, expression: str | None, target: str | None) -> list[tuple[Sequence[Term], Concept]]:
    """Returns (terms, expected concept) of an expression, or of all pairs of classes.

    Raises:
        UserError: an expression that cannot be read, or a target without one.
    """
    if expression is None:
        if target is not None:
            raise UserError("target is what an expression should give: give expression= too")
        return list(_pairs(judge.classes))
    found = terms(expression, judge.names, judge.classes)
    goal = reduced(found) if target is None else concept(target, judge.names, judge.classes)
    return [(found, goal)]


def _pairs(classes):
    """Yields (terms, expected concept) of dark A - light A + light B and of the opposite, for all classes A, B."""
    for shade in (0, 1):
        for a in range(classes):
            for b in range(classes):
                if a != b:
                    found = [(1, Concept(a, shade)), (-1, Concept(a, 1 - shade)), (1, Concept(b, 1 - shade))]
                    yield found, Concept(b, shade)


@dataclasses.dataclass
class Results:
    """What came of all trials, in order.

    Attributes:
        goals: the expected concept of each trial.
        examples: the pictures of the terms, uint8 [trials, terms, codes, H, W, C].
        means: pictures of the terms' mean latents, uint8 [trials, terms, H, W, C].
        made: name -> pictures uint8 [trials, H, W, C]; `latents` are the results, all others stand beside them.
    """

    goals: list[Concept]
    examples: np.ndarray
    means: np.ndarray
    made: dict[str, np.ndarray]


class Pool:
    """Pictures of a model, and real ones, by what they clearly show.

    Args:
        space, judge: of the model.
        num: pictures.
        codes: latents in each mean.
        seed: of latents and choices.
    """

    def __init__(self, space: Space, judge: Judge, num: int, codes: int, seed: int) -> None:
        self.space, self.judge, self.codes = space, judge, codes
        self.latents, self.conditions = space.known(num, seed)
        self.pictures = space.decode(self.latents, self.conditions)
        probabilities = judge.probabilities(self.pictures)
        self.labels = probabilities.argmax(axis=1)
        sure = probabilities.max(axis=1) >= SURE
        self.shades = judge.shades(self.pictures, self.labels)
        self._seen = np.where(sure, self.labels, -1), judge.clearly(self.pictures, self.labels)
        self._real = judge.image_labels, judge.clearly(judge.images, judge.image_labels)
        self._rng = np.random.default_rng(seed)

    def rows(self, wanted: Concept, real: bool = False) -> np.ndarray:
        """Returns the indices of the pictures (or real images) that clearly show a concept."""
        labels, shades = self._real if real else self._seen
        fits = labels >= 0 if wanted.label is None else labels == wanted.label
        return np.flatnonzero(fits if wanted.shade is None else fits & (shades == wanted.shade))

    def has(self, found: Sequence[Term], goal: Concept) -> bool:
        """Whether there are enough pictures of every term, and of the goal if there is one."""
        return all(count >= self.codes for term in _needed(found, goal) for count in self.counts(term).values())

    def counts(self, term: Concept) -> dict[str, int]:
        """Returns how many pictures of the model, and how many real images, show a concept clearly."""
        made = f"{len(self.latents)} pictures of {self.space.model.name}"
        return {made: len(self.rows(term)), "the real images": len(self.rows(term, real=True))}

    def check(self, found: Sequence[Term], goal: Concept, expression: str) -> None:
        """Raises UserError if a term, or what should come out, has too few pictures."""
        for term in _needed(found, goal):
            for of, number in self.counts(term).items():
                if number < self.codes:
                    raise UserError(
                        f"{expression}: {number} of {of} clearly show {term.text(self.judge.names)!r}, and "
                        f"{self.codes} are needed: give a larger num, or train longer"
                    )

    def results(self, trials: Sequence[tuple[Sequence[Term], Concept]]) -> Results:
        """Returns the `Results` of all trials, (terms, expected concept) each."""
        goals = [goal for _, goal in trials]
        # [trials, terms, codes]
        picked = np.stack([[self._draw(term) for _, term in found] for found, _ in trials])
        real = np.stack([[self._draw(term, real=True) for _, term in found] for found, _ in trials])
        signs = np.asarray([[sign for sign, _ in found] for found, _ in trials], np.float32)
        itself = np.stack([self._draw(goal) for goal in goals])
        means = self.latents[picked].mean(axis=2)  # [trials, terms, D]
        given = self._conditions([found for found, _ in trials], goals, picked)
        decode = lambda z: self.space.decode(z, given)  # noqa: E731
        made = {
            "latents": decode(np.einsum("nt,ntd->nd", signs, means)),
            "ceiling": decode(self.latents[itself].mean(axis=1)),
            "without": decode(means[:, -1]),
            "pixels": summed(self.pictures, picked, signs),
            "real_pixels": summed(self.judge.images, real, signs),
        }
        shown = min(len(trials), SHOWN)
        rows = _spread(len(trials), shown)
        own = {name: np.repeat(values[rows], picked.shape[1], axis=0) for name, values in given.items()}
        own |= {name: self.conditions[name][picked[rows][:, :, 0].ravel()] for name in own}
        middle = self.space.decode(means[rows].reshape(-1, self.space.dim), own)
        return Results(
            goals, self.pictures[picked[rows]], middle.reshape(shown, picked.shape[1], *middle.shape[1:]), made
        )

    def _draw(self, wanted, real=False):
        rows = self.rows(wanted, real)
        return self._rng.choice(rows, self.codes, replace=False)

    def _conditions(self, found, goals, picked):
        """Returns the conditions of the results: those of the last term, with the class that is expected."""
        given = {name: values[picked[:, -1, 0]] for name, values in self.conditions.items()}
        label = self.space.label_field
        if label is not None:
            known = np.array([-1 if goal.label is None else goal.label for goal in goals], np.int64)
            stated = known >= 0
            given[label] = given[label].copy()
            given[label][stated] = self.space.as_own_classes(known[stated])
        return given

    def chance(self, goals: Sequence[Concept]) -> dict[str, float]:
        """Returns how many of all pictures would be right, a mean over the goals."""
        right = [_right(self.labels, self.shades, goal) for goal in goals]
        return {name: float(np.mean([part[name].mean() for part in right])) for name in right[0]}


def summed(pictures: np.ndarray, picked: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Returns sums of mean pictures, uint8 [N, H, W, C]; values outside of the range are cut off.

    Args:
        pictures: uint8 [M, H, W, C].
        picked: indices int [N, terms, codes].
        signs: float [N, terms].
    """
    made = []
    for rows, sign in zip(picked, signs, strict=True):
        means = pictures[rows].astype(np.float32).mean(axis=1) / 255.0
        made.append(images.to_uint8(np.tensordot(sign, means, axes=1)))
    return np.stack(made)


def _right(labels, shades, goal):
    """Returns which pictures show the class, the shade, and both (`success`) of a concept, bool [N] each."""
    label = np.ones(len(labels), bool) if goal.label is None else labels == goal.label
    shade = np.ones(len(labels), bool) if goal.shade is None else shades == goal.shade
    return {"success": label & shade, "class": label, "shade": shade}


def _measured(results: Results, judge: Judge, pool: Pool, pairs: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns the values, and the same in words."""
    values: dict[str, Any] = {}
    goals, seen = results.goals, {}
    for name, pictures in results.made.items():
        labels = judge.probabilities(pictures).argmax(axis=1)
        # the shade of a picture is that of the class that it should show: another class has another median
        wanted = np.asarray([labels[i] if goal.label is None else goal.label for i, goal in enumerate(goals)])
        shades = judge.shades(pictures, wanted)
        right = [_right(labels[i : i + 1], shades[i : i + 1], goal) for i, goal in enumerate(goals)]
        seen[name] = {key: np.concatenate([row[key] for row in right]) for key in right[0]}
        values[name] = {key: share(float(hits.mean()), len(hits)) for key, hits in seen[name].items()}
        if len(pictures) > 3:
            values[name]["precision"] = judge.precision(pictures)
        values[name]["classes"] = np.bincount(labels, minlength=judge.classes) / len(labels)
    if goals[0] == Concept():
        return _unexpected(values, judge)
    values["chance"] = pool.chance(list(dict.fromkeys(goals)))
    if pairs:
        hits = seen["latents"]["success"]
        labels = np.asarray([goal.label for goal in goals])
        values["success_by_class"] = {
            judge.names[c]: float(hits[labels == c].mean()) for c in range(judge.classes) if (labels == c).any()
        }
    lines = [f"{len(goals)} trials; right are, in class and shade (precision among real images in brackets):"]
    lines += [_line(words, values[name]) for name, words in _WORDS.items()]
    return values, tuple(lines)


_WORDS = {
    "latents": "vector arithmetic",
    "chance": "any picture of the model (chance)",
    "without": "the last term alone",
    "pixels": "the same sums of pixels",
    "real_pixels": "the same sums of real pixels",
    "ceiling": "means of what is expected (ceiling)",
}


def _line(words, found):
    success = found["success"].value if isinstance(found["success"], Score) else found["success"]
    precision = f" ({found['precision']:.2f})" if "precision" in found else ""
    return f"  {words:<38}{success:6.1%}{precision}"


def _unexpected(values, judge):
    """Returns the values of an expression from which nothing particular is expected: what came of it."""
    kept = {
        name: {key: found[key] for key in ("precision", "classes") if key in found} for name, found in values.items()
    }
    kept.pop("ceiling")
    classes = kept["latents"]["classes"]
    order = [c for c in np.argsort(-classes, kind="stable") if classes[c] > 0][:4]
    seen = ", ".join(f"{judge.names[c]} {classes[c]:.0%}" for c in order)
    return kept, (f"the terms do not cancel to one class: seen are {seen}; give target= for a rate of success",)


def _picture(results: Results, codes: int) -> np.ndarray:
    """Returns rows: the pictures of each term and of their mean, then the result and the same sum of pixels."""
    shown, terms_ = results.examples.shape[:2]
    rows = _spread(len(results.goals), shown)
    blank = np.full((shown, 1, *results.examples.shape[3:]), images.BACKGROUND, np.uint8)
    columns = []
    for t in range(terms_):
        columns += [results.examples[:, t, : min(codes, 3)], results.means[:, t][:, None], blank]
    columns += [results.made["latents"][rows][:, None], results.made["pixels"][rows][:, None]]
    row = np.concatenate(columns, axis=1)
    return sheet(row.reshape(-1, *row.shape[2:]), row.shape[1])


def _spread(count, shown):
    return np.linspace(0, count - 1, shown).round().astype(int)
