"""`./run feed FILE --store CODE`: a till's file from the hand of whoever runs the installation."""

from __future__ import annotations

import csv
import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from alliance.actors import Actor
from alliance.refusals import Refused
from stores import feeds
from stores.feeds import refusals
from stores.models import Feed, FeedRefusal, FeedRun, Product, Store

ACTOR = Actor.system("feed")
CATALOGUE = "house"
LIST_COLUMNS = ["reason", "detail", "row", "basket", "product"]
QUIET_SECONDS = 2.0


class Command(BaseCommand):
    help = "Books a till's file, once; may be killed and started again. Refused lines are listed in FILE.refused.csv."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="the till's file (docs/replay.md)")
        parser.add_argument("--store", required=True, help="code of the store whose till wrote the file")
        parser.add_argument("--catalogue", default=CATALOGUE, help="whose articles the lines name")
        parser.add_argument("--articles", type=Path, help="first take these articles into the catalogue")
        parser.add_argument("--list", type=Path, help="where the refused lines are listed")
        parser.add_argument("--abandon", action="store_true", help="let the unfinished file go; what it booked stays")

    def handle(self, *args: Any, **words: Any) -> None:
        with translation.override("zh-hans" if _is_chinese() else "en"):
            try:
                store = Store.objects.select_related("outlet").filter(code=words["store"]).first()
                if store is None:
                    raise refusals.STORE_UNKNOWN(stores=words["store"])
                if words["abandon"]:
                    self._abandon(store)
                if words["articles"]:
                    self._articles(words["articles"], words["catalogue"])
                if words["file"]:
                    self._take(words["file"], words["list"], store, words["catalogue"])
                elif not words["abandon"] and not words["articles"]:
                    raise refusals.FILE_UNREADABLE(file="FILE", reason=os.strerror(2))
            except Refused as refused:
                self._refuse(refused)
            except KeyboardInterrupt:
                self.stderr.write(_("Stopped. What was booked is kept; the same command goes on from here."))
                sys.exit(130)

    def _take(self, path: Path, listed: Path | None, store: Store, catalogue: str) -> None:
        listed = listed or path.with_name(f"{path.name}.refused.csv")
        _check_readable(path)
        if not os.access(listed.parent, os.W_OK) or listed.is_dir():
            raise refusals.LIST_UNWRITABLE(file=listed, reason=os.strerror(21 if listed.is_dir() else 13))
        if not Product.objects.filter(catalogue=catalogue).exists():
            known = Product.objects.order_by("catalogue").values_list("catalogue", flat=True).distinct()
            raise refusals.CATALOGUE_EMPTY(catalogue=catalogue, known=", ".join(known) or "–")
        feed, is_new = _feed(store)
        last = FeedRun.objects.filter(feed=feed).order_by("-pk").first()
        began = time.monotonic()
        try:
            total = feeds.take_file(
                feed=feed,
                path=path,
                catalogue=catalogue,
                actor=ACTOR,
                at=timezone.now(),
                store=store.code,
                told=self._progress(),
            )
        except Refused:
            if is_new and not feed.runs.exists():
                feed.delete()
            raise
        run = FeedRun.objects.get(feed=feed, scope=feeds.scope_of(path), state=FeedRun.State.DONE)
        if last == run and last.state == FeedRun.State.DONE:
            self.stdout.write(_("This file was booked before; nothing changed."))
        for line in _table(total, feeds.refused_by_reason(run), time.monotonic() - began):
            self.stdout.write(line)
        if total.refused_lines or listed.exists():
            _write_list(listed, run)
            self.stdout.write(_("Refused lines are listed in %(file)s") % {"file": listed})

    def _progress(self) -> Any:
        last = time.monotonic()

        def told(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= QUIET_SECONDS:
                last = time.monotonic()
                words = {"share": done * 100 // max(total, 1), "done": f"{done:,}", "total": f"{total:,}"}
                self.stdout.write(_("%(share)3d %%  %(done)s of %(total)s baskets") % words)
                self.stdout.flush()

        return told

    def _articles(self, path: Path, catalogue: str) -> None:
        _check_readable(path)
        number = feeds.take_articles(path, catalogue)
        words = {"number": f"{number:,}", "catalogue": catalogue}
        self.stdout.write(_("Articles taken into the catalogue %(catalogue)s: %(number)s") % words)

    def _abandon(self, store: Store) -> None:
        run = FeedRun.objects.filter(feed__code=_code(store), state=FeedRun.State.OPEN).first()
        if run is None:
            self.stdout.write(_("There is no unfinished file."))
            return
        feeds.abandon(run, ACTOR, timezone.now())
        self.stdout.write(_("The unfinished file was let go; what it booked stays."))

    def _refuse(self, refused: Refused) -> None:
        """Say it in both languages, the reader's first, as the launcher does."""
        languages = ("zh-hans", "en") if _is_chinese() else ("en", "zh-hans")
        for language in languages:
            with translation.override(language):
                self.stderr.write(f"[{refused.code}] {refused.text()}")
        sys.exit(1)


def _code(store: Store) -> str:
    return f"till-{store.code}"


def _feed(store: Store) -> tuple[Feed, bool]:
    """Return the feed of a store's tills, made at its first file."""
    about = {"title": store.outlet.name[:80], "created_at": timezone.now(), "is_synthetic": store.is_synthetic}
    return Feed.objects.get_or_create(code=_code(store), defaults=about)


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise refusals.FILE_UNREADABLE(file=path, reason=error.strerror) from None


def _table(total: feeds.Summary, reasons: dict[str, int], seconds: float) -> list[str]:
    rows = [
        (_("baskets booked"), f"{total.baskets:,}"),
        (_("of them known already"), f"{total.repeated:,}"),
        (_("of them without points (float)"), f"{total.without_points:,}"),
        (_("lines booked"), f"{total.lines:,}"),
        (_("sales in yuan"), f"{total.value_fen // 100:,}.{total.value_fen % 100:02d}"),
        (_("points given"), f"{total.points:,}"),
        (_("baskets refused"), f"{total.refused_baskets:,}"),
        (_("lines refused"), f"{total.refused_lines:,}"),
        *((f"  {reason}  {FeedRefusal.Reason(reason).label}", f"{number:,}") for reason, number in reasons.items()),
        (_("seconds"), f"{seconds:,.1f}"),
    ]
    return [f"{figure:>16}  {name}" for name, figure in rows]


def _write_list(path: Path, run: FeedRun) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(LIST_COLUMNS)
            writer.writerows(FeedRefusal.objects.filter(run=run).order_by("reason", "row").values_list(*LIST_COLUMNS))
        part.replace(path)
    except OSError as error:
        raise refusals.LIST_UNWRITABLE(file=path, reason=error.strerror) from None


def _is_chinese() -> bool:
    """Tell the reader's language as the launcher does, by the order of POSIX."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return named.lower().startswith("zh")
