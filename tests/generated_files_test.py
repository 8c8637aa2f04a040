"""The generated files in the tree are what the program would write now.

The reference, the editor types and .luacheckrc come from one registry; whoever changes an entry runs
`tidewatch reference` and commits the difference. This test makes them again elsewhere and compares.
"""

import argparse
import difflib
import json
import pathlib
import subprocess
import sys
import tempfile

FILES = ["docs/reference/script-api.md", "docs/reference/api.json", "scripts/types/tidewatch.lua", ".luacheckrc"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build")
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.binary).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder)
        subprocess.run([binary, "reference", fresh / "docs" / "reference"], check=True, stdout=subprocess.DEVNULL)
        for name in FILES:
            made = (fresh / name).read_text(encoding="utf-8")
            kept = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
            if made == kept:
                continue
            failures += 1
            print(f"{name} is not what `tidewatch reference` writes; run it and commit the difference")
            difference = difflib.unified_diff(kept.splitlines(), made.splitlines(), "in the tree", "made now", lineterm="")
            print("\n".join(list(difference)[:30]))
        entries = json.loads((fresh / "docs" / "reference" / "api.json").read_text(encoding="utf-8"))
        silent = [entry["name"] for entry in entries if not entry["text"]]
        if len(entries) < 50 or silent:
            failures += 1
            print(f"api.json: expected at least 50 entries, each with a text; got {len(entries)}, without a text: {silent}")
    print("generated files:", "equal" if not failures else f"{failures} problems")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
