"""Rules for autoencoders: posterior collapse, unused latents, constant reconstructions, overfitting.

The thresholds lie outside the range of healthy runs of the default configs: there the KL is 5 to 15 nats per image, and
at least 1 in the latent with the largest KL. With beta = 50 a run fails: its KL is 0.3 nats, 0.07 in that latent.
"""

import math

from tfgen.diagnosis.rules import Past, Row, Rule


def posterior_has_collapsed(row: Row, past: Past) -> bool:
    """Returns whether q(z|x) hardly differs from the prior."""
    return row["active_units"] == 0 or row["kl"] < 0.5 or row["kl_latent_max"] < 0.1


def say_posterior_has_collapsed(row: Row, past: Past) -> str:
    """Returns the message of `posterior_has_collapsed`."""
    kl = "" if math.isnan(row["kl"]) else f"KL(q(z|x) || p(z)) = {row['kl']:.2g} nats, "
    return (
        f"posterior collapse: {kl}{row['active_units']:.0f} of {row['latents']:.0f} latents active, so that the "
        "decoder knows next to nothing of the image; what usually helps: lower beta, warm up the KL "
        "(kl_warmup_steps), a weaker decoder, or a lower learning rate"
    )


def latents_are_unused(row: Row, past: Past) -> bool:
    """Returns whether at least half of the latents, but not all, are inactive."""
    return 0 < row["active_units"] <= 0.5 * row["latents"] and not posterior_has_collapsed(row, past)


def say_latents_are_unused(row: Row, past: Past) -> str:
    """Returns the message of `latents_are_unused`."""
    unused = row["latents"] - row["active_units"]
    share = "half" if unused == row["latents"] / 2 else "more than half"
    return (
        f"{share} the latents are unused: {unused:.0f} of {row['latents']:.0f} carry nothing of the image; what "
        "usually helps: lower beta, warm up the KL (kl_warmup_steps); or take a smaller latent_dim: they cost nothing"
    )


def reconstructs_the_mean(row: Row, past: Past) -> bool:
    """Returns whether reconstructions are hardly better than the mean image."""
    return row["explained"] < 0.05 and not posterior_has_collapsed(row, past)


def say_reconstructs_the_mean(row: Row, past: Past) -> str:
    """Returns the message of `reconstructs_the_mean`."""
    return (
        f"the reconstructions are no better than the mean image: they explain {max(row['explained'], 0.0):.0%} of the "
        "pixels' variance; what usually helps: another learning rate, more steps, a larger latent_dim or network"
    )


def overfits(row: Row, past: Past) -> bool:
    """Returns whether the loss on held-out images has risen while that on training images is lower."""
    best = past.best("held_out_loss")["held_out_loss"]
    gap = row["held_out_loss"] - row["loss"]
    return gap > 0.15 * abs(row["loss"]) and row["held_out_loss"] - best > 0.03 * abs(best)


def say_overfits(row: Row, past: Past) -> str:
    """Returns the message of `overfits`."""
    best = past.best("held_out_loss")
    return (
        f"the model overfits: the loss on held-out images has risen to {row['held_out_loss']:.4g}, from "
        f"{best['held_out_loss']:.4g} at step {best['step']:.0f}, while that on training images is {row['loss']:.4g}; "
        "what usually helps: stop there, more images, a smaller network, or a smaller latent_dim"
    )


RECONSTRUCTION_RULES = (Rule("reconstructs_the_mean", reconstructs_the_mean, say_reconstructs_the_mean),)
LATENT_RULES = (
    Rule("posterior_collapse", posterior_has_collapsed, say_posterior_has_collapsed),
    Rule("unused_latents", latents_are_unused, say_latents_are_unused),
    *RECONSTRUCTION_RULES,
    Rule("overfits", overfits, say_overfits),
)
