"""``python -m falsifiable`` is the command ``contract``."""

from falsifiable.cli import main

if __name__ == "__main__":
    main()
