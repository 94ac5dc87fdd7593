"""Parts of lots can be held, members earn reward credit, and money can be on its way out."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"
# points_line has two more columns; whatever takes it as an argument is written again with it.
_LINE = "DROP TYPE points_line CASCADE"
_CREDIT = """
UPDATE points_wallet w SET credit = c.credit FROM (
  SELECT s.wallet_id, sum(points_credit_of(s.rebate_fen, 10000 - t.member_bps - t.centre_bps - t.promo_bps)) AS credit
  FROM points_sale s JOIN points_terms t ON t.id = s.terms_id
  WHERE s.kind = 1 AND s.reason = 0 AND NOT EXISTS (SELECT FROM points_reversal r WHERE r.sale_id = s.id) GROUP BY 1) c
WHERE c.wallet_id = w.id
"""


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0005_days_that_are_over")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                read("settling"),
                migrations.RunSQL(_LINE, migrations.RunSQL.noop),
                *map(read, ("post", "void", "entry", "ageing", "drawing")),
                migrations.RunSQL(_CREDIT, migrations.RunSQL.noop),
                read("privileges"),
            ],
            state_operations=[
                migrations.AddField("lot", "held", models.BigIntegerField(default=0, verbose_name="held")),
                migrations.AddField(
                    "wallet", "credit", models.BigIntegerField(default=0, verbose_name="reward credit earned")
                ),
                migrations.AddField(
                    "wallet", "rewarded", models.BigIntegerField(default=0, verbose_name="rewards given by others")
                ),
                migrations.AlterField(
                    model_name="account",
                    name="kind",
                    field=models.SmallIntegerField(
                        choices=[
                            (1, "custody"),
                            (2, "suspense"),
                            (3, "float"),
                            (4, "proceeds"),
                            (5, "rest to be split"),
                            (6, "spending fees held back"),
                            (7, "service centre"),
                            (8, "operating fee"),
                            (9, "buffer"),
                            (10, "breakage"),
                            (11, "budget"),
                            (12, "promotion credit"),
                            (13, "in payout"),
                            (14, "retained amount"),
                            (15, "surplus"),
                        ],
                        verbose_name="kind",
                    ),
                ),
                migrations.AlterField(
                    model_name="sale",
                    name="kind",
                    field=models.SmallIntegerField(
                        choices=[(1, "sale"), (2, "void"), (3, "refund")], verbose_name="kind"
                    ),
                ),
                migrations.AlterField(
                    model_name="sale",
                    name="reason",
                    field=models.SmallIntegerField(
                        choices=[
                            (0, "as agreed"),
                            (1, "without points: the float was too small"),
                            (2, "promised: points come when the merchant has paid"),
                        ],
                        verbose_name="reason",
                    ),
                ),
                migrations.AlterField(
                    model_name="transfer",
                    name="kind",
                    field=models.SmallIntegerField(
                        choices=[
                            (1, "earned"),
                            (2, "spent"),
                            (3, "expired"),
                            (4, "adjusted"),
                            (5, "received"),
                            (6, "allotted"),
                            (7, "closed"),
                            (8, "bonus"),
                            (9, "charged to the merchant"),
                            (10, "advanced by the buffer"),
                            (11, "cleared"),
                            (12, "paid out"),
                            (13, "retained"),
                            (14, "surplus shared"),
                            (15, "issued when paid"),
                            (16, "opening balance"),
                            (17, "wound up"),
                            (18, "paid back"),
                            (19, "fee withdrawn"),
                            (20, "returned by the bank"),
                        ],
                        verbose_name="kind",
                    ),
                ),
            ],
        )
    ]
