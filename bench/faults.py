"""Break everything on purpose: `./run bench faults [--quick] [--only L1] [--seed N] [--json FILE]`.

L1  random histories of all verbs against an independent oracle, until there are --operations of them
L2  the named races of the test suite (with --races)
L3  kill -9 of web, worker, database and network during load, --kills times: acknowledged = booked, once
L4  the same requests, batches, bank lines and till files again and in another order: no effect

Exits 1 on any difference. Databases, broker and servers are its own; the one that `./run bench` starts stays idle.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench.faulty.report import Report

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ("L1", "L2", "L3", "L4")


def main(words: list[str]) -> int:
    options = _options(words)
    chosen = [options.only] if options.only else [n for n in FIGURES if n != "L2" or options.races]
    report = Report({"python": platform.python_version(), "processors": os.cpu_count(), "seed": options.seed})
    if "L1" in chosen:
        lives(report, options.operations, options.seed, is_quick=options.quick)
    if "L2" in chosen:
        races(report)
    if "L3" in chosen or "L4" in chosen:
        broken_world(report, options, chosen)
    if options.json:
        report.write(options.json)
    print(
        "nothing differs" if report.is_good else f"not as it must be; {len(report.differences)} differences", flush=True
    )
    return 0 if report.is_good else 1


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench faults", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute: shows that everything runs")
    parser.add_argument("--only", choices=FIGURES, help="one figure alone")
    parser.add_argument("--operations", type=int, help="L1: how many operations (1,000,000)")
    parser.add_argument("--kills", type=int, help="L3: how many kills (52)")
    parser.add_argument("--races", action="store_true", help="L2 too: run the test suite's races")
    parser.add_argument("--seed", type=int, default=1, help="draws everything that is random")
    parser.add_argument("--json", type=Path, help="write figures and differences into this file")
    parser.add_argument("--logs", type=Path, help="keep what the tills of L3 wrote down in this folder")
    options = parser.parse_args(words)
    options.operations = options.operations or (1_800 if options.quick else 1_000_000)
    options.kills = options.kills or (5 if options.quick else 52)
    return options


def lives(report: Report, operations: int, seed: int, *, is_quick: bool) -> None:
    from bench.faulty import lives

    found = lives.play(operations, seed, 1_500 if is_quick else lives.MOST)
    total, played = sum(found.operations.values()), ", ".join(f"{k} {n:,}" for k, n in sorted(found.operations.items()))
    print("    answers: " + ", ".join(f"{status} {n:,}" for status, n in sorted(found.answers.items())), flush=True)
    report.facts["L1"] = {"operations": dict(found.operations), "answers": dict(found.answers), "lives": dict(found.lives),
                          "comparisons": found.comparisons, "laws": found.laws, "seconds": round(found.seconds)}  # fmt: skip
    goal = 1_800 if is_quick else 1_000_000
    report.add(
        "L1",
        f"operations in {found.lives.total()} lives ({played})",
        f"{total:,}",
        f"≥ {goal:,}",
        total >= goal or None,
    )
    report.add(
        "L1", f"refusals among {found.answers.total():,} answers, the same from book and oracle", f"{found.refusals:,}"
    )
    report.add(
        "L1",
        f"laws that hold at the end of each life, in {found.seconds:,.0f} s",
        f"{found.laws}",
        "all",
        found.laws > 0 and not found.differences,
    )
    report.add(
        "L1",
        f"differences at {found.comparisons:,} comparisons of everything",
        f"{len(found.differences)}",
        "0",
        not found.differences,
    )
    report.differ("L1", found.differences)


def races(report: Report) -> None:
    from bench.faulty import races

    found = races.run()
    report.facts["L2"] = {"names": found.names, "cases": found.cases, "seconds": round(found.seconds)}
    report.add(
        "L2",
        f"named races ({found.cases} cases), with real parallel connections",
        f"{len(found.names)}",
        "≥ 20",
        len(found.names) >= 20,
    )
    report.add(
        "L2",
        "of the cases: passed / failed / skipped",
        f"{found.passed} / {len(found.failed)} / {found.skipped}",
        "all pass",
        found.passed == found.cases,
    )
    report.differ("L2", found.failed)


def broken_world(report: Report, options: argparse.Namespace, chosen: list[str]) -> None:
    """L3 and L4 in one world: what was broken must still know what it has done."""
    from bench.faulty import world

    with world.opened(options.seed) as opened, tempfile.TemporaryDirectory() as folder:
        from bench.faulty import cast

        report.facts |= opened.durability()
        people = cast.assemble()
        opened.start_web()
        opened.wait_until_answered()
        if "L3" in chosen:
            opened.start_tasks()
            kills(report, opened, people, options, Path(options.logs or folder))
            opened.stop_tasks()  # from now on nothing moves by itself
        if "L4" in chosen:
            from bench.faulty import again

            for line in again.run(opened, people, options.seed, is_quick=options.quick):
                report.add(
                    "L4",
                    line.what,
                    f"{line.sent:,} sent, {len(line.differences)} effects",
                    "0 effects",
                    not line.differences,
                )
                report.differ("L4", line.differences)


def kills(report: Report, opened: object, people: object, options: argparse.Namespace, logs: Path) -> None:
    from bench.faulty import kills

    groups = kills.run(opened, people, options.kills, options.seed, 20 if options.quick else 150, logs)  # type: ignore[arg-type]
    report.facts["L3"] = [vars(group) for group in groups]
    durable = all(report.facts[name] == "on" for name in ("fsync", "synchronous_commit", "full_page_writes"))
    n, goal = sum(group.kills for group in groups), 5 if options.quick else 50
    report.add(
        "L3",
        "kills: " + ", ".join(f"{group.victim} {group.kills}" for group in groups),
        f"{n}",
        f"≥ {goal}",
        durable and n >= options.kills and (n >= goal or None),
    )
    requests, troubles = sum(group.requests for group in groups), sum(group.troubles.total() for group in groups)
    report.add(
        "L3",
        "requests acknowledged, repeated until they were",
        f"{requests:,}, {troubles:,} times repeated",
        "> 0",
        troubles > 0,
    )
    last = groups[-1]
    report.add(
        "L3", "documents acknowledged and booked, once, to the fen", f"{last.documents:,}", "all", last.documents > 0
    )
    differences = [f"after {group.victim}: {text}" for group in groups for text in group.differences]
    report.add(
        "L3",
        f"differences; {last.laws} laws after each of {len(groups)} groups",
        f"{len(differences)}",
        "0",
        not differences,
    )
    report.add("L3", "until everybody was answered again, longest", f"{max(group.longest for group in groups):.1f} s")
    report.differ("L3", differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
