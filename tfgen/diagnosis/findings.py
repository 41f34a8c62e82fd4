"""What measurements mean, in words: rules over the rows of probes. Plain Python, a function of the rows alone.

The thresholds lie outside what the default configs' healthy runs show: a mean |D - 1/2| of at most 0.43, and below 0.39
in one of three probes in a row; samples that differ 8 times less than images, in the first epochs of `gan`; a KL of 5
to 15 nats, 1 or more in the busiest latent. Runs that fail show, with 50 times the discriminator's learning rate, a
mean |D - 1/2| above 0.46, and with beta = 50 a KL of 0.3 nats, 0.07 in the busiest latent.
"""

import dataclasses
import math
from collections.abc import Callable

DIVERSITIES = ("diversity", "nearest_diversity")
PATIENCE = 3  # probes in a row for which a condition holds before it is said, or does not before it may be said again


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the diagnosis has seen: the step at which it was sure, a short name, and a sentence with the remedies."""

    step: int
    name: str
    message: str

    def __str__(self):
        return f"step {self.step}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A condition on the latest row, and the sentence that says it.

    Attributes:
        name: of the finding.
        holds: `f(row, past) -> bool`; what a row lacks is NaN, so that no comparison is true.
        message: `f(row, past) -> str`.
        patience: probes in a row, if fewer than the diagnosis' own are enough.
    """

    name: str
    holds: Callable
    message: Callable
    patience: int = 1000


class Row(dict):
    """The measurements of a probe; one that it lacks is NaN."""

    def __missing__(self, name):
        return math.nan


class Past:
    """What the rules need of the rows before the latest."""

    def __init__(self):
        self.first, self.previous, self.lowest, self.highest = None, None, {}, {}

    def add(self, row):
        self.first, self.previous = self.first or row, row
        for name in DIVERSITIES:
            self.highest[name] = max(row[name], self.highest.get(name, 0.0))
        for name in ("loss", "held_out_loss", "generator_loss"):
            if math.isfinite(row[name]) and not row[name] >= self.best(name)[name]:
                self.lowest[name] = row

    def best(self, name):
        """The row in which the measurement `name` was lowest."""
        return self.lowest.get(name, Row())


class Judge:
    """Follows the rows of one run; what it finds depends on the rows alone.

    Args:
        patience: probes in a row that a condition needs.

    Attributes:
        findings: list of `Finding`, oldest first.
    """

    def __init__(self, patience=PATIENCE):
        self.patience, self.findings, self._past = patience, [], Past()
        self._streaks, self._said, self._row = dict.fromkeys(RULES, 0), set(), None

    def see(self, row):
        """Judges the next row, a dict of `step` and measurements; returns the new findings."""
        if self._row is not None:
            self._past.add(self._row)
        self._row = Row(row)
        return self._add(rule for rule in RULES if self._turns(rule))

    def _turns(self, rule):
        """Whether the rule's condition comes to hold with this row."""
        holds, said = rule.holds(self._row, self._past), rule in self._said
        if rule is not NON_FINITE and is_not_finite(self._row, self._past):
            holds = said  # nothing can be told
        self._streaks[rule] = self._streaks[rule] + 1 if holds != said else 0
        if self._streaks[rule] < min(rule.patience, self.patience):
            return False
        self._streaks[rule] = 0
        self._said ^= {rule}
        return holds

    def end(self):
        """No more rows will come: two probes in a row are enough, for a run too short for more."""
        return self._add(rule for rule in RULES if rule not in self._said and self._streaks[rule] >= 2)

    def diverge(self, step):
        """The loss of `step` was not finite, whatever the next row shows."""
        if NON_FINITE in self._said:
            return []
        self._said.add(NON_FINITE)
        self.findings.append(Finding(step, NON_FINITE.name, f"diverged: the loss of step {step} is not finite; {CALM}"))
        return self.findings[-1:]

    def _add(self, rules):
        step = int(self._row["step"]) if self._row else 0
        new = [Finding(step, rule.name, rule.message(self._row, self._past)) for rule in rules]
        self.findings += new
        return new


def judge(rows, patience=PATIENCE):
    """The findings in the rows of a run, list of `Finding`, oldest first."""
    follower = Judge(patience)
    for row in rows:
        follower.see(row)
    return follower.findings


# Adversarial models.


def has_equilibrium(row):
    """Whether D's outputs are log-odds, as those of a cross-entropy, so that D(x) has a meaning."""
    return not math.isnan(row["equilibrium_distance"])


def discriminator_has_won(row, past):
    if has_equilibrium(row):
        return row["equilibrium_distance"] > 0.45 and row["train_separation"] > 0.9
    # the scale of these outputs says nothing, and a critic that is ahead is no failure while the samples improve
    return row["train_separation"] > 0.999 and row["energy_distance"] > 0.1


def say_discriminator_has_won(row, past):
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


def discriminator_overfits(row, past):
    accuracy = row["train_accuracy"] - row["held_out_accuracy"]
    return accuracy > 0.25 and row["train_separation"] - row["held_out_separation"] > 0.15


def say_discriminator_overfits(row, past):
    return (
        f"the discriminator overfits: it takes {row['train_accuracy']:.0%} of the training images for real, but only "
        f"{row['held_out_accuracy']:.0%} of held-out ones; what usually helps: more images, mirrored or augmented ones "
        "(augment), dropout or a gradient penalty in the discriminator, a smaller one, or an earlier end"
    )


def discriminator_does_not_learn(row, past):
    return row["train_separation"] < 0.6 and row["energy_distance"] > 0.1


