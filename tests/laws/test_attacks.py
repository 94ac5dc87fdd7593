"""Attacks on the book with the application's own role: all refused, nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import Error, connection
from psycopg import errors

from tests.points.shops import everything, open_shop

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]
HISTORY = ("points_transfer", "points_sale", "points_key", "points_lot_use")
KEPT = (
    *HISTORY,
    "points_wallet",
    "points_account",
    "points_allowance",
    "points_lot",
    "points_reversal",
    "points_split",
    "points_mark",
    "points_account_day",
    "points_kept_fee",
)
POST = """SELECT status FROM points_post_one(1::smallint, 1, 'x', gen_random_uuid(), gen_random_uuid(), %(wallet)s, 1, %(rest)s, now(),
  %(paid)s, %(paid)s, %(spend)s, '', %(now)s::timestamptz)"""

BATCH = """SELECT status FROM points_post(1::smallint, 1, 'x', ARRAY[gen_random_uuid(), gen_random_uuid()],
  ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[%(wallet)s, %(wallet)s]::bigint[], ARRAY[1, 1]::bigint[],
  ARRAY[%(rest)s, %(rest)s]::bigint[], ARRAY[EVENTS]::timestamptz[], ARRAY[100, 100], ARRAY[100, 100], ARRAY[0, 0], ARRAY['', ''])"""


@pytest.fixture
def facts() -> dict[str, Any]:
    from points.models import Account

    shop = open_shop()
    wallet = shop.wallet(points=100)
    rest = Account.objects.get(terms=shop.terms, kind=Account.Kind.REST).pk
    return {"wallet": wallet.pk, "rest": rest, "paid": 100, "spend": 0, "now": None}


Attack = Callable[[psycopg.Connection[Any]], None]


def refused(application: psycopg.Connection[Any], statement: str, parameters: Any = None) -> None:
    with pytest.raises(
        (errors.InsufficientPrivilege, errors.InvalidParameterValue, errors.CheckViolation, errors.UndefinedTable)
    ):
        application.execute(statement, parameters)


def test_history_and_balances_cannot_be_written(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    seen = everything()
    for table in KEPT:
        column = (
            "balance"
            if table in ("points_wallet", "points_account", "points_allowance")
            else "xid"
            if table == "points_mark"
            else "booked_on"
        )
        column = {
            "points_lot": "remaining",
            "points_reversal": "reversed",
            "points_split": "total",
            "points_key": "status",
            "points_kept_fee": "taken",
        }.get(table, column)
        column = "points" if table == "points_lot_use" else column
        refused(application_connection, f"UPDATE {table} SET {column} = {column}")
        refused(application_connection, f"DELETE FROM {table}")
        refused(application_connection, f"TRUNCATE {table}")
        refused(application_connection, f"INSERT INTO {table} SELECT * FROM {table}")
        refused(application_connection, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        refused(application_connection, f"DROP TABLE {table}")
    assert everything() == seen


def test_a_partition_is_no_back_door(application_connection: psycopg.Connection[Any], facts: dict[str, Any]) -> None:
    """Neither one that the migrations made, nor one that is made after the grants: by the owner or by the application."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_partitions('2021-03-01', '2021-03-01')")
        assert cursor.fetchone() == (3,)
    (made,) = application_connection.execute(
        "SELECT points_make_partitions((current_date + 400), (current_date + 400))"
    ).fetchone() or (0,)
    assert made == 3
    names = application_connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN"
        " ('points_transfer'::regclass, 'points_sale'::regclass, 'points_lot_use'::regclass)"
    ).fetchall()
    assert len(names) >= 3 * 5
    for (name,) in names:
        for statement in (
            f"UPDATE {name} SET points = 1",
            f"DELETE FROM {name}",
            f"TRUNCATE {name}",
            f"INSERT INTO {name} SELECT * FROM {name}",
            f"SELECT * FROM {name}",
        ):
            refused(application_connection, statement)
    assert application_connection.execute("SELECT count(*) FROM points_transfer").fetchone() != (0,)


