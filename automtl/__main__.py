"""``python -m automtl`` is ``automtl``."""

from automtl.cli import main

if __name__ == "__main__":
    main()
