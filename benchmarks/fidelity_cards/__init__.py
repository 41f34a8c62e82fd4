"""What the papers (and the authors' code, where a card says so) state of their models, and why ours differ."""

from benchmarks.fidelity_cards import adversarial, autoencoders, conditional, exact, flows, translation, variational
from benchmarks.fidelity_cards.card import Card

CARDS: tuple[Card, ...] = (
    *adversarial.CARDS,
    *conditional.CARDS,
    *autoencoders.CARDS,
    *variational.CARDS,
    *exact.CARDS,
    *translation.CARDS,
    *flows.CARDS,
)
