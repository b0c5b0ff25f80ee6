"""`environment.yml` for conda and Binder, written from `requirements.lock`: the same pins."""

from pathlib import Path

HEADER = """\
# Written by `make lock` from requirements.lock: conda gives Python, pip the pinned packages.
name: linkage-compendium
channels:
  - conda-forge
dependencies:
  - python=3.12
  - make
  - git
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """Return the `name==version ; marker` lines of a lock, without hashes."""
    return [
        line.removesuffix("\\").strip()
        for line in lock.splitlines()
        if "==" in line[:80] and line[0] != " "
    ]


def environment(lock: str) -> str:
    """Return the text of `environment.yml` for the text of a lock."""
    lines = [f'      - "{pin}"\n' for pin in pins(lock)]
    return HEADER + "".join(lines) + '      - "-e ."\n'


def main(root: Path = Path()) -> None:
    """Write `environment.yml`."""
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    (root / "environment.yml").write_text(environment(lock), encoding="utf-8")


if __name__ == "__main__":
    main()
