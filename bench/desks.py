"""Measure the pages and verbs of finance at full size: `./run bench desks [--quick] [--merchants N] [--wallets N] [--json FILE] [--plans FILE]`.

160,000 merchants, 6 million wallets, some million movements, written set by set (bench/book/full.py). Each page is asked
twice: with nothing kept, as it is once after a start, and again. Its slowest statement is explained with the buffers
that it touched; a large table that is read from end to end is named. Then the surplus is closed and shared in part.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.book import full
from bench.ledger import database

# Full scale: row A3 of the goals. A statement that takes less is not explained.
GOAL_MS = 200
EXPLAINED_MS = 15
LARGE = 50_000
SHARING_SECONDS = 10


@dataclass
class Asked:
    """The statements of one request: how long each took, with its arguments."""

    statements: list[tuple[float, str, Any]] = field(default_factory=list)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.statements.append((1000 * (time.perf_counter() - started), str(sql), params))


@dataclass
class Line:
    name: str
    first_ms: float
    again_ms: float
    queries: int
    database_ms: float
    slowest_ms: float
    buffers: int
    scans: list[str]

    @property
    def verdict(self) -> str:
        return "ok" if self.again_ms <= GOAL_MS else "short"


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench desks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 merchants: shows that it runs")
    parser.add_argument("--merchants", type=int, default=160_000)
    parser.add_argument("--wallets", type=int, default=6_000_000)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--plans", type=Path, help="write the plans of slow statements into this file")
    parser.add_argument("--only", default="", help="only the pages with this in their name")
    parser.add_argument("--keep", action="store_true", help="leave the database when done")
    parser.add_argument("--filled", action="store_true", help="use the database that --keep has left")
    options = parser.parse_args(words)
    if options.quick:
        size = full.Size(2_000, 50_000, 20_000, 3, 2_000)
    else:
        size = full.Size(options.merchants, options.wallets, options.wallets // 4, 6)
    os.environ["REDIS_URL"] = ""  # what is kept is kept in this process, and forgotten when we say so
    with database() if not options.filled else _left():
        import logging

        import django

        django.setup()
        logging.disable(logging.INFO)
        figures = Measuring(size, options).run()
        from django.db import connections

        connections.close_all()
    if options.json:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


@contextmanager
def _left() -> Iterator[None]:
    from urllib.parse import urlsplit

    from bench.ledger import DATABASE

    owner = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    url = urlsplit(owner)._replace(path=f"/{DATABASE}").geturl()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    os.environ.setdefault("SECRET_KEY", "bench")
    os.environ.update(DATABASE_URL=url, DATABASE_OWNER_URL=url, LIANHUI_DB_ROLE="owner")
    yield


class Measuring:
    """One run: the book is written, every page is asked, the surplus is shared."""

    def __init__(self, size: full.Size, options: argparse.Namespace) -> None:
        self.size, self.options = size, options
        self.lines: list[Line] = []
        self.seconds: dict[str, float] = {}
        self.plans: list[str] = []

    def run(self) -> dict[str, Any]:
        from django.conf import settings
        from django.core.management import call_command
        from django.test.utils import override_settings, setup_test_environment

        setup_test_environment(debug=False)
        call_command("migrate", verbosity=0)
        if not self.options.filled:
            self._fill()
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
            self._pages()
        if not self.options.only:
            self._verbs()
        if self.options.plans:
            self.options.plans.write_text("\n\n".join(self.plans), encoding="utf-8")
        return {
            "merchants": self.size.merchants,
            "wallets": self.size.wallets,
            "pages": [vars(line) for line in self.lines],
            "seconds": self.seconds,
        }

    def _fill(self) -> None:
        from django.utils import timezone

        from alliance import org
        from alliance.actors import Actor
        from alliance.models import User
        from merchants.models import Merchant, Staff

        actor, at = Actor.system("bench"), timezone.now() - timedelta(days=365)
        hq = org.found(kind="hq", code="B-HQ", name="总部", parent=None, actor=actor, at=at)
        region = org.found(kind="region", code="B-R", name="大区", parent=hq, actor=actor, at=at)
        for n in range(full.CENTRES):
            org.found(kind="centre", code=f"B-C{n}", name=f"中心{n}", parent=region, actor=actor, at=at)
        for name in ("finance", "second"):
            user = User.objects.create_superuser(
                email=f"{name}@bench.example.cn", password=secrets.token_urlsafe(), name=name
            )
            org.appoint(user=user, unit=hq, role="finance", starts_on=date(2026, 1, 1), actor=actor, at=at)
        started = time.perf_counter()
        for done in full.write(self.size):
            print(f"{done}: {time.perf_counter() - started:.0f} s", flush=True)
        owner = User.objects.create_user(phone="+8613912345678", name="owner")
        merchant = Merchant.objects.get(pk=1)
        Staff.objects.create(merchant=merchant, user=owner, role=Staff.Role.OWNER, starts_at=at)

    # --- pages ----------------------------------------------------------------------------------

    def _pages(self) -> None:
        from django.test import Client
        from django.urls import reverse
        from django.utils import timezone

        from alliance.models import User
        from points.models import MerchantBill, Statement

        staff, shop = Client(), Client()
        user = User.objects.get(email="finance@bench.example.cn")
        staff.force_login(user, backend="alliance.auth.StaffBackend")
        session = staff.session
        session["console"] = {"user": user.pk, "since": time.time(), "seen": time.time()}
        session.save()
        shop.force_login(User.objects.get(phone="+8613912345678"))
        newest = Statement.objects.filter(account_id=full.MERCHANT_0 + 1).order_by("-clearing_id").first()
        bill = MerchantBill.objects.unpaid().order_by("pk").first()
        today = timezone.localdate()
        assert newest is not None and bill is not None

        def listed(label: str, query: str = "") -> str:
            return reverse(f"admin:{label}_changelist") + (f"?{query}" if query else "")

        pages = {
            "finance desk": reverse("admin:finance_desk"),
            "payouts that wait": reverse("admin:finance_payouts"),
            "bank lines": listed("points_bankline"),
            "bank lines, nobody's": listed("points_bankline", "allotted_to__isempty=1"),
            "bank lines, unknown debits": listed("points_bankline", "what=unknown"),
            "bank lines, search": listed("points_bankline", "q=P12345"),
            "bank statements": listed("points_bankstatement"),
            "payouts": listed("points_payout"),
            "payouts, proposed": listed("points_payout", "state__exact=1"),
            "payouts, returned": listed("points_payout", "state__exact=5"),
            "payouts, search by name": listed("points_payout", "q=巷口77"),
            "payout runs": listed("merchants_payoutrun"),
            "payout accounts": listed("merchants_payoutaccount"),
            "payout accounts, came back": listed("merchants_payoutaccount", "returned_at__isempty=0"),
            "disputes": listed("merchants_dispute"),
            "disputes, open": listed("merchants_dispute", "state__exact=open"),
            "clearing days": listed("points_clearing"),
            "clearing day": reverse("admin:points_clearing_change", args=(newest.clearing_id,)),
            "statements": listed("points_statement"),
            "statements of a day": listed("points_statement", f"day={newest.clearing_id}"),
            "statement, search by name": listed("points_statement", "q=巷口77"),
            "dues": listed("points_due"),
            "dues, open": listed("points_due", "open=yes"),
            "claims": listed("points_claim"),
            "claims, open": listed("points_claim", "open=yes"),
            "claims, open advances": listed("points_claim", "open=yes&why__exact=2"),
            "refunds": listed("points_refund"),
            "bills": listed("points_merchantbill"),
            "bills, open": listed("points_merchantbill", "late=open"),
            "bill, with its reminders": reverse("admin:points_merchantbill_change", args=(bill.pk,)),
            "credit lines": listed("points_creditline"),
            "credit lines, nearly full": listed("points_creditline", "used=high"),
            "top-ups": listed("merchants_topup"),
            "approvals": listed("alliance_approval"),
            "risk view": reverse("admin:risk_view"),
            "matrix of a week": reverse("admin:points_matrix")
            + f"?from={today - timedelta(7)}&to={today - timedelta(1)}",
            "matrix of a month": reverse("admin:points_matrix"),
            "matrix of a month, merchants": reverse("admin:points_matrix") + "?by=merchant",
            "loss budgets": reverse("admin:loss_budgets"),
            "reserve": reverse("admin:points_proof_reserve"),
            "closing modes": listed("points_winding"),
            "surplus": listed("points_surplusclosing"),
        }
        for name, address in pages.items():
            self._page(name, staff, address)
        number = newest.pk
        for name, address in {
            "merchant's money": reverse("shop_money"),
            "merchant's float": reverse("shop_float"),
            "merchant's statements": reverse("shop_statements"),
            "what the next statement has": reverse("shop_statement_open"),
            f"statement of {self.size.long:,} lines": reverse("shop_statement", args=(number,)),
            "its points that came back": reverse("shop_statement", args=(number,)) + "?show=back",
            "its print": reverse("shop_statement_print", args=(number,)),
            "its CSV": reverse("shop_statement_csv", args=(number,)),
            "its XLSX": reverse("shop_statement_xlsx", args=(number,)),
        }.items():
            self._page(name, shop, address)

    def _page(self, name: str, client: Any, address: str) -> None:
        from django.core.cache import cache
        from django.db import connection

        if self.options.only not in name:
            return
        cache.clear()
        asked, again = Asked(), Asked()
        with connection.execute_wrapper(asked):
            first_ms, answer = self._get(client, address)
        times = []
        for _n in range(3 if first_ms < 2_000 else 1):
            again = Asked()
            with connection.execute_wrapper(again):
                times.append(self._get(client, address)[0])
        slowest_ms, buffers, scans = self._explain(name, asked)
        in_database = sum(row[0] for row in again.statements)
        line = Line(
            name, first_ms, statistics.median(times), len(again.statements), in_database, slowest_ms, buffers, scans
        )
        self.lines.append(line)
        status = "" if answer.status_code == 200 else f"  STATUS {answer.status_code}"
        print(
            f"{name:34} first {first_ms:9,.1f} ms · again {line.again_ms:9,.1f} ms · {line.queries:3} queries, {in_database:8,.1f} ms · slowest {slowest_ms:8,.1f} ms"
            f" · {buffers:9,} buffers · {line.verdict:5} {' '.join(scans)}{status}", flush=True,
        )  # fmt: skip

    def _get(self, client: Any, address: str) -> tuple[float, Any]:
        started = time.perf_counter()
        answer = client.get(address, headers={"accept-language": "zh-hans"})
        if answer.streaming:
            for _part in answer.streaming_content:
                pass
        return 1000 * (time.perf_counter() - started), answer

    def _explain(self, name: str, asked: Asked) -> tuple[float, int, list[str]]:
        """Return how long the slowest statement took, what all slow ones touched, and which tables they read whole."""
        from django.db import connection

        slow = sorted((row for row in asked.statements if row[0] >= EXPLAINED_MS), key=lambda row: -row[0])[:6]
        buffers, scans = 0, set()
        for ms, sql, params in slow:
            if not sql.lstrip().upper().startswith(("SELECT", "WITH", "(")):
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
                found = cursor.fetchone()[0]
                plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                buffers += plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
                scans |= set(_whole(plan))
                if self.options.plans:
                    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
                    text = "\n".join(row[0] for row in cursor.fetchall())
                    self.plans.append(f"== {name}: {ms:.1f} ms\n{sql}\n{params}\n{text}")
        return max((row[0] for row in asked.statements), default=0.0), buffers, sorted(scans)

    # --- verbs ----------------------------------------------------------------------------------

    def _verbs(self) -> None:
        from django.utils import timezone

        from alliance.actors import Actor
        from merchants import banking
        from points import surplus, totals

        now, actor = timezone.now(), Actor.system("bench")
        self._timed("totals of the book, from the start", totals.now)
        self._timed("surplus: what may be closed", surplus.preview)
        self._timed("suggestions for 500 bank lines", lambda: banking.desk(limit=500))
        closing = self._timed(
            "surplus: close",
            lambda: surplus.close(approval_id=1, breakage_fen=500_000_000, buffer_fen=0, actor=actor, at=now),
        )
        steps = surplus.share(closing)
        self._timed("surplus: how many are done", lambda: next(steps))
        done = 0
        started = time.perf_counter()
        while time.perf_counter() - started < SHARING_SECONDS and (step := next(steps, None)) is not None:
            done = step
        seconds = time.perf_counter() - started
        self.seconds["surplus: wallets shared a second"] = done / seconds if seconds else 0.0
        print(
            f"surplus: {closing.members:,} members; {done:,} shared in {seconds:.1f} s, {done / max(seconds, 0.001):,.0f} a second",
            flush=True,
        )

    def _timed(self, name: str, act: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        answer = act()
        self.seconds[name] = time.perf_counter() - started
        print(f"{name:44} {1000 * self.seconds[name]:10,.1f} ms", flush=True)
        return answer


def _whole(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the large tables that a plan reads from end to end."""
    rows = (plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0)) * plan.get("Actual Loops", 1)
    if plan["Node Type"] == "Seq Scan" and rows >= LARGE:
        yield f"{plan['Relation Name']}({rows:,.0f})"
    for each in plan.get("Plans", []):
        yield from _whole(each)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
