"""Long work: how far it is, how it ended."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import jobs
from alliance.admin.acts import Act
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, actor_of, now
from alliance.admin.wording import acting
from alliance.models import Job


def _restart(request: HttpRequest, job: Job, data: dict[str, Any]) -> str:
    jobs.restart(job=job, actor=actor_of(request), at=now())
    return _t("It runs again.")


@admin.register(Job)
class JobAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "job.view"
    list_display = ("kind", "shown_state", "shown_progress", "note", "started_at", "shown_took", "shown_actor")
    list_filter = ("state", "kind")
    ordering = ("-started_at", "-pk")
    fields = (
        "kind",
        ("shown_state", "shown_progress"),
        "note",
        ("started_at", "heartbeat_at", "ended_at"),
        "shown_actor",
        "params",
        "result",
    )
    readonly_fields = ("shown_state", "shown_progress", "shown_actor")
    shown_actor = acting("actor", _("actor"))
    acts = (
        Act(
            name="restart",
            # Translators: 重跑
            title=_("Run again"),
            permission="job.view",
            says=_("It goes on from where it can; what was done already is not done twice."),
            run=_restart,
            is_possible=lambda _request, job: jobs.can_restart(job),
            icon="replay",
        ),
    )

    @labelled(
        description=_("state"), ordering="state", tones={"running": "info", "done": "success", "failed": "danger"}
    )
    def shown_state(self, job: Job) -> tuple[str, str]:
        return job.state, job.get_state_display()

    # Translators: 进度
    @display(description=_("progress"))
    def shown_progress(self, job: Job) -> str:
        if job.percent is None:
            return f"{job.done:,}"
        return format_html(
            '<progress class="console-progress" max="100" value="{}"></progress> <span>{}%</span> '
            '<span class="console-quiet">{} / {}</span>',
            job.percent,
            job.percent,
            f"{job.done:,}",
            f"{job.total:,}",
        )

    # Translators: 用时
    @display(description=_("took"))
    def shown_took(self, job: Job) -> str:
        end = job.ended_at or job.heartbeat_at
        return str(end - job.started_at).split(".")[0]
