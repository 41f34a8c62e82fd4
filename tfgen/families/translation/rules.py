"""Rules for translation: pictures no better than the mean one, overfitting, and ways back that do not come back.

The thresholds are plain choices: two healthy runs of `pix2pix` stay within them, and no rigged runs have been tried.
"""

from tfgen.diagnosis.rules import Past, Row, Rule


def makes_the_mean(row: Row, past: Past) -> bool:
    """Returns whether translations are hardly better than the mean picture."""
    return row["explained"] < 0.05


def say_makes_the_mean(row: Row, past: Past) -> str:
    """Returns the message of `makes_the_mean`."""
    return (
        f"the translations are no better than the mean picture: they explain {max(row['explained'], 0.0):.0%} of the "
        "pixels' variance; what usually helps: check that sources and images belong together, a larger pixel_weight, "
        "another learning rate, more steps"
    )


def overfits(row: Row, past: Past) -> bool:
    """Returns whether the error on held-out pictures has risen while that on training pictures is much lower."""
    best = past.best("held_out_error")["held_out_error"]
    return row["held_out_error"] > 1.5 * row["train_error"] and row["held_out_error"] > 1.15 * best


def say_overfits(row: Row, past: Past) -> str:
    """Returns the message of `overfits`."""
    best = past.best("held_out_error")
    return (
        f"the generator overfits: its mean error is {row['held_out_error']:.3f} on held-out pictures, "
        f"{best['held_out_error']:.3f} at step {best['step']:.0f}, and {row['train_error']:.3f} on training pictures; "
        "what usually helps: fewer steps, more pictures, mirrored ones, more dropout, a smaller network"
    )


def does_not_come_back(row: Row, past: Past) -> bool:
    """Returns whether the way there and back loses a picture: more than half of what it had lost at first."""
    start = max(past.start["forth_cycle_error"], past.start["back_cycle_error"])
    return max(row["forth_cycle_error"], row["back_cycle_error"]) > max(0.25, 0.5 * start)


def say_does_not_come_back(row: Row, past: Past) -> str:
    """Returns the message of `does_not_come_back`."""
    return (
        f"the way there and back does not come back: the mean error is {row['forth_cycle_error']:.2f} from A and "
        f"{row['back_cycle_error']:.2f} from B, so that a translation may be of any picture; what usually helps: a "
        "larger cycle_weight, a lower learning rate, more steps"
    )


def stands_still(row: Row, past: Past) -> bool:
    """Returns whether translators leave every picture as it is."""
    return row["forth_change"] < 0.005 and row["back_change"] < 0.005


def say_stands_still(row: Row, past: Past) -> str:
    """Returns the message of `stands_still`."""
    return (
        f"the translators leave pictures as they are: they change them by {row['forth_change']:.2%} and "
        f"{row['back_change']:.2%} of the range; what usually helps: a smaller cycle_weight or identity_weight, a "
        "larger learning rate of the discriminators"
    )


RULES = (
    Rule("translates_to_the_mean", makes_the_mean, say_makes_the_mean),
    Rule("translation_overfits", overfits, say_overfits),
)
CYCLE_RULES = (
    Rule("cycle_is_lost", does_not_come_back, say_does_not_come_back),
    Rule("translation_stands_still", stands_still, say_stands_still),
)
