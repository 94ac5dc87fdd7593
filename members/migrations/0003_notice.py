"""Notices of what expires, and who has switched them off."""

import django.db.models.deletion
from django.db import migrations, models

CODES = [("lapsing", "points expire soon")]


class Migration(migrations.Migration):
    dependencies = [("members", "0002_laws")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(choices=CODES, max_length=20, verbose_name="about")),
                ("lapses_on", models.DateField(verbose_name="lapses on")),
                ("days_ahead", models.SmallIntegerField(verbose_name="days ahead")),
                ("points", models.BigIntegerField(verbose_name="points")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read at")),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
            ],
            options={"verbose_name": "notice", "verbose_name_plural": "notices"},
        ),
        migrations.CreateModel(
            name="MutedNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(choices=CODES, max_length=20, verbose_name="about")),
                ("since", models.DateTimeField(verbose_name="since")),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="muted",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
            ],
            options={"verbose_name": "notice switched off", "verbose_name_plural": "notices switched off"},
        ),
        migrations.AddIndex(
            model_name="notice", index=models.Index(fields=["lapses_on"], name="members_notice_lapses")
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("member", "code", "lapses_on", "days_ahead"), name="members_notice_told_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(("days_ahead__gt", 0), ("points__gt", 0)), name="members_notice_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("read_at__isnull", True), ("read_at__gte", models.F("created_at")), _connector="OR"
                ),
                name="members_notice_read_after_it_came",
            ),
        ),
        migrations.AddConstraint(
            model_name="mutednotice",
            constraint=models.UniqueConstraint(fields=("member", "code"), name="members_muted_once"),
        ),
    ]
