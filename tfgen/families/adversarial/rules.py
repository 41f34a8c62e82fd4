"""Rules for adversarial models: a discriminator that has won, is sure and wrong, overfits or does not learn; a
generator that has collapsed, is saturated, or makes images in a wrong range.

The thresholds lie outside the range of healthy runs of the default configs: there the mean |D - 1/2| is at most 0.43,
and below 0.39 in one of three consecutive probes; samples differ up to 8 times less than images, in the first epochs of
`gan`. Runs that fail, with 50 times the discriminator's learning rate, have a mean |D - 1/2| above 0.46.
"""

import math
from collections.abc import Iterable

from tfgen.diagnosis.rules import RECENT, Past, Row, Rule
from tfgen.families.adversarial.probes import DIRECTED
from tfgen.families.adversarial.trials import CHANCE, CLEAR, EVEN, LEARNS, own_separation

# directions: at 32 images healthy discriminators have 23 to 32, those of one unit 1, or 5 of maxout with 5 pieces; one
# that begins as a linear function, such as that of `r3gan`, has 1 before the first step and 23 after ten
NARROW = 6
FLAT = 0.15  # of its highest value, below which D's gradient has vanished
DIVERSITIES = ("diversity", "nearest_diversity", "trained_diversity", "trained_nearest_diversity")


def of_trained(row: Row, name: str) -> float:
    """Returns a measurement of the trained generator's samples, which D is trained against, not of the average's."""
    return row[f"trained_{name}"] if f"trained_{name}" in row else row[name]


def has_equilibrium(row: Row) -> bool:
    """Returns whether D's outputs are log-odds, as with a cross-entropy, so that D(x) is a probability."""
    return not math.isnan(row["equilibrium_distance"])


def discriminator_has_won(row: Row, past: Past) -> bool:
    """Returns whether D separates real images and samples so well that G receives almost no gradient."""
    if has_equilibrium(row):
        return row["equilibrium_distance"] > 0.45 and row["train_separation"] > 0.9
    # the scale of these outputs has no meaning, and a critic that is ahead is not a failure while samples improve
    return row["train_separation"] > 0.999 and of_trained(row, "energy_distance") > 0.1


