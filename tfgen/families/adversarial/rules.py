"""Rules for adversarial models: a discriminator that has won, overfits or does not learn, a collapsed generator.

The thresholds lie outside the range of healthy runs of the default configs: there the mean |D - 1/2| is at most 0.43,
and below 0.39 in one of three consecutive probes; samples differ up to 8 times less than images, in the first epochs of
`gan`. Runs that fail, with 50 times the discriminator's learning rate, have a mean |D - 1/2| above 0.46.
"""

import math

from tfgen.diagnosis.rules import CALM, Past, Row, Rule

DIVERSITIES = ("diversity", "nearest_diversity")


def has_equilibrium(row: Row) -> bool:
    """Returns whether D's outputs are log-odds, as with a cross-entropy, so that D(x) is a probability."""
    return not math.isnan(row["equilibrium_distance"])


def discriminator_has_won(row: Row, past: Past) -> bool:
    """Returns whether D separates real images and samples so well that G receives almost no gradient."""
    if has_equilibrium(row):
        return row["equilibrium_distance"] > 0.45 and row["train_separation"] > 0.9
    # the scale of these outputs has no meaning, and a critic that is ahead is not a failure while samples improve
    return row["train_separation"] > 0.999 and row["energy_distance"] > 0.1


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


def discriminator_does_not_learn(row: Row, past: Past) -> bool:
    """Returns whether D cannot separate real images and samples although their distributions differ."""
    return row["train_separation"] < 0.6 and row["energy_distance"] > 0.1


def say_discriminator_does_not_learn(row: Row, past: Past) -> str:
    """Returns the message of `discriminator_does_not_learn`."""
    return (
        f"the discriminator does not learn: it ranks a real image above a sample in {row['train_separation']:.0%} of "
        "pairs (chance is 50%), though the two are plainly different; what usually helps: raise its learning rate or "
        "lower the generator's, more discriminator_steps, less noise, smoothing or dropout, a larger network"
    )


def generator_has_collapsed(row: Row, past: Past) -> bool:
    """Returns whether samples are twenty times less diverse than images, or less than a third as diverse as before."""
    return least_diverse(row)[1] < 0.05 or any(row[n] < 0.3 * past.highest(n) for n in DIVERSITIES)


def least_diverse(row: Row) -> tuple[str, float]:
    """Returns (name, value) of the smaller one of the two measurements of diversity."""
    return min(((name, row[name]) for name in DIVERSITIES), key=lambda item: item[1])


def say_generator_has_collapsed(row: Row, past: Past) -> str:
    """Returns the message of `generator_has_collapsed`."""
    name, ratio = least_diverse(row)
    less = f"{1 / ratio:.{0 if ratio < 0.2 else 1}f} times less" if ratio > 1e-3 else "over 1000 times less"
    seen = {
        "diversity": f"its samples differ among themselves {less} than real images",
        "nearest_diversity": f"its samples are few: each differs from the one most like it {less} than a real image",
    }
    return (
        f"the generator has collapsed: {seen[name]}; what usually helps: lower both learning rates, a gradient penalty "
        "or loss=hinge, instance noise, larger batches, or to train anew with another seed"
    )


def has_diverged(row: Row, past: Past) -> bool:
    """Returns whether G's loss exceeds its best by more than 1000."""
    return row["generator_loss"] - past.best("generator_loss")["generator_loss"] > 1000.0


def say_diverged(row: Row, past: Past) -> str:
    """Returns the message of `has_diverged`."""
    best = past.best("generator_loss")
    return (
        f"diverged: generator_loss is {row['generator_loss']:.4g}, and was {best['generator_loss']:.4g} at step "
        f"{best['step']:.0f}; {CALM}"
    )


RULES = (
    Rule("diverged", has_diverged, say_diverged, patience=2),
    Rule("discriminator_won", discriminator_has_won, say_discriminator_has_won),
    Rule("discriminator_overfits", discriminator_overfits, say_discriminator_overfits),
    Rule("discriminator_does_not_learn", discriminator_does_not_learn, say_discriminator_does_not_learn),
    Rule("generator_collapsed", generator_has_collapsed, say_generator_has_collapsed),
)
