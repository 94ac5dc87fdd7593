"""What a member agreed to, and what we hold about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from alliance import events, sessions
from alliance.actors import Actor
from members import texts, wallets
from members.models import ConsentRecord, Member, MutedNotice, Notice


def unread(member: Member) -> list[str]:
    """Return the purposes whose wording in force the member has not agreed to."""
    agreed = set(member.consents.in_force().values_list("purpose", "text_version"))
    return [purpose for purpose in texts.VERSIONS if (purpose, texts.in_force(purpose)) not in agreed]


@transaction.atomic
def agree(*, member: Member, purpose: str, actor: Actor, at: datetime) -> ConsentRecord:
    """Write the receipt for the wording in force; agreeing twice is agreeing once."""
    version = texts.in_force(purpose)
    Member.objects.select_for_update().get(pk=member.pk)
    record = member.consents.in_force().filter(purpose=purpose, text_version=version).first()
    if record is None:
        record = ConsentRecord.objects.create(member=member, purpose=purpose, text_version=version, given_at=at)
        events.record("consent.given", member, actor, at, {"purpose": purpose, "version": version})
    return record


@transaction.atomic
def withdraw(*, member: Member, purpose: str, actor: Actor, at: datetime) -> int:
    """Take back every agreement to this purpose; return how many there were."""
    n = member.consents.in_force().filter(purpose=purpose).update(withdrawn_at=at)
    if n:
        events.record("consent.withdrawn", member, actor, at, {"purpose": purpose})
    return n


def export(member: Member, at: datetime) -> dict[str, Any]:
    """Return everything that we hold about the member, in plain words and ISO times, for the member alone."""
    user = member.user
    return {
        "exported_at": at.isoformat(),
        "member": {
            "number": member.number,
            "joined_at": member.joined_at.isoformat(),
            "name": user.name,
            "phone": user.phone,
            "email": user.email,
            "language": user.language,
            "theme": user.theme,
        },
        "consents": [
            {
                "purpose": record.purpose,
                "version": record.text_version,
                "given_at": record.given_at.isoformat(),
                "withdrawn_at": record.withdrawn_at.isoformat() if record.withdrawn_at else None,
            }
            for record in member.consents.order_by("given_at", "pk")
        ],
        "devices": [
            {"device": row.device, "signed_in_at": row.started_at.isoformat(), "last_seen_at": row.seen_at.isoformat()}
            for row in sessions.devices(user, at)
        ],
        "notices": [
            {
                "told_at": notice.created_at.isoformat(),
                "points": notice.points,
                "expire_on": notice.lapses_on.isoformat(),
                "read_at": notice.read_at.isoformat() if notice.read_at else None,
            }
            for notice in Notice.objects.filter(member=member).newest_first()
        ],
        "notices_switched_off": list(MutedNotice.objects.filter(member=member).values_list("code", flat=True)),
        "wallet": wallets.export(member),
    }
