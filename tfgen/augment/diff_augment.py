"""DiffAugment (Zhao et al. 2020): colour, translation and cutout."""

from collections.abc import Callable

from tfgen.augment.base import Augment
from tfgen.augment.chain import Chain
from tfgen.augment.color import color
from tfgen.augment.cutout import cutout
from tfgen.augment.mirror import mirror
from tfgen.augment.translate import translate
from tfgen.errors import UserError, nearest

Make = Callable[[], Augment]
POLICIES: dict[str, Make] = {"color": color, "translation": translate, "cutout": cutout, "mirror": mirror}


def diff_augment(policy: str = "color,translation,cutout") -> Augment:
    """Returns the augmentations that `policy` names, in its order: color, translation, cutout, mirror.

    Raises:
        UserError: it names another one, or none.
    """
    names = [name.strip() for name in policy.split(",")]
    for name in names:
        if name not in POLICIES:
            hint = nearest(name, POLICIES) or f"; expected some of {', '.join(POLICIES)}, separated by commas"
            raise UserError(f"augment: there is no policy {name!r}{hint}")
    return Chain(tuple(POLICIES[name]() for name in names))
