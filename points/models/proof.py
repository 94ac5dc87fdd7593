"""What was owed at one moment of each day, and the hash that commits to every single balance."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Proof(models.Model):
    """One snapshot a day. Written once, never changed; each hangs on the one before it (`chain`)."""

    # Translators: 日期
    taken_on = models.DateField(_("day"), primary_key=True)
    # Translators: 取数时间
    taken_at = models.DateTimeField(_("taken at"))
    root = models.BinaryField(max_length=32)
    total_points = models.BigIntegerField(_("points"))
    wallets = models.BigIntegerField(_("wallets"))
    custody_fen = models.BigIntegerField(_("custody"))
    figures = models.TextField()
    # Translators: 最近一笔银行流水的日期
    bank_on = models.DateField(_("newest bank line of"), null=True)
    secret = models.BinaryField(max_length=32)
    chain = models.BinaryField(max_length=32)

    class Meta:
        db_table = "points_proof"
        # Translators: 储备证明
        verbose_name = _("proof of reserves")
        verbose_name_plural = _("proofs of reserves")

    def __str__(self) -> str:
        return self.taken_on.isoformat()

    @cached_property
    def published(self) -> dict[str, Any]:
        """Return the figures of the day as they were published."""
        found: dict[str, Any] = json.loads(self.figures)
        return found

    @property
    def owed_fen(self) -> int:
        """Return what is owed to others than the operator: points, floats, proceeds, …"""
        return self.total_points + sum(self.published["owed_fen"].values())

    @property
    def coverage(self) -> float | None:
        return self.custody_fen / self.owed_fen if self.owed_fen else None


class ProofBucket(models.Model):
    """The balances of one bucket on one day, packed, and the top of its tree. Pruned after 35 days."""

    pk = models.CompositePrimaryKey("taken_on", "bucket")
    taken_on = models.DateField()
    bucket = models.SmallIntegerField()
    wallets = models.IntegerField()
    leaves = models.BinaryField()
    groups = models.BinaryField()
    root = models.BinaryField(max_length=32)
    total_points = models.BigIntegerField()

    class Meta:
        db_table = "points_proof_bucket"
        verbose_name = _("bucket of a proof")
        verbose_name_plural = _("buckets of proofs")

    def __str__(self) -> str:
        return f"{self.taken_on} {self.bucket}"
