"""``python -m ignite_unlearn`` is the launcher, too."""

from ignite_unlearn.cli import main

if __name__ == "__main__":
    main(prog_name="ignite-unlearn")
