"""The rows of docs/tricks.md: what each trick says, its option here, and the recipes with and without it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Trick:
    """A trick of "How to train a GAN".

    Attributes:
        number: its number there.
        says: what it says.
        option: what it is here.
        sides: "with" and "without" -> (recipe, options); none where there is nothing to compare.
        why: the reason for that.
    """

    number: int
    says: str
    option: str
    sides: dict = dataclasses.field(default_factory=dict)
    why: str = ""


def of_dcgan(yes=None, no=None):
    """Returns both sides of a trick, what differs from the recipe of `dcgan` with it and without: one of them alone."""
    return {"with": ("dcgan", yes or {}), "without": ("dcgan", no or {})}


ROWS = (
    Trick(
        1,
        "inputs in -1..1, tanh at the end of G",
        "`output=tanh`, the default",
        of_dcgan(no={"output": "sigmoid"}),
    ),
    Trick(
        2,
        "G maximises log D instead of minimising log(1 - D)",
        "`loss=non_saturating`, the default",
        of_dcgan(no={"loss": "minimax"}),
    ),
    Trick(
        3,
        "z from a Gaussian, not from a cube",
        "`prior=normal`",
        of_dcgan({"prior": "normal"}),
    ),
    Trick(
        4,
        "batch norm, and batches all real or all generated",
        "`normalize=true`; batches are never mixed",
        of_dcgan({"normalize": True}),
    ),
    Trick(5, "no sparse gradients: leaky ReLU, strides", "so are all networks", why="built in"),
    Trick(
        6,
        "soft labels",
        "`label_smoothing=0.1`, one-sided",
        of_dcgan({"label_smoothing": 0.1}),
    ),
    Trick(
        7,
        "DCGAN where it can be used",
        "`--model=dcgan` instead of `gan`",
        {"with": ("dcgan", {}), "without": ("gan", {})},
    ),
    Trick(8, "stability tricks of reinforcement learning", "none", why="no option: no memory of earlier samples"),
    Trick(
        9,
        "Adam for G, SGD for D",
        "from Python, `compile(discriminator_optimizer=...)`",
        why="no option: from Python alone",
    ),
    Trick(10, "see failures early", "the diagnosis", why="nothing in the training"),
    Trick(11, "no balancing by the losses' values", "`discriminator_steps` is a constant", why="built in"),
    Trick(
        12,
        "labels where there are any",
        "`--model=cgan` instead of `dcgan`",
        {"with": ("cgan", {}), "without": ("dcgan", {})},
    ),
    Trick(13, "noise on D's inputs", "`instance_noise=0.1`", of_dcgan({"instance_noise": 0.1})),
    Trick(14, "more updates of D", "`discriminator_steps=2`", of_dcgan({"discriminator_steps": 2})),
    Trick(
        15,
        "batch discrimination",
        "`minibatch_deviation=true` (Karras et al. 2018)",
        of_dcgan({"minibatch_deviation": True}),
    ),
    Trick(16, "labels of conditional models by an embedding", "so does `cgan`", why="built in"),
    Trick(17, "dropout in G, when it samples too", "`pix2pix` alone", why="no option in `dcgan`"),
)
