"""`python -m grfkit`: the command line."""

import sys

from grfkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
