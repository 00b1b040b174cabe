"""`python -m jesse_nb.cli`."""

import sys

from jesse_nb.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
