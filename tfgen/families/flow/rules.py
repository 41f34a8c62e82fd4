"""Rules for flows: a network that learns nothing of the data, and overfitting.

The thresholds are plain choices: the default runs stay within them, and no rigged runs have been tried.
"""

from tfgen.diagnosis.rules import Past, Row, Rule


def learns_nothing(row: Row, past: Past) -> bool:
    """Returns whether the network explains next to nothing of what it learns, at no time."""
    return max(row["explained_early"], row["explained_middle"], row["explained_late"]) < 0.05


def say_learns_nothing(row: Row, past: Past) -> str:
    """Returns the message of `learns_nothing`."""
    best = max(row["explained_early"], row["explained_middle"], row["explained_late"])
    return (
        f"the flow has learned nothing: it explains {max(best, 0.0):.0%} of the variance of its target at best; what "
        "usually helps: another learning rate, more steps, a larger network"
    )


def overfits(row: Row, past: Past) -> bool:
    """Returns whether the error on held-out examples has risen while that on training examples is lower."""
    best = past.best("held_out_error")["held_out_error"]
    return row["held_out_error"] > 1.1 * row["train_error"] and row["held_out_error"] > 1.03 * best


def say_overfits(row: Row, past: Past) -> str:
    """Returns the message of `overfits`."""
    best = past.best("held_out_error")
    return (
        f"the flow overfits: its error on held-out examples has risen to {row['held_out_error']:.4g}, from "
        f"{best['held_out_error']:.4g} at step {best['step']:.0f}, and is {row['train_error']:.4g} on training "
        "examples; what usually helps: fewer steps, more data, mirrored images, more dropout, a smaller network"
    )


RULES = (
    Rule("flow_learns_nothing", learns_nothing, say_learns_nothing),
    Rule("flow_overfits", overfits, say_overfits),
)
