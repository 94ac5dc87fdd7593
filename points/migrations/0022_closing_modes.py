"""A closing mode keeps what it says until its end and after it."""

import re
from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


def functions(name, *wanted):
    """Some functions of a file once more; its tables are there."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    found = re.findall(r"^CREATE (?:OR REPLACE )?(FUNCTION (\w+)\(.*?\$\$.*?\$\$;)", text, re.MULTILINE | re.DOTALL)
    chosen = [text for text, name in found if name in wanted]
    if len(chosen) != len(wanted):
        raise ValueError(f"{name}.sql does not have all of {wanted}")
    return migrations.RunSQL("\n".join(f"CREATE OR REPLACE {text}" for text in chosen), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0021_disputes_and_days")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                read("over"),
                functions("refund", "points_refund", "points_settle_debts"),
                functions("ageing", "points_expire"),
                functions("post", "points_post_one", "points_post"),
                functions("hold", "points_place_hold"),
                functions("entry", "points_adjust"),
                functions("void", "points_void"),
                functions("promise", "points_pay_bills"),
                functions("surplus", "points_surplus_close", "points_surplus_pay"),
                functions("opening", "points_opening_book"),
                read("privileges"),
            ],
            state_operations=[
                migrations.AddField("refund", "wound", models.BigIntegerField(db_default=0)),
                migrations.AddField("refund", "home", models.BigIntegerField(db_default=0)),
                migrations.AddField("refund", "home_own", models.BigIntegerField(db_default=0)),
                migrations.AddField("refundaward", "home", models.BigIntegerField(db_default=0)),
            ],
        )
    ]
