"""``python -m tumorcast_platform`` is the ``tumorcast`` command."""

from tumorcast_platform.cli import main

if __name__ == "__main__":
    main()
