"""`python -m functionfuse` is the command `functionfuse`."""

from functionfuse.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
