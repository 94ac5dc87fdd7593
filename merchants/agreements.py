"""Rate cards: signed in versions, each of which becomes terms in the book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Event
from alliance.refusals import declare
from merchants.models import Agreement, Merchant
from points import terms, winding_up

STARTS_TOO_EARLY = declare(
    "agreement_starts_too_early",
    422,
    _("A new version can start on %(earliest)s at the earliest: sales were made under the one before."),
)
RATE_OUT_OF_RANGE = declare("agreement_rate_out_of_range", 422, _("The rebate rate lies between 3% and 20%."))
SHARES_TOO_LARGE = declare(
    "agreement_shares_too_large", 422, _("The shares add up to more than the whole rebate. Lower one of them.")
)
# Translators: 商户（或联盟）已进入停业清退，不能再签新协议
CLOSING = declare(
    "agreement_while_closing",
    409,
    _("This merchant stops giving points after %(last)s (%(title)s). No new agreement can be signed."),
)
# A bill that is on its way has read the version before and may be five minutes ahead of the clock; the other five are
# for the signing itself. So no bill is ever booked under a version that had ended.
NOTICE = timedelta(minutes=10)

# What an agreement and its terms in the book have in common.
_CARD = (
    "rate_bps",
    "member_bps",
    "fee_bps",
    "centre_bps",
    "promo_bps",
    "spend_fee_bps",
    "spend_share_bps",
    "matures_days",
    "holdback_days",
)


@transaction.atomic
def sign(
    *,
    merchant: Merchant,
    rate_bps: int,
    starts_on: date,
    actor: Actor,
    at: datetime,
    ends_on: date | None = None,
    member_bps: int = 6250,
    fee_bps: int = 1875,
    centre_bps: int = 1250,
    promo_bps: int = 0,
    spend_fee_bps: int = 100,
    spend_share_bps: int = 5000,
    matures_days: int = 7,
    holdback_days: int = 7,
) -> Agreement:
    """Put a new version in force from a day on; the version before ends that day.

    The first version may start on any day; a later one after today (ten minutes before midnight: after tomorrow), and
    not before the one that it replaces: what was sold stays under the terms that it was sold under.
    Refuses: agreement_starts_too_early, agreement_rate_out_of_range, agreement_shares_too_large,
    agreement_while_closing.
    """
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    _not_closing(merchant.float_id)
    if not 300 <= rate_bps <= 2000:
        raise RATE_OUT_OF_RANGE()
    if member_bps + fee_bps + centre_bps + promo_bps > 10_000:
        raise SHARES_TOO_LARGE()
    earlier = Agreement.objects.filter(merchant=merchant)
    latest = earlier.order_by("-starts_on", "-version").first()
    if latest is not None:
        earliest = max(shanghai_day(at + NOTICE), latest.starts_on)
        if starts_on <= earliest:
            raise STARTS_TOO_EARLY(earliest=date.fromordinal(earliest.toordinal() + 1).isoformat())
    version = (earlier.aggregate(last=Max("version"))["last"] or 0) + 1
    earlier.filter(ends_on__isnull=True).update(ends_on=starts_on)
    earlier.filter(ends_on__gt=starts_on).update(ends_on=starts_on)
    card = {
        "rate_bps": rate_bps,
        "member_bps": member_bps,
        "fee_bps": fee_bps,
        "centre_bps": centre_bps,
        "promo_bps": promo_bps,
        "spend_fee_bps": spend_fee_bps,
        "spend_share_bps": spend_share_bps,
        "matures_days": matures_days,
        "holdback_days": holdback_days,
    }
    written = terms.write(
        merchant=merchant.book,
        version=version,
        valid_from=day_start(starts_on),
        valid_to=day_start(ends_on) if ends_on else None,
        **card,
    )
    agreement = Agreement.objects.create(
        merchant=merchant,
        version=version,
        starts_on=starts_on,
        ends_on=ends_on,
        terms_id=written.pk,
        signed_at=at,
        signed_by=str(actor),
        **card,
    )
    facts = {"merchant": merchant.pk, "version": version, "rate_bps": rate_bps, "starts_on": starts_on.isoformat()}
    events.record("agreement.signed", agreement, actor, at, facts, unit_id=merchant.centre_id)
    return agreement


@transaction.atomic
def sign_first(agreements: Sequence[Agreement], *, actor: Actor) -> None:
    """Put the first version of many merchants in force, each signed at its own signed_at. For towns and imports.

    Refuses: agreement_starts_too_early where a merchant has signed before, agreement_rate_out_of_range,
    agreement_shares_too_large, agreement_while_closing; then none of them was signed.
    """
    _not_closing(None)
    merchants = [agreement.merchant_id for agreement in agreements]
    latest = Agreement.objects.filter(merchant__in=merchants).order_by("-starts_on").first()
    if latest is not None:
        raise STARTS_TOO_EARLY(earliest=date.fromordinal(latest.starts_on.toordinal() + 1).isoformat())
    for agreement in agreements:
        if not 300 <= agreement.rate_bps <= 2000:
            raise RATE_OUT_OF_RANGE()
        if agreement.member_bps + agreement.fee_bps + agreement.centre_bps + agreement.promo_bps > 10_000:
            raise SHARES_TOO_LARGE()
        agreement.version, agreement.signed_by = 1, str(actor)
        agreement.terms_id = terms.write(
            merchant=agreement.merchant.book,
            version=agreement.version,
            valid_from=day_start(agreement.starts_on),
            valid_to=day_start(agreement.ends_on) if agreement.ends_on else None,
            **{name: getattr(agreement, name) for name in _CARD},
        ).pk
    Agreement.objects.bulk_create(agreements)
    Event.objects.bulk_create(
        Event(
            verb="agreement.signed",
            subject=events.subject_of(agreement),
            actor=str(actor),
            at=agreement.signed_at,
            facts={
                "merchant": agreement.merchant_id,
                "version": agreement.version,
                "rate_bps": agreement.rate_bps,
                "starts_on": agreement.starts_on.isoformat(),
            },
            unit_id=agreement.merchant.centre_id,
        )
        for agreement in agreements
    )


def _not_closing(float_id: int | None) -> None:
    """Refuse a new version where a closing mode was decided: it would begin to give points again."""
    mode = winding_up.mode_of(float_id)
    if mode is not None:
        raise CLOSING(last=mode.issue_ends_on.isoformat(), title=mode.title)
