"""Would the tests notice? Every function of a module is broken in small ways, and each time some test must fail.

``make mutants MODULES="margin/contracts margin/account"`` breaks one module after the other, with mutmut, and runs
the module's own tests, ``tests/<room>/test_<module>.py``; ``MODULES="simulation/state:simulation/engine"`` names the
tests of other modules instead, with commas between several. It happens in a copy under ``_build/mutants``. Left
alone: defaults of dataclasses, and functions under any decorator but ``staticmethod`` and ``classmethod``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
WORK = ROOT / "_build/mutants"
LEAST = 0.95
# A mutant that runs for ever, or out of its time, has been noticed too.
NOTICED = {"killed", "timeout", "segfault"}

# A mutant is given up after four times what its tests take: it may hold the machine, and its memory, for ever.
SETTINGS = """\
[mutmut]
source_paths=
    marginlab
only_mutate=
    marginlab/{module}.py
pytest_add_cli_args_test_selection=
    {tests}
use_git_change_detection=false
timeout_multiplier=2
"""

# A failing example is enough; the smallest one would only take longer.
UNSHRUNK = """
from hypothesis import Phase, settings

settings.register_profile("mutants", settings.get_profile("marginlab"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("mutants")
"""


class Result(NamedTuple):
    """How each mutant of a module fared."""

    module: str
    statuses: dict[str, str]
    seconds: float

    @property
    def survivors(self) -> list[str]:
        return [mutant for mutant, status in self.statuses.items() if status not in NOTICED]

    @property
    def ratio(self) -> float:
        return 1 - len(self.survivors) / len(self.statuses)

    def __str__(self) -> str:
        survived, total = len(self.survivors), len(self.statuses)
        counts = f"{total - survived:4} killed {survived:4} survived {self.ratio:8.1%}"
        return f"{self.module:28}{counts} {self.seconds:6.0f} s"


def mutmut(*arguments: str, cwd: Path) -> str:
    """Return what mutmut prints, and stop with it where it fails."""
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        # Its progress is one long line of returns.
        raise SystemExit("\n".join([*done.stdout.replace("\r", "\n").splitlines()[-60:], f"in {cwd}"]))
    return done.stdout


def copy_for(module: str, tests: Iterable[str]) -> Path:
    """Return a fresh copy of package and tests, set up to break one module."""
    files = [f"tests/{Path(test).parent}/test_{Path(test).name}.py" for test in tests]
    missing = [file for file in (f"marginlab/{module}.py", *files) if not (ROOT / file).is_file()]
    if missing:
        raise SystemExit(f"MODULES must name modules that have tests, or module:tests; there is no {missing[0]}")
    there = WORK / module
    shutil.rmtree(there, ignore_errors=True)
    for folder in ("marginlab", "tests"):
        shutil.copytree(ROOT / folder, there / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", there)
    (there / "setup.cfg").write_text(SETTINGS.format(module=module, tests="\n    ".join(files)), encoding="utf-8")
    with (there / "tests/conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(UNSHRUNK)
    return there


def run(word: str, children: int) -> Result:
    """Break one module, named as ``module`` or ``module:tests``, and print what survives."""
    module, _, named = word.partition(":")
    there, start = copy_for(module, (named or module).split(",")), time.monotonic()
    print(f"{module}: {there.relative_to(ROOT)}", flush=True)
    mutmut("run", "--max-children", str(children), cwd=there)
    lines = [line.strip().rsplit(": ", 1) for line in mutmut("results", "--all", "true", cwd=there).splitlines()]
    result = Result(module, dict(lines), time.monotonic() - start)
    for mutant in result.survivors:
        print(f"\n{mutant}: {result.statuses[mutant]}")
        changed = mutmut("show", mutant, cwd=there).splitlines()
        print("\n".join(line for line in changed if line[:2] in ("- ", "+ ")), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", metavar="module[:tests]")
    parser.add_argument("--children", type=int, default=1, help="mutants tried at the same time")
    chosen = parser.parse_args()
    results = [run(word, chosen.children) for word in chosen.modules]
    print("", *results, sep="\n")
    weak = [result.module for result in results if result.ratio < LEAST]
    if weak:
        raise SystemExit(f"at least {LEAST:.0%} must be killed; not so in {', '.join(weak)}")


if __name__ == "__main__":
    main()