def say_discriminator_does_not_learn(row, past):
    return (
        f"the discriminator does not learn: it ranks a real image above a sample in {row['train_separation']:.0%} of "
        "pairs (chance is 50%), though the two are plainly different; what usually helps: raise its learning rate or "
        "lower the generator's, more discriminator_steps, less noise, smoothing or dropout, a larger network"
    )


def generator_has_collapsed(row, past):
    """Samples are alike by a factor of twenty, or their diversity has fallen to less than a third of what it was."""
    return least_diverse(row)[1] < 0.05 or any(row[n] < 0.3 * past.highest.get(n, 0.0) for n in DIVERSITIES)


def least_diverse(row):
    return min(((name, row[name]) for name in DIVERSITIES), key=lambda item: item[1])


def say_generator_has_collapsed(row, past):
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


# Variational models and autoencoders.


def posterior_has_collapsed(row, past):
    return row["active_units"] == 0 or row["kl"] < 0.5 or row["kl_latent_max"] < 0.1


def say_posterior_has_collapsed(row, past):
    kl = "" if math.isnan(row["kl"]) else f"KL(q(z|x) || p(z)) = {row['kl']:.2g} nats, "
    return (
        f"posterior collapse: {kl}{row['active_units']:.0f} of {row['latents']:.0f} latents active, so that the "
        "decoder knows next to nothing of the image; what usually helps: lower beta, warm up the KL "
        "(kl_warmup_steps), a weaker decoder, or a lower learning rate"
    )


def latents_are_unused(row, past):
    return 0 < row["active_units"] <= 0.5 * row["latents"] and not posterior_has_collapsed(row, past)


def say_latents_are_unused(row, past):
    unused = row["latents"] - row["active_units"]
    share = "half" if unused == row["latents"] / 2 else "more than half"
    return (
        f"{share} the latents are unused: {unused:.0f} of {row['latents']:.0f} carry nothing of the image; what "
        "usually helps: lower beta, warm up the KL (kl_warmup_steps); or take a smaller latent_dim: they cost nothing"
    )


def reconstructs_the_mean(row, past):
    return row["explained"] < 0.05 and not posterior_has_collapsed(row, past)


def say_reconstructs_the_mean(row, past):
    return (
        f"the reconstructions are no better than the mean image: they explain {max(row['explained'], 0.0):.0%} of the "
        "pixels' variance; what usually helps: another learning rate, more steps, a larger latent_dim or network"
    )


def overfits(row, past):
    best = past.best("held_out_loss")["held_out_loss"]
    gap = row["held_out_loss"] - row["loss"]
    return gap > 0.15 * abs(row["loss"]) and row["held_out_loss"] - best > 0.03 * abs(best)


def say_overfits(row, past):
    best = past.best("held_out_loss")
    return (
        f"the model overfits: the loss on held-out images has risen to {row['held_out_loss']:.4g}, from "
        f"{best['held_out_loss']:.4g} at step {best['step']:.0f}, while that on training images is {row['loss']:.4g}; "
        "what usually helps: stop there, more images, a smaller network, or a smaller latent_dim"
    )


# Every model.


def measured(row):
    return {name: value for name, value in row.items() if name != "step"}


def is_not_finite(row, past):
    return not all(math.isfinite(value) for value in measured(row).values())


def say_not_finite(row, past):
    bad = [name for name, value in measured(row).items() if not math.isfinite(value)]
    return f"diverged: {', '.join(bad[:3])} {'is' if len(bad) == 1 else 'are'} no longer finite; {CALM}"


CALM = "what usually helps: a lower learning rate, --precision=float32 if it was not, a gradient penalty for a critic"


def has_diverged(row, past):
    """The loss stands above its best by more than it ever fell and first was; a generator's, by very much."""
    name = loss_name(row)
    best = past.best(name)[name]
    if name == "loss":
        first = past.first["loss"] if past.first else math.nan
        return row[name] - best > max(abs(first), first - best)
    return row[name] - best > 1000.0


def loss_name(row):
    return "generator_loss" if math.isnan(row["loss"]) else "loss"


def say_diverged(row, past):
    name = loss_name(row)
    best = past.best(name)
    return f"diverged: {name} is {row[name]:.4g}, and was {best[name]:.4g} at step {best['step']:.0f}; {CALM}"


def standing_still(network):
    """The rule that a network's weights do not change from probe to probe."""

    def holds(row, past):
        now = row[f"{network}_weights"]
        return past.previous is not None and abs(now - past.previous[f"{network}_weights"]) <= 1e-7 * abs(now)

    def message(row, past):
        return (
            f"the {network} does not change: its weights are those of the last probe; its learning rate is too "
            f"small, its gradient (norm {row[f'{network}_gradient']:.2g}) vanishes, or it is frozen; what usually "
            "helps: raise its learning rate, or set trainable=True before compile"
        )

    return Rule(f"{network}_stands_still", holds, message, patience=2)


NON_FINITE = Rule("diverged", is_not_finite, say_not_finite, patience=1)
RULES = (
    NON_FINITE,
    Rule("diverged", has_diverged, say_diverged, patience=2),
    *(standing_still(network) for network in ("generator", "discriminator", "encoder", "decoder")),
    Rule("discriminator_won", discriminator_has_won, say_discriminator_has_won),
    Rule("discriminator_overfits", discriminator_overfits, say_discriminator_overfits),
    Rule("discriminator_does_not_learn", discriminator_does_not_learn, say_discriminator_does_not_learn),
    Rule("generator_collapsed", generator_has_collapsed, say_generator_has_collapsed),
    Rule("posterior_collapse", posterior_has_collapsed, say_posterior_has_collapsed),
    Rule("unused_latents", latents_are_unused, say_latents_are_unused),
    Rule("reconstructs_the_mean", reconstructs_the_mean, say_reconstructs_the_mean),
    Rule("overfits", overfits, say_overfits),
)
