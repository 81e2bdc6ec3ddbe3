"""``python -m slowwave`` is ``slowwave``."""

from slowwave.cli import main

if __name__ == "__main__":
    main()
