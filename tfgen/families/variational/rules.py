"""Rules for autoencoders: posterior collapse, latents too many or too few, codes far from the prior, overfitting.

The thresholds lie outside the range of healthy runs of the default configs: there the KL is 5 to 17 nats per image, 0.3
to 1.3 in the median latent and at least 1 in the one with the largest KL, the standard deviation of q(z|x) is 0.4 to
0.6, and the energy distance of q(z) and p(z) is 0.003 to 0.11. With beta = 50 a run fails: its KL is 0.3 nats, 0.07 in
the largest latent. With beta = 1e-4 it has 130 to 360 nats, and a distance of 0.34 to 0.5.
"""

import math

from tfgen.diagnosis.rules import Past, Row, Rule

FULL = 1.8  # nats in the median latent; of healthy models at most 1.5
KL_WITHOUT_WEIGHT = (
    "the KL divergence has no weight (beta is 0): nothing draws the codes of images to the prior, from which samples "
    "are made; what usually helps: a larger beta (1); for codes alone, an autoencoder without a prior (the model ae)"
)
WORTH = 0.05  # of the variance that one more latent may explain, from which on it is missing


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


def latents_are_thin(row: Row, past: Past) -> bool:
    """Returns whether the information is spread over so many latents that each has next to none."""
    collapsed = posterior_has_collapsed(row, past) or latents_are_unused(row, past)
    known = not math.isnan(row["kl_latent_max"])  # without a closed form nothing is said of single latents
    return known and row["latents"] >= 32 and row["kl"] < 0.1 * row["latents"] and not collapsed


def say_latents_are_thin(row: Row, past: Past) -> str:
    """Returns the message of `latents_are_thin`."""
    return (
        f"the latents are too many: {row['kl']:.3g} nats are spread over {row['latents']:.0f} of them, none with more "
        f"than {row['kl_latent_max']:.2g}, most of it lost in their noise; what usually helps: a smaller latent_dim"
    )


def latents_are_few(row: Row, past: Past) -> bool:
    """Returns whether all latents are full, and one more would explain a good part of the variance."""
    full = row["active_units"] == row["latents"] and row["kl_latent_median"] > FULL
    return full and row["one_more"] > WORTH and row["explained"] >= 0.05


def say_latents_are_few(row: Row, past: Past) -> str:
    """Returns the message of `latents_are_few`."""
    each = "the only one carries" if row["latents"] == 1 else f"each of {row['latents']:.0f} carries"
    return (
        f"the latents are too few: {each} {row['kl_latent_median']:.2g} nats, and the reconstructions explain "
        f"{row['explained']:.0%} of the pixels' variance, where one more could explain another {row['one_more']:.0%}; "
        "what usually helps: a larger latent_dim"
    )


def is_far_from_prior(row: Row, past: Past) -> bool:
    """Returns whether codes of images lie where the prior does not; few latents begin so, with fewer nats."""
    return row["aggregate_distance"] > 0.2 and not row["kl"] <= 30.0


def say_far_from_prior(row: Row, past: Past) -> str:
    """Returns the message of `is_far_from_prior`."""
    kl = "" if math.isnan(row["kl"]) else f", KL(q(z|x) || p(z)) = {row['kl']:.0f} nats"
    return (
        f"the codes of images lie far from the prior (energy distance {row['aggregate_distance']:.2f} of at most "
        f"1{kl}): samples come from places that the decoder has not seen; what usually helps: a larger beta (1), a "
        "wider likelihood (sigma), a smaller latent_dim"
    )


def has_no_noise(row: Row, past: Past) -> bool:
    """Returns whether the codes have next to no noise."""
    return row["posterior_sd"] < 0.02


def say_no_noise(row: Row, past: Past) -> str:
    """Returns the message of `has_no_noise`."""
    return (
        f"the codes have no noise: the standard deviation of q(z|x) is {row['posterior_sd']:.2g}, so that the decoder "
        "sees single points of the latent space, as that of a plain autoencoder does; what usually helps: a larger "
        "beta (1), a wider likelihood (sigma)"
    )


def codebook_is_idle(row: Row, past: Past) -> bool:
    """Returns whether the codes in use say no more than a tenth of the codebook, used alike, could."""
    return row["code_perplexity"] < 0.1 * row["codes"]


def say_codebook_is_idle(row: Row, past: Past) -> str:
    """Returns the message of `codebook_is_idle`."""
    return (
        f"the codebook uses {row['codes_in_use']:.0f} of {row['codes']:.0f} codes (perplexity "
        f"{row['code_perplexity']:.3g}): the images are told apart by few codes; what usually helps: restarts of dead "
        "codes (restart_below=0.01), a smaller commitment, a lower learning rate; or fewer codes: they cost nothing"
    )


def idle_layers(row: Row) -> list[int]:
    """Returns the layers of latents, 1 the lowest, whose divergence is next to nothing."""
    return [n for n in range(1, int(row["layers"]) + 1) if row[f"kl_layer_{n}"] < 0.1] if "layers" in row else []


def layer_is_idle(row: Row, past: Past) -> bool:
    """Returns whether a layer, but not all, says nothing of the image."""
    return 0 < len(idle_layers(row)) < row["layers"] and not posterior_has_collapsed(row, past)


def say_layer_is_idle(row: Row, past: Past) -> str:
    """Returns the message of `layer_is_idle`."""
    idle = idle_layers(row)
    which = "layer " + " and ".join(map(str, idle)) if len(idle) < 3 else "layers " + ", ".join(map(str, idle))
    nats = max(row[f"kl_layer_{number}"] for number in idle)
    return (
        f"of {row['layers']:.0f} layers of latents, of which 1 is the lowest, {which} says nothing of the image "
        f"({nats:.2g} nats): the layers below do without; what usually helps: free_bits=1, a warm-up of the KL "
        "(kl_warmup_steps), or fewer layers: they cost nothing"
    )


# that a ladder's layer may break by itself: its latents are many, and most of them idle
OF_SINGLE_LATENTS = ("unused_latents", "latents_too_many", "latents_too_few")
LAYER_RULES = (Rule("layer_idle", layer_is_idle, say_layer_is_idle),)
CODEBOOK_RULES = (Rule("codebook_idle", codebook_is_idle, say_codebook_is_idle),)
RECONSTRUCTION_RULES = (Rule("reconstructs_the_mean", reconstructs_the_mean, say_reconstructs_the_mean),)
LATENT_RULES = (
    Rule("posterior_collapse", posterior_has_collapsed, say_posterior_has_collapsed),
    Rule("unused_latents", latents_are_unused, say_latents_are_unused),
    Rule("latents_too_many", latents_are_thin, say_latents_are_thin),
    Rule("latents_too_few", latents_are_few, say_latents_are_few),
    Rule("far_from_prior", is_far_from_prior, say_far_from_prior),
    Rule("no_noise", has_no_noise, say_no_noise),
    *RECONSTRUCTION_RULES,
    Rule("overfits", overfits, say_overfits),
)
