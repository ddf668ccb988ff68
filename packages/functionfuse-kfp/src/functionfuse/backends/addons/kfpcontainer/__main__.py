"""The command of a component; `--check` instead sees whether an image holds what is needed."""

from __future__ import annotations

import sys

from functionfuse.backends.addons.kfpcontainer._command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
