"""Makes the records of what ccxt returns for real positions and balances.

``python -m tests.portfolio.make_ccxt_positions ENVIRONMENTS`` takes a folder of environments of Python, each with one
version of ccxt (``python -m venv 4.5.90`` and ``4.5.90/bin/pip install ccxt==4.5.90``). Of each record in
``ccxt_positions.json`` and ``ccxt_balances.json`` it writes anew in which functions of ccxt's sources its raw example
stands, and what the parsers of these versions return for it, if it does or was reported; what was recorded by hand
stays. A new example is a new record, with its raw text and without these two.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILES = [HERE / "ccxt_positions.json", HERE / "ccxt_balances.json"]
Record = dict[str, Any]


def asked(environment: Path, records: list[Record]) -> dict[str, Any]:
    """Return what a version answers."""
    command = [environment / "bin" / "python", HERE / "ccxt_parsers.py"]
    done = subprocess.run(command, input=json.dumps(records), capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def with_answers(record: Record, answers: dict[str, dict[str, Any]]) -> Record:
    """Return a record with where it stands and what each version says, equal answers once."""
    where: set[str] = set()
    parsed: list[tuple[list[str], Any]] = []
    for version, of_version in answers.items():
        if record["id"] in of_version:
            functions, found = of_version[record["id"]]
            where |= set(functions)
            for versions, known in parsed:
                if known == found:
                    versions.append(version)
                    break
            else:
                parsed.append(([version], found))
    return {**record, "where": sorted(where), "parsed": parsed}


def written(head: Record, records: list[Record]) -> str:
    """Return a file: its head, and a line a record."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    rows = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
    return "{" + ",\n".join([*lines, '"records": [\n' + ",\n".join(rows) + "\n]"]) + "}\n"


def table(records: list[Record], versions: list[str]) -> str:
    """Return how many records each exchange has, in all and by version."""
    rows = []
    for name in sorted({record["exchange"] for record in records}):
        of_one = [record for record in records if record["exchange"] == name]
        counted = sum(record.get("kind") == "perpetual" and "contradicts" not in record for record in of_one)
        by_version = [sum(version in at for one in of_one for at, _ in one["parsed"]) for version in versions]
        rows.append([name, len(of_one), counted, *by_version])
    rows.append(["all", *map(sum, zip(*[row[1:] for row in rows], strict=True))])
    head = ["exchange", "records", "counted", *versions]
    return "\n".join("".join(f"{cell!s:>{22 if i == 0 else 9}}" for i, cell in enumerate(row)) for row in [head, *rows])


def main() -> None:
    """Write both files, and print what they hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.portfolio.make_ccxt_positions", description=__doc__)
    parser.add_argument("environments", type=Path, help="the folder with an environment a version")
    environments = sorted(parser.parse_args().environments.glob("*/bin/python"))
    for path in FILES:
        head = json.loads(path.read_text(encoding="utf-8"))
        records = head.pop("records")
        said = [asked(python.parents[1], records) for python in environments]
        said.sort(key=lambda one: [int(part) for part in one["version"].split(".")])
        answers = {one["version"]: one["answers"] for one in said}
        head["versions"] = list(answers)
        records = [with_answers(record, answers) for record in records]
        path.write_text(written(head, records), encoding="utf-8")
        print(path.name, table(records, head["versions"]), sep="\n")


if __name__ == "__main__":
    main()
