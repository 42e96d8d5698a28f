"""`python -m imafarm`: the command `imafarm`, of the Python that runs it."""

from imafarm.cli import main

if __name__ == "__main__":
    main()
