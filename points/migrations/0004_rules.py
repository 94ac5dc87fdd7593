"""Rules and their versions. What was decided never changes: a trigger keeps it, for the owner of the tables too."""

import django.contrib.postgres.constraints
import django.db.models.deletion
from django.db import migrations, models

KEPT = """
CREATE FUNCTION rules_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are kept for good', TG_TABLE_NAME USING ERRCODE = '23514';
END $$;
CREATE FUNCTION rules_version_kept() RETURNS trigger LANGUAGE plpgsql AS $$
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
  IF OLD.state <> 'draft' AND NEW.state <> 'draft' AND (NEW.definition, NEW.starts_at, NEW.equals_version, NEW.submitted_by)
      IS DISTINCT FROM (OLD.definition, OLD.starts_at, OLD.equals_version, OLD.submitted_by) THEN
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
REVOKE ALL ON FUNCTION rules_kept(), rules_version_kept() FROM PUBLIC;
CREATE TRIGGER rules_kept BEFORE UPDATE OR DELETE ON rules_rule FOR EACH ROW EXECUTE FUNCTION rules_kept();
CREATE TRIGGER rules_kept BEFORE DELETE ON rules_version FOR EACH ROW EXECUTE FUNCTION rules_kept();
CREATE TRIGGER rules_version_kept BEFORE INSERT OR UPDATE ON rules_version FOR EACH ROW EXECUTE FUNCTION rules_version_kept();
CREATE TRIGGER rules_kept_whole BEFORE TRUNCATE ON rules_rule FOR EACH STATEMENT EXECUTE FUNCTION rules_kept();
CREATE TRIGGER rules_kept_whole BEFORE TRUNCATE ON rules_version FOR EACH STATEMENT EXECUTE FUNCTION rules_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0003_proof"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.SlugField(max_length=40, unique=True, verbose_name="code")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.account",
                        verbose_name="paid by",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule",
                "verbose_name_plural": "rules",
                "db_table": "rules_rule",
            },
        ),
        migrations.CreateModel(
            name="RuleVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("definition", models.JSONField(verbose_name="definition")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("submitted", "Waiting for a second person"),
                            ("approved", "Approved"),
                            ("live", "In force"),
                            ("ended", "Ended"),
                        ],
                        default="draft",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("state_since", models.DateTimeField(verbose_name="in this state since")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("drafted_by", models.CharField(max_length=40, verbose_name="drafted by")),
                ("submitted_by", models.CharField(blank=True, default="", max_length=40, verbose_name="submitted by")),
                ("approved_by", models.CharField(blank=True, default="", max_length=40, verbose_name="approved by")),
                ("equals_version", models.PositiveIntegerField(blank=True, null=True, verbose_name="equal to version")),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="points.rule",
                        verbose_name="rule",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule version",
                "verbose_name_plural": "rule versions",
                "db_table": "rules_version",
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "version"), name="points_ruleversion_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["draft", "submitted"])),
                        fields=("rule",),
                        name="points_ruleversion_one_undecided",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["draft", "submitted", "approved", "live", "ended"])),
                        name="points_ruleversion_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at__isnull", True), ("ends_at__gte", models.F("starts_at")), _connector="OR"
                        ),
                        name="points_ruleversion_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["draft", "submitted"]),
                            models.Q(
                                models.Q(("submitted_by", ""), _negated=True),
                                models.Q(("approved_by", ""), _negated=True),
                                models.Q(("approved_by", models.F("submitted_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="points_ruleversion_decided_by_a_second_person",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("state__in", ["approved", "live", "ended"])),
                        expressions=[
                            ("rule", "="),
                            (
                                models.Func(
                                    models.F("starts_at"), models.F("ends_at"), models.Value("[)"), function="tstzrange"
                                ),
                                "&&",
                            ),
                        ],
                        name="points_ruleversion_one_in_force",
                    ),
                ],
            },
        ),
        migrations.RunSQL(KEPT),
    ]
