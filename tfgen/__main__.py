"""`python -m tfgen COMMAND`, the same as the console script `tfgen COMMAND`."""

import sys

from tfgen.cli import main

if __name__ == "__main__":
    sys.exit(main())
