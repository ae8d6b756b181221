"""``python -m preprocessing <stage>``."""

from preprocessing.cli import main

if __name__ == "__main__":
    main()
