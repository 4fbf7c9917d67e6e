"""``python -m falsifiable.samples FOLDER`` writes every specimen below FOLDER, unless they are there already."""

import sys
from pathlib import Path

from falsifiable.samples import write_specimens

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m falsifiable.samples FOLDER")
    for role, path in write_specimens(Path(sys.argv[1])).items():
        sys.stdout.write(f"{role}: {path}\n")
