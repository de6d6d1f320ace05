"""``python -m loadtest``."""

from loadtest.cli.main import main

if __name__ == "__main__":
    main()
