"""Rules for models with an exact likelihood: overfitting."""

from tfgen.diagnosis.rules import Past, Row, Rule


def overfits(row: Row, past: Past) -> bool:
    """Returns whether the held-out likelihood has fallen while that of training images is higher."""
    best = past.best("held_out_nll")["held_out_nll"]
    gap = row["held_out_nll"] - row["train_nll"]
    return gap > 0.1 * abs(row["train_nll"]) and row["held_out_nll"] - best > 0.03 * abs(best)


def say_overfits(row: Row, past: Past) -> str:
    """Returns the message of `overfits`."""
    best = past.best("held_out_nll")
    return (
        f"the model overfits: -log p of held-out images has risen to {row['held_out_nll']:.4g} nats, from "
        f"{best['held_out_nll']:.4g} at step {best['step']:.0f}, while that of training images is "
        f"{row['train_nll']:.4g}; what usually helps: stop there, more images, dropout, a smaller network"
    )


RULES = (Rule("likelihood_overfits", overfits, say_overfits),)
