"""``python -m leanspike``: the command line."""

from leanspike.cli.main import main

if __name__ == "__main__":
    main()
