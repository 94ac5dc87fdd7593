"""The ground's figures and work lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from alliance import approvals, metrics, panels
from alliance.metrics import Scope, Value
from alliance.models import Approval, Job, Unit

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)
SILENCE = timedelta(minutes=10)


def _waiting(scope: Scope) -> object:
    rows = Approval.objects.waiting()
    return rows.filter(unit__in=Unit.objects.within(*scope.paths)) if scope.paths else rows


@metrics.metric(
    "approvals_waiting",
    # Translators: 待复核
    name=_("Approvals waiting"),
    definition=_("Questions that wait for a second person now."),
    formula="count(approvals in state waiting)",
    numerator="approvals in state waiting",
    window="now",
    unit="count",
    url="admin:alliance_approval_changelist",
    query="state__exact=waiting",
)
def approvals_waiting(at: datetime, scope: Scope) -> Value:
    n = _waiting(scope).count()  # type: ignore[attr-defined]
    return Value(n, n=n)


@metrics.metric(
    "jobs_failed",
    # Translators: 失败任务
    name=_("Jobs failed"),
    definition=_("Jobs that ended in failure within the last seven days."),
    formula="count(jobs failed with ended_at in the last 7 days)",
    numerator="jobs in state failed",
    window="7 days",
    unit="count",
    url="admin:alliance_job_changelist",
    query="state__exact=failed",
    is_alliance_wide=True,
)
def jobs_failed(at: datetime, scope: Scope) -> Value:
    n = Job.objects.failed().filter(ended_at__gte=at - A_WEEK).count()
    return Value(n, n=n)


@panels.panel(
    "approvals_old",
    # Translators: 复核超过一天未处理
    title=_("Waiting for a second person for more than a day"),
    permission="approval.view",
    position=30,
    more="admin:alliance_approval_changelist",
)
def approvals_old(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    rows = _waiting(scope).filter(asked_at__lt=at - A_DAY).order_by("asked_at", "pk")  # type: ignore[attr-defined]
    kinds = approvals.kinds()
    return [
        panels.Row(
            text=kinds[row.kind].describe(row) if row.kind in kinds else row.subject,
            url=reverse("admin:alliance_approval_change", args=(row.pk,)),
            # Translators: %(days)s 天
            right=_("%(days)s days") % {"days": (at - row.asked_at).days},
        )
        for row in rows[:6]
    ]


@panels.panel(
    "jobs_failed",
    # Translators: 失败或没有动静的任务
    title=_("Jobs that failed or fell silent"),
    permission="job.view",
    position=40,
    more="admin:alliance_job_changelist",
    needs_top=True,
)
def jobs_in_trouble(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    failed = Job.objects.failed().filter(ended_at__gte=at - A_WEEK).order_by("-ended_at", "-pk")[:5]
    silent = Job.objects.running().filter(heartbeat_at__lt=at - SILENCE).order_by("heartbeat_at", "pk")[:5]
    return [
        panels.Row(
            text=f"{job.kind} {job.note}".strip(),
            url=reverse("admin:alliance_job_change", args=(job.pk,)),
            right=job.get_state_display(),
            sign="bad" if job.state == Job.State.FAILED else "warn",
        )
        for job in (*failed, *silent)
    ]