def test_the_time_of_booking_cannot_be_chosen(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    seen = everything()
    refused(application_connection, POST, {**facts, "now": "2020-01-01"})
    refused(
        application_connection,
        "SELECT * FROM points_void(1::smallint, 1, 'x', gen_random_uuid(), gen_random_uuid(), 1, 1, now(), '2020-01-01')",
    )
    refused(application_connection, "SELECT points_expire(1::smallint, '2200-01-01', 100)")
    refused(application_connection, "SELECT points_mature(1::smallint, '2200-01-01', 100)")
    refused(application_connection, "SELECT points_close(current_date + 1, ARRAY[1]::bigint[])")
    refused(application_connection, "SET SESSION AUTHORIZATION postgres")
    assert everything() == seen


def test_nonsense_is_refused(application_connection: psycopg.Connection[Any], facts: dict[str, Any]) -> None:
    seen = everything()
    for change in (
        {"paid": -1},
        {"paid": 0},
        {"paid": 2_000_000_000},
        {"spend": -5},
        {"spend": 99, "paid": 1},
        {"rest": 1},
        {"rest": None},
        {"wallet": None},
        {"paid": None},
    ):
        refused(application_connection, POST, {**facts, **change})
    for months in (
        "NULL, NULL",
        "'2026-01-01', '1999-01-01'",
        "'0001-01-01', '9999-01-01'",
        "'2026-01-01', '2150-01-01'",
        "'2001-01-01', '2001-02-01'",
    ):
        refused(application_connection, f"SELECT points_make_partitions({months})")
    refused(application_connection, "SELECT * FROM points_receive('b', 'a', 's', -5, current_date, '', '', 'x', now())")
    refused(application_connection, "SELECT points_open_account(1::smallint, 1, 'custody', NULL, now())")
    refused(application_connection, "SELECT points_open_account(8::smallint, 1, 'fee', NULL, now())")
    assert everything() == seen


TIMES = ("infinity", "-infinity", "0001-01-01", "1999-06-01", "2100-01-01")


@pytest.mark.parametrize("time", [*TIMES, "soon"])
def test_times_that_cannot_be_are_refused(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any], time: str
) -> None:
    ask = application_connection.execute
    (line,) = ask(
        "SELECT line_id FROM points_receive('b', 'a', 's', 5, current_date, '', '', 'x', now())"
    ).fetchone() or (0,)
    seen = everything()
    at = "now() + interval '6 minutes'" if time == "soon" else f"'{time}'::timestamptz"
    refused(application_connection, POST.replace("now()", at), facts)
    for events in (f"now(), {at}", f"{at}, now()"):
        refused(application_connection, BATCH.replace("EVENTS", events), facts)
    funder = "(SELECT float_id FROM points_account WHERE id = %(rest)s)"
    adjust = f"""SELECT * FROM points_adjust(1::smallint, 1, 'x', gen_random_uuid(), gen_random_uuid(), %(wallet)s, {funder}, 5,
      CAST(EXPIRES AS date), EVENT)"""
    refused(application_connection, adjust.replace("EVENT", at).replace("EXPIRES", "current_date + 9"), facts)
    if time != "soon":
        refused(application_connection, adjust.replace("EVENT", "now()").replace("EXPIRES", f"'{time}'"), facts)
        refused(application_connection, f"SELECT * FROM points_receive('b', 'a', 't', 5, '{time}', '', '', 'x', now())")
    refused(application_connection, f"SELECT * FROM points_receive('b', 'a', 't', 5, current_date, '', '', 'x', {at})")
    refused(application_connection, f"SELECT points_allot({line}, {funder}, 'x', {at})", facts)
    refused(
        application_connection,
        f"SELECT * FROM points_void(1::smallint, 1, 'x', gen_random_uuid(), gen_random_uuid(), 1, 1, {at})",
    )
    assert everything() == seen
    for statement in (POST, BATCH.replace("EVENTS", "now(), now() + interval '4 minutes'")):
        assert ask(statement, facts).fetchone() == (0,)
    granted = adjust.replace("EVENT", "now()").replace("EXPIRES", "current_date + 9")
    assert (ask(granted, facts).fetchone() or ())[0] == 0


WRITE = """SELECT points_write_terms(%(float)s, %(version)s, 800, 6250, 1875, 1250, 0, 100, 5000, 7::smallint, 7::smallint,
  %(from)s::timestamptz, %(to)s::timestamptz)"""


