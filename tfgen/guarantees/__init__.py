"""What every model promises, as functions that find out: the work of `python -m tfgen.check`, and of the test suite.

    for finding in check_model("my_gan"):
        print(finding.text)

A guarantee is a function of a `Subject` that returns nothing, or raises: `Broken` with a sentence on what was expected
and what came, `LeftOut` where it does not apply to the model, or whatever the model's own code raises.
"""

from tfgen.guarantees.checking import Finding, check_model, check_subject
from tfgen.guarantees.subject import Broken, LeftOut, Subject
from tfgen.guarantees.table import GUARANTEES, Guarantee

__all__ = ["GUARANTEES", "Broken", "Finding", "Guarantee", "LeftOut", "Subject", "check_model", "check_subject"]