def say_discriminator_has_won(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_has_won`."""
    if has_equilibrium(row):
        means = f"D(x) = {row['real_score']:.2f}, D(G(z)) = {row['fake_score']:.2f}"
        seen = f"{means}, and it is sure of almost every image (|D - 1/2| = {row['equilibrium_distance']:.2f})"
    else:
        pairs = f"{row['train_separation']:.1%} of pairs"
        seen = f"it ranks a real image above a sample in {pairs}, and the samples stay poor"
    return (
        f"the discriminator has won: {seen}, so that the generator learns little or nothing; what usually "
        "helps: lower the discriminator's learning rate or raise the generator's, add instance noise "
        "(instance_noise=0.1), label smoothing or a gradient penalty, or make the discriminator smaller"
    )


def discriminator_is_sure_and_wrong(row: Row, past: Past) -> bool:
    """Returns whether D is sure of almost every image, and yet does not tell real images and samples apart."""
    return row["equilibrium_distance"] > 0.45 and row["train_separation"] <= 0.9


def say_discriminator_is_sure_and_wrong(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_is_sure_and_wrong`."""
    return (
        f"the discriminator is sure and wrong: D(x) = {row['real_score']:.2f}, D(G(z)) = {row['fake_score']:.2f}, with "
        f"|D - 1/2| = {row['equilibrium_distance']:.2f}, but it ranks a real image above a sample in only "
        f"{row['train_separation']:.0%} of pairs, and where it is saturated it passes on no gradient; what usually "
        "helps: a larger discriminator, a lower learning rate of its own, a gradient penalty, label smoothing"
    )


def discriminator_overfits(row: Row, past: Past) -> bool:
    """Returns whether D is much better on training images than on held-out ones."""
    accuracy = row["train_accuracy"] - row["held_out_accuracy"]
    return accuracy > 0.25 and row["train_separation"] - row["held_out_separation"] > 0.15


def say_discriminator_overfits(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_overfits`."""
    return (
        f"the discriminator overfits: it takes {row['train_accuracy']:.0%} of the training images for real, but only "
        f"{row['held_out_accuracy']:.0%} of held-out ones; what usually helps: more images, mirrored or augmented ones "
        "(augment), dropout or a gradient penalty in the discriminator, a smaller one, or an earlier end"
    )


def trial_of(row: Row, past: Past) -> Row:
    """Returns the row of the last trial of D since it is at chance; an empty one without any."""
    tried = past.latest("continued_separation", row)
    return tried if row["probes_at_chance"] >= tried["probes_at_chance"] else Row()


def is_flat(row: Row, past: Past) -> bool:
    """Returns whether D's gradient has vanished, a small part of what it has been, and D is nearly 1/2 everywhere."""
    vanished = row["discriminator_gradient"] < FLAT * past.highest("discriminator_gradient")
    return vanished and (not has_equilibrium(row) or row["equilibrium_distance"] < EVEN)


def stays_flat(row: Row, past: Past) -> bool:
    """Returns whether D's gradient has vanished for `RECENT` + 1 probes and does not rise: else it may wake."""
    lowest = past.lowest("discriminator_gradient")["discriminator_gradient"]
    rows = [*past.recent, row]
    return (
        len(rows) > RECENT
        and all(is_flat(seen, past) for seen in rows)
        and row["discriminator_gradient"] < 1.1 * lowest
    )


def samples_improve(row: Row, past: Past) -> bool:
    """Returns whether samples are near the images, and half as far from them as within the last `RECENT` probes."""
    far = max((before["energy_distance"] for before in past.recent), default=math.nan)
    return row["energy_distance"] < min(0.02, 0.5 * far)


def discriminator_is_blind(row: Row, past: Past) -> bool:
    """Returns whether D has been at chance for a while, although real images and samples are plainly different.

    That they are is seen from D itself when G stands still, or from another discriminator. A healthy D may be at chance
    for hundreds of steps while G keeps a step ahead: it learns if G stands still, and its gradient has not vanished, or
    rises again; or the samples become ever better.
    """
    if samples_improve(row, past):
        return False
    tried = trial_of(row, past)
    own, others = tried["continued_separation"], (tried["fresh_separation"], tried["dense_separation"])
    blinded = own < LEARNS and any(other > CLEAR for other in others)
    return blinded or (own > LEARNS and stays_flat(row, past))


def discriminator_does_not_learn(row: Row, past: Past) -> bool:
    """Returns whether D cannot separate real images and samples although their distributions differ."""
    return row["train_separation"] < CHANCE and of_trained(row, "energy_distance") > 0.1


def say_discriminator_does_not_learn(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_does_not_learn`."""
    return (
        f"the discriminator does not learn: it ranks a real image above a sample in {row['train_separation']:.0%} of "
        "pairs (chance is 50%), though the two are plainly different; what usually helps: raise its learning rate or "
        "lower the generator's, more discriminator_steps, less noise, smoothing or dropout, a larger network"
    )


def say_discriminator_is_blind(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_is_blind`."""
    tried = trial_of(row, past)
    own, fresh, dense = (tried[f"{name}_separation"] for name in ("continued", "fresh", "dense"))
    start = (
        f"the discriminator is blind: for {row['probes_at_chance']:.0f} measurements it has answered at random (it "
        f"ranks a real image above a sample in {own_separation(row):.0%} of pairs), and this is no equilibrium: "
        f"trained on while the generator stood still, it reached {own:.0%}"
    )
    if own > LEARNS:
        norm, highest = tried["discriminator_gradient"], past.highest("discriminator_gradient")
        return (
            f"{start}, but its gradient has vanished ({norm:.1g}, and was {highest:.1g}), as the generator keeps "
            "a step ahead; what usually helps: lower the generator's learning rate or raise the "
            "discriminator's, more discriminator_steps, smaller batches"
        )
    if fresh > CLEAR:
        return (
            f"{start}, but a fresh one of the same architecture {fresh:.0%}; what usually helps: raise the "
            "discriminator's learning rate, less noise, dropout or penalty on the discriminator, or to train anew"
        )
    return (
        f"{start}, a fresh one of the same architecture {fresh:.0%}, but a small dense network {dense:.0%}: it is too "
        "small; what usually helps: a wider or deeper discriminator"
    )


def discriminator_is_narrow(row: Row, past: Past) -> bool:
    """Returns whether D's output changes in few directions, where images of as many differ."""
    return row["directions"] < NARROW <= row["image_directions"]


def say_discriminator_is_narrow(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_is_narrow`."""
    count = row["directions"]
    return (
        f"the discriminator is narrow: at {DIRECTED} different images its output changes in {count:.0f} "
        f"direction{'' if count == 1 else 's'} of the space of images, and in no other can the generator learn; it has "
        "too few units, or all but a few are dead; what usually helps: wider hidden layers, leaky_relu, a lower "
        "learning rate"
    )


def generator_has_collapsed(row: Row, past: Past) -> bool:
    """Returns whether samples are twenty times less diverse than images, or less than a third as diverse as before."""
    return least_diverse(row)[1] < 0.05 or any(row[n] < 0.3 * past.highest(n) for n in DIVERSITIES)


def least_diverse(row: Row) -> tuple[str, float]:
    """Returns (name, value) of the smallest of the measurements of diversity; infinity where there are none."""
    known = [(name, row[name]) for name in DIVERSITIES if not math.isnan(row[name])]
    return min(known, key=lambda item: item[1], default=("diversity", math.inf))


def say_generator_has_collapsed(row: Row, past: Past) -> str:
    """Returns the message of `generator_has_collapsed`."""
    name, ratio = least_diverse(row)
    whose = "the samples of its trained weights" if name.startswith("trained_") else "its samples"
    if not name.startswith("trained_") and "trained_diversity" in row:
        whose = "its samples, of the averaged weights,"
    less = f"{1 / ratio:.{0 if ratio < 0.2 else 1}f} times less" if ratio > 1e-3 else "over 1000 times less"
    if name.endswith("nearest_diversity"):
        seen = f"{whose} are few: each differs from the one most like it {less} than a real image"
    else:
        seen = f"{whose} differ among themselves {less} than real images"
    equal = " (all are one: does the latent vary, and does the generator read it?)" if ratio <= 1e-3 else ""
    return (
        f"the generator has collapsed: {seen}{equal}; what usually helps: lower both learning rates, a gradient "
        "penalty or loss=hinge, instance noise, larger batches, or to train anew with another seed"
    )


def generator_is_saturated(row: Row, past: Past) -> bool:
    """Returns whether G's loss is flat where D rejects its samples: it receives a hundredth of D's gradient."""
    return row["generator_slope"] < 0.01 and row["fake_accuracy"] > 0.9


def say_generator_is_saturated(row: Row, past: Past) -> str:
    """Returns the message of `generator_is_saturated`."""
    return (
        f"the generator is saturated: the discriminator rejects {row['fake_accuracy']:.0%} of its samples, and there "
        f"the generator's loss is flat (slope {row['generator_slope']:.1g}; the non-saturating loss has nearly 1), so "
        "that its gradient vanishes; what usually helps: loss=non_saturating instead of loss=minimax (Goodfellow et "
        "al. 2014, section 3), or a lower learning rate of the discriminator"
    )


def samples_are_saturated(row: Row, past: Past) -> bool:
    """Returns whether almost all values of samples lie at the ends of the range, and those of real images do not."""
    return row["saturation"] > 0.95 and row["real_saturation"] < 0.85


def say_samples_are_saturated(row: Row, past: Past) -> str:
    """Returns the message of `samples_are_saturated`."""
    return (
        f"the samples are saturated: {row['saturation']:.0%} of their values lie at the ends of the range, of real "
        f"images {row['real_saturation']:.0%}, so that the last activation passes on hardly any gradient; what usually "
        "helps: a lower learning rate of the generator, smaller initial weights, batch normalisation, or the "
        "value_range in which the images really lie"
    )


def samples_leave_the_range(row: Row, past: Past) -> bool:
    """Returns whether a quarter of the samples' values lie outside of the range of the images, where they are cut."""
    return row["out_of_range"] > 0.25


def say_samples_leave_the_range(row: Row, past: Past) -> str:
    """Returns the message of `samples_leave_the_range`."""
    return (
        f"the samples leave the range: {row['out_of_range']:.0%} of their values lie outside of the value_range in "
        "which the networks see images, and are cut off; what usually helps: the value_range that the generator's last "
        "activation makes ((-1, 1) for tanh, (0, 1) for sigmoid)"
    )


def game_oscillates(row: Row, past: Past) -> bool:
    """Returns whether D and G chase each other: D's verdict on samples turns over, and these do not become better.

    In healthy runs the share of samples that D rejects changes by at most 0.27 from probe to probe, a mean of four.
    """
    return past.swing(row, "fake_accuracy") > 0.35 and of_trained(row, "energy_distance") > 0.05


def say_game_oscillates(row: Row, past: Past) -> str:
    """Returns the message of `game_oscillates`."""
    return (
        "the game oscillates: from one measurement to the next the share of samples that the discriminator rejects "
        f"changes by {past.swing(row, 'fake_accuracy'):.0%}, and the samples do not become better; what usually helps: "
        "less momentum (beta_1=0.5 or 0), lower learning rates, larger batches, a gradient penalty (penalty=r1)"
    )


RULES = (
    Rule("discriminator_won", discriminator_has_won, say_discriminator_has_won),
    Rule("discriminator_sure_and_wrong", discriminator_is_sure_and_wrong, say_discriminator_is_sure_and_wrong),
    Rule("discriminator_overfits", discriminator_overfits, say_discriminator_overfits),
    Rule("discriminator_does_not_learn", discriminator_does_not_learn, say_discriminator_does_not_learn),
    Rule("discriminator_blind", discriminator_is_blind, say_discriminator_is_blind, patience=1),
    Rule("discriminator_narrow", discriminator_is_narrow, say_discriminator_is_narrow),
    Rule("generator_collapsed", generator_has_collapsed, say_generator_has_collapsed),
    Rule("generator_saturated", generator_is_saturated, say_generator_is_saturated),
    Rule("game_oscillates", game_oscillates, say_game_oscillates),
    Rule("samples_saturated", samples_are_saturated, say_samples_are_saturated),
    Rule("samples_out_of_range", samples_leave_the_range, say_samples_leave_the_range),
)

# rules on what D says of real images and samples: they hold where G follows it
OF_VERDICT = frozenset(
    {
        "discriminator_won",
        "discriminator_sure_and_wrong",
        "discriminator_does_not_learn",
        "discriminator_blind",
        "generator_saturated",
    }
)


def without_verdict(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Returns those of the rules that also hold where G does not follow what D says of its samples."""
    return tuple(rule for rule in rules if rule.name not in OF_VERDICT)