def test_terms_name_the_merchants_own_accounts(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    from points.models import Account, Terms

    terms = Terms.objects.get(pk=Account.objects.get(pk=facts["rest"]).terms_id)
    before = list(Terms.objects.order_by("pk").values())
    refused(application_connection, "UPDATE points_terms SET valid_to = now()")
    refused(application_connection, "UPDATE points_terms SET proceeds_id = fee_rest_id")
    refused(application_connection, "DELETE FROM points_terms")
    columns = (
        "float_id, proceeds_id, fee_rest_id, promo_id, version, rate_bps, member_bps, fee_bps, centre_bps, promo_bps, "
    )
    columns += "spend_fee_bps, spend_share_bps, matures_days, holdback_days, valid_from"
    refused(application_connection, f"INSERT INTO points_terms ({columns}) SELECT {columns} FROM points_terms")
    new: dict[str, Any] = {"float": terms.float_id, "version": 2, "from": "2090-01-01", "to": None}
    sold = application_connection.execute(POST, facts).fetchone()
    assert sold == (0,)
    for change in (
        {"float": terms.proceeds_id},
        {"float": None},
        {"from": None},
        {"from": "infinity"},
        {"from": "-infinity"},
        {"to": "infinity"},
        {"to": "2089-01-01"},
        {"from": "2020-01-01"},
        {"from": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()},
    ):
        with pytest.raises(
            (errors.InvalidParameterValue, errors.CheckViolation, errors.ExclusionViolation, errors.NotNullViolation)
        ):
            application_connection.execute(WRITE, {**new, **change})
    refused(
        application_connection,
        "SELECT points_open_account(4::smallint, 987654, 'mine', %(float)s, now())",
        {"float": terms.float_id},
    )
    assert list(Terms.objects.order_by("pk").values()) == before
    application_connection.execute(WRITE, new)
    second = Terms.objects.get(float_id=terms.float_id, version=2)
    terms.refresh_from_db()
    assert terms.valid_to == second.valid_from
    assert (second.proceeds_id, second.fee_rest_id, second.promo_id) == (
        terms.proceeds_id,
        terms.fee_rest_id,
        terms.promo_id,
    )


def test_a_bill_outside_its_terms_is_refused(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    from points.models import Account

    float_id = Account.objects.get(pk=facts["rest"]).float_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT valid_from FROM points_terms WHERE float_id = %s", [float_id])
        (start,) = cursor.fetchone()
        cursor.execute("UPDATE points_terms SET valid_to = now() - interval '1 hour' WHERE float_id = %s", [float_id])
    seen = everything()
    for event in (
        "now()",
        "now() - interval '59 minutes'",
        f"'{start.isoformat()}'::timestamptz - interval '1 second'",
    ):
        refused(application_connection, POST.replace("now()", event), facts)
        refused(application_connection, BATCH.replace("EVENTS", f"{event}, now() - interval '61 minutes'"), facts)
    assert everything() == seen
    for event in ("now() - interval '61 minutes'", f"'{start.isoformat()}'::timestamptz"):
        assert application_connection.execute(POST.replace("now()", event), facts).fetchone() == (0,)


def test_inner_functions_are_not_for_the_application(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    refused(application_connection, "SELECT points_enter(5::smallint, 'x', now(), now(), current_date, 1, 2, 100)")
    refused(application_connection, "SELECT points_draw_in_order(ARRAY[]::points_line[], ARRAY[]::bigint[])")
    refused(application_connection, "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    refused(application_connection, "SELECT nextval('points_transfer_id')")
    refused(
        application_connection,
        "CREATE OR REPLACE FUNCTION points_clock(timestamptz) RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
    )


def test_a_search_path_of_ones_own_changes_nothing(
    application_connection: psycopg.Connection[Any], facts: dict[str, Any]
) -> None:
    """Tables and operators in the session's own schema must not be taken for the book's."""
    application_connection.execute("CREATE TEMPORARY TABLE points_wallet AS SELECT * FROM public.points_wallet")
    application_connection.execute("UPDATE pg_temp.points_wallet SET balance = 1000000")
    application_connection.execute("CREATE TEMPORARY TABLE points_key (LIKE public.points_key)")
    application_connection.execute(
        "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2020-01-01'::timestamptz $$"
    )
    application_connection.execute("SET search_path = pg_temp, public, pg_catalog")
    status = application_connection.execute(
        POST.replace("now()", "pg_catalog.now()").replace("points_post_one", "public.points_post_one"), facts
    ).fetchone()
    assert status == (0,)
    short = application_connection.execute(
        POST.replace("now()", "pg_catalog.now()").replace("points_post_one", "public.points_post_one"),
        {**facts, "paid": 90_000, "spend": 90_000},
    ).fetchone()
    assert short == (2,)


def test_even_the_owner_cannot_change_history_by_a_slip(facts: dict[str, Any]) -> None:
    for table in HISTORY:
        for statement in (f"UPDATE {table} SET wallet_id = 1", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            if table == "points_lot_use" and "TRUNCATE" not in statement:
                continue  # it has no rows yet, and a row trigger needs one
            with pytest.raises(Error), connection.cursor() as cursor:
                cursor.execute(statement)
