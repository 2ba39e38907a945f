"""`python -m rolloutctl`: the same front desk as the `rolloutctl` command."""

from rolloutctl.cli.main import main

if __name__ == "__main__":
    main()
