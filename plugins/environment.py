"""Makes a virtual environment that sees another one's packages: torch's gigabytes are not installed a second time."""

from __future__ import annotations

import argparse
import subprocess
import venv
from pathlib import Path

_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"


def packages(python: Path) -> Path:
    """Returns the folder of an environment's packages."""
    return Path(subprocess.run([python, "-c", _PACKAGES], check=True, capture_output=True, text=True).stdout.strip())


def main() -> None:
    """Makes the environment; see ``make test-plugins``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the new environment")
    parser.add_argument("--borrow", type=Path, required=True, metavar="PYTHON", help="of the other environment")
    asked = parser.parse_args()
    venv.create(asked.folder, with_pip=True, symlinks=True)
    borrowed = packages(asked.borrow.absolute())
    # addsitedir, since a plain path would not bring the editable installs of that folder.
    line = f"import site; site.addsitedir({str(borrowed)!r})\n"
    (packages(asked.folder.absolute() / "bin" / "python") / "borrowed.pth").write_text(line, encoding="utf-8")


if __name__ == "__main__":
    main()
