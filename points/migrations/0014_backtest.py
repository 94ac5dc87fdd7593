"""Back-tests, kept with their rule version; and a return to an older version starts when it is decided."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

# As before, but for starts_at: a return to an older version starts when it is decided, so later than it was asked for.
KEPT = """
CREATE OR REPLACE FUNCTION rules_version_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'draft' THEN
      RAISE EXCEPTION 'a rule version begins as a draft' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.rule_id, NEW.version, NEW.drafted_by) IS DISTINCT FROM (OLD.id, OLD.rule_id, OLD.version, OLD.drafted_by) THEN
    RAISE EXCEPTION 'a rule version stays what and whose it is' USING ERRCODE = '23514';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (('draft', 'submitted'), ('submitted', 'draft'),
      ('submitted', 'approved'), ('approved', 'live'), ('approved', 'ended'), ('live', 'ended')) THEN
    RAISE EXCEPTION 'a rule version does not go from % to %', OLD.state, NEW.state USING ERRCODE = '23514';
  END IF;
  IF OLD.state <> 'draft' AND NEW.state <> 'draft' AND (NEW.definition, NEW.equals_version, NEW.submitted_by)
      IS DISTINCT FROM (OLD.definition, OLD.equals_version, OLD.submitted_by) THEN
    RAISE EXCEPTION 'a rule version that was handed in never changes' USING ERRCODE = '23514';
  END IF;
  IF OLD.state <> 'draft' AND NEW.state <> 'draft' AND NEW.starts_at <> OLD.starts_at
      AND NOT (OLD.state = 'submitted' AND OLD.equals_version IS NOT NULL AND NEW.starts_at > OLD.starts_at) THEN
    RAISE EXCEPTION 'a rule version that was handed in never changes' USING ERRCODE = '23514';
  END IF;
  IF OLD.state IN ('approved', 'live', 'ended') AND NEW.approved_by <> OLD.approved_by THEN
    RAISE EXCEPTION 'who approved a rule version never changes' USING ERRCODE = '23514';
  END IF;
  -- The end may be set or come earlier, until the version has ended.
  IF OLD.state <> 'draft' AND NEW.state <> 'draft' AND NEW.ends_at IS DISTINCT FROM OLD.ends_at
      AND (OLD.state = 'ended' OR NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at) THEN
    RAISE EXCEPTION 'the end of a rule version only comes earlier' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("alliance", "0005_indexes"),
        ("points", "0013_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Backtest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                ("days", models.PositiveSmallIntegerField(verbose_name="days")),
                ("first_on", models.DateField(verbose_name="first day")),
                ("last_on", models.DateField(verbose_name="last day")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="running",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("state_since", models.DateTimeField(verbose_name="in this state since")),
                ("asked_by", models.CharField(max_length=40, verbose_name="asked by")),
                ("asked_at", models.DateTimeField(verbose_name="asked at")),
                ("receipts", models.BigIntegerField(default=0, verbose_name="receipts")),
                ("touched", models.BigIntegerField(default=0, verbose_name="receipts touched")),
                ("points_before", models.BigIntegerField(default=0, verbose_name="points by the rules in force")),
                ("points_after", models.BigIntegerField(default=0, verbose_name="points with the draft")),
                ("result", models.JSONField(default=dict, verbose_name="result")),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="alliance.job",
                        verbose_name="job",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="backtests",
                        to="points.ruleversion",
                        verbose_name="rule version",
                    ),
                ),
            ],
            options={
                "verbose_name": "back-test",
                "verbose_name_plural": "back-tests",
                "db_table": "rules_backtest",
            },
        ),
        migrations.CreateModel(
            name="BacktestRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("part", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=64)),
                ("receipts", models.BigIntegerField()),
                ("touched", models.BigIntegerField()),
                ("before", models.BigIntegerField()),
                ("after", models.BigIntegerField()),
                ("own_before", models.BigIntegerField()),
                ("own_after", models.BigIntegerField()),
                ("better", models.BigIntegerField()),
                ("worse", models.BigIntegerField()),
                (
                    "difference",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            models.F("after"), "-", models.F("before")
                        ),
                        output_field=models.BigIntegerField(),
                    ),
                ),
                (
                    "backtest",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="points.backtest",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a back-test",
                "verbose_name_plural": "lines of back-tests",
                "db_table": "rules_backtest_row",
            },
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "running")), fields=("version",), name="points_backtest_one_running"
            ),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["running", "done", "failed", "cancelled"])),
                name="points_backtest_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_on__gte", models.F("first_on"))), name="points_backtest_days_in_order"
            ),
        ),
        migrations.AddIndex(
            model_name="backtestrow",
            index=models.Index(fields=["backtest", "part", "difference"], name="points_backtestrow_moved"),
        ),
        migrations.AddConstraint(
            model_name="backtestrow",
            constraint=models.UniqueConstraint(fields=("backtest", "part", "key"), name="points_backtestrow_once"),
        ),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
    ]
