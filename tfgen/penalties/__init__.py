"""Penalties `penalty(discriminate, real, fake, noise) -> scalar`, added to the discriminator's loss, one per file.

`discriminate` maps images [B, H, W, C] to logits [B, 1], with its conditions already bound: only images are mixed and
differentiated. `noise` provides named random streams. A new penalty is a file with a frozen dataclass and a function
that returns it, and a line here that imports both: then `--set=penalty=NAME(...)` finds it.
"""

from tfgen.penalties.base import Penalty, Seen, squared_gradient_norm, term
from tfgen.penalties.consistency import Consistency, consistency
from tfgen.penalties.dragan import Dragan, dragan
from tfgen.penalties.gradient_penalty import Interpolated, gradient_penalty
from tfgen.penalties.lecam import LeCam, lecam
from tfgen.penalties.r1 import R1, r1
from tfgen.penalties.r2 import R2, r2
from tfgen.penalties.total import Total, r1_r2, total
