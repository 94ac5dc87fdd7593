"""What merchants do when something happened below."""

from __future__ import annotations

from alliance.hooks import reaction
from alliance.models import Approval, Event
from merchants import payaccounts, payouts, topups


@reaction("approval.refused", "approval.withdrawn")
def close_what_was_asked(event: Event) -> None:
    """A top-up, a payout account or a payout run that the second person did not want is over."""
    approval = Approval.objects.filter(pk=int(event.subject.rpartition(":")[2]), kind__startswith="merchants.").first()
    if approval is None:
        return
    if approval.kind == "merchants.topup":
        topups.refused(approval)
    elif approval.kind == "merchants.payout_account":
        payaccounts.refused(approval)
    elif approval.kind == "merchants.payouts":
        payouts.refused(approval, event.at)
