"""Differentiable augmentations `augment(images, noise)` of what the discriminator sees, both real and generated.

One formula per file. A new one is a file with a frozen dataclass and a function that returns it, and a line here that
imports both: then `--set=augment=NAME(...)` finds it.
"""

from tfgen.augment.adaptive import Adaptive, adaptive
from tfgen.augment.base import Augment
from tfgen.augment.chain import Chain, chain
from tfgen.augment.color import Color, color
from tfgen.augment.cutout import Cutout, cutout
from tfgen.augment.diff_augment import diff_augment
from tfgen.augment.instance_noise import InstanceNoise, instance_noise
from tfgen.augment.mirror import Mirror, mirror
from tfgen.augment.translate import Translate, translate
