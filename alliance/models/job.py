"""Long work with progress."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class JobQuerySet(models.QuerySet["Job"]):
    def running(self) -> JobQuerySet:
        return self.filter(state=Job.State.RUNNING)

    def failed(self) -> JobQuerySet:
        return self.filter(state=Job.State.FAILED)


class Job(models.Model):
    """One run of long work: what it does, how far it is, how it ended."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("kind"), max_length=60)
    params = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.RUNNING)
    done = models.BigIntegerField(_("done"), default=0)
    total = models.BigIntegerField(_("of"), null=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    result = models.JSONField(_("result"), default=dict)
    actor = models.CharField(_("actor"), max_length=40)
    started_at = models.DateTimeField(_("started at"))
    heartbeat_at = models.DateTimeField(_("last sign of life"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [models.Index(fields=["-started_at"], name="alliance_job_started")]
        constraints = [
            models.CheckConstraint(
                name="alliance_job_ended_when_not_running",
                condition=Q(state="running", ended_at__isnull=True) | (~Q(state="running") & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def percent(self) -> int | None:
        return min(100, self.done * 100 // self.total) if self.total else None
