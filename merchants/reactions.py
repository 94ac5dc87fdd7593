"""What merchants do when something happened below."""

from __future__ import annotations

from alliance.hooks import reaction
from alliance.models import Approval, Event
from merchants import topups


@reaction("approval.refused", "approval.withdrawn")
def release_bank_line(event: Event) -> None:
    """A top-up that the second person did not want is over."""
    approval = Approval.objects.filter(pk=int(event.subject.rpartition(":")[2]), kind="merchants.topup").first()
    if approval:
        topups.refused(approval)
