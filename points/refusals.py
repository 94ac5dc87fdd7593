"""Why the book says no. One place, because one call of the book can answer with any of them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from alliance.refusals import Refused, declare

KEY_REUSED = declare(
    "key_reused", 422, _("This request key was used for something else before. Send the request with a new key.")
)
WALLET_UNKNOWN = declare("wallet_unknown", 404, _("There is no such wallet. Identify the member again."))
WALLET_FROZEN = declare("wallet_frozen", 409, _("This wallet is frozen. The member can unfreeze it in the app."))
POINTS_SHORT = declare(
    "points_short", 409, _("There are only %(available)s points to spend. Lower the points and use a new request key.")
)
SPEND_SHARE_EXCEEDED = declare(
    "spend_share_exceeded", 422, _("At most %(most)s points can pay for this bill. Lower the points.")
)
LINES_DIFFER = declare(
    "lines_differ",
    422,
    _("The lines do not add up to the bill, or earn another amount than you say. Send all of them with their prices."),
)
SALE_UNKNOWN = declare("sale_unknown", 404, _("There is no such sale at this outlet."))
ALREADY_VOID = declare("already_void", 409, _("This sale is void already."))
VOID_TOO_LATE = declare(
    "void_too_late", 409, _("A sale can be voided for ten minutes. It is too late now; make it a return.")
)
VOID_POINTS_GONE = declare(
    "void_points_gone",
    409,
    _("%(short)s of the points earned with this sale are spent already, so it cannot be voided."),
)
TERMS_MISSING = declare(
    "terms_missing", 409, _("This merchant has no agreement in force at that time. Ask the service centre.")
)
TERMS_START_TOO_EARLY = declare(
    "terms_start_too_early", 409, _("Bills were booked under the version before. Let the new one start later.")
)
IN_PROGRESS = declare(
    "in_progress", 409, _("The same request is still being worked on. Send it again in a moment, with the same key.")
)
FLOAT_EXHAUSTED = declare(
    "float_exhausted", 409, _("The float is too small for the %(needed)s fen of this sale. Top it up first.")
)
FUNDER_SHORT = declare(
    "funder_short", 409, _("The funder has less than %(needed)s fen. Choose another one or top it up.")
)
BANK_LINE_INVALID = declare(
    "bank_line_invalid",
    422,
    _("A bank line has a serial number, an amount above zero and a value date within a year. Check what was typed."),
)
ACCOUNT_UNKNOWN = declare(
    "account_unknown",
    422,
    _(
        "%(account)s is no custody account of this alliance. Nothing was booked. Take another file, or name the account"
        " in BANK_ACCOUNTS."
    ),
)
BANK_LINE_UNKNOWN = declare("bank_line_unknown", 404, _("There is no such bank line."))
BANK_LINE_ALLOTTED = declare("bank_line_allotted", 409, _("This bank line is allotted already."))
BANK_LINE_DIFFERS = declare(
    "bank_line_differs", 409, _("The bank gave this serial number before, with another amount. Ask the bank.")
)
BANK_LINE_ASKED = declare(
    "bank_line_asked", 409, _("Somebody has asked for this bank line already, and a second person is looking at it.")
)
PAYOUT_NOT_OUT = declare(
    "payout_not_out", 409, _("No payout with this code was paid, or it was smaller than the line. Check the code.")
)
CLEARING_DAY_OPEN = declare(
    "clearing_day_open", 409, _("Only a day that is over can be cleared. Wait until after midnight.")
)
CLEARING_DAY_PASSED = declare(
    "clearing_day_passed", 409, _("A later day was cleared already; what was left over is in it. Clear the newest day.")
)
CLEARING_AMOUNT_INVALID = declare(
    "clearing_amount_invalid", 422, _("This amount or account cannot be cleared that way. Check both and try again.")
)
RETENTION_DECIDED = declare("retention_decided", 409, _("This dispute is decided already. Reload the page."))
FEE_SHORT = declare(
    "fee_short", 409, _("Less than that of the operating fee is free. Fees are free when their hold-back is over.")
)
BANK_FILE_SUM_WRONG = declare(
    "bank_file_sum_wrong",
    422,
    _("Opening balance and lines do not make the closing balance. Nothing was booked. Get the file again."),
)
BANK_FILE_GAP = declare(
    "bank_file_gap",
    409,
    _("The file does not follow the one before, which ended at %(closing)s fen. Import the files in between first."),
)
BANK_DEBIT_UNCOVERED = declare(
    "bank_debit_uncovered",
    409,
    _("Nobody knows debits of %(fen)s fen, and the operating fee does not cover them. Ask the bank at once."),
)

BANK_DEBIT_KNOWN = declare(
    "bank_debit_known", 409, _("The fee does not bear this line (any more): it was charged to whose it is already.")
)
BANK_DEBIT_NO_GOAL = declare(
    "bank_debit_no_goal", 409, _("There is no such payout that the bank has and has not answered, and no such float.")
)
BANK_DEBIT_OTHER_AMOUNT = declare(
    "bank_debit_other_amount", 409, _("The payout has another amount than the bank's line. Look for the right one.")
)
BANK_DEBIT_FLOAT_SHORT = declare(
    "bank_debit_float_short", 409, _("The float holds less than this line. Let the merchant top up first.")
)

HOLD_CLOSED = declare("hold_closed", 409, _("This hold is closed already: it was captured or released."))
HOLD_EXPIRED = declare(
    "hold_expired", 409, _("The time of this hold is over and the points are the member's again. Take payment anew.")
)
HOLD_TOO_SMALL = declare(
    "hold_too_small", 409, _("Only %(held)s points are held. Lower the points and use a new request key.")
)
HOLD_UNKNOWN = declare("hold_unknown", 404, _("There is no such hold at this outlet."))

BOOKED, WITHOUT_POINTS, SHORT, FROZEN, UNKNOWN, REUSED, NO_SALE, VOID_ALREADY, LATE, GONE, FUNDER = range(11)
CLOSED_HOLD, EXPIRED_HOLD, SMALL_HOLD, NO_HOLD = 11, 12, 13, 18

_BY_STATUS = {
    WITHOUT_POINTS: FLOAT_EXHAUSTED,
    SHORT: POINTS_SHORT,
    FROZEN: WALLET_FROZEN,
    UNKNOWN: WALLET_UNKNOWN,
    REUSED: KEY_REUSED,
    NO_SALE: SALE_UNKNOWN,
    VOID_ALREADY: ALREADY_VOID,
    LATE: VOID_TOO_LATE,
    GONE: VOID_POINTS_GONE,
    FUNDER: FUNDER_SHORT,
    CLOSED_HOLD: HOLD_CLOSED,
    EXPIRED_HOLD: HOLD_EXPIRED,
    SMALL_HOLD: HOLD_TOO_SMALL,
    NO_HOLD: HOLD_UNKNOWN,
}
_FACT = {WITHOUT_POINTS: "needed", SHORT: "available", GONE: "short", FUNDER: "needed", SMALL_HOLD: "held"}


def refusal_of(status: int, figure: int | None) -> Refused:
    """Return the exception for a status of the posting functions (docs/ledger.md lists them)."""
    facts = {_FACT[status]: figure or 0} if status in _FACT else {}
    return _BY_STATUS[status](**facts)


REFUND_TOO_MUCH = declare(
    "refund_too_much", 422, _("Only %(left_fen)s fen of this bill are left to be refunded. Lower the amount.")
)
REFUND_TOO_LATE = declare(
    "refund_too_late", 409, _("A purchase can be refunded for %(days)s days with its points. Ask the service centre.")
)
SALE_REFUNDED = declare(
    "sale_refunded", 409, _("Part of this sale was refunded already, so it cannot be voided. Refund what is left.")
)
VOID_PAID_OUT = declare(
    "void_paid_out", 409, _("What this sale was paid with in points has been cleared already. Make it a refund.")
)
VOID_REWARDED = declare(
    "void_rewarded",
    409,
    _("Rewards were given on the strength of this sale, so it cannot be voided. Refund it instead."),
)
_BY_STATUS |= {14: REFUND_TOO_MUCH, 15: REFUND_TOO_LATE, 31: SALE_REFUNDED, 32: VOID_PAID_OUT, 33: VOID_REWARDED}
_FACT |= {14: "left_fen", 15: "days"}

REWARD_CREDIT_SHORT = declare(
    "reward_credit_short",
    409,
    _("The purchases of this member do not bear that reward yet: %(missing)s points of reward credit are missing."),
)
REWARD_GIVEN = declare("reward_given", 409, _("This was rewarded before, as number %(reward)s. It pays once."))
REFERRAL_UNKNOWN = declare("referral_unknown", 404, _("Nobody has invited this member."))
REFERRAL_LIMIT = declare(
    "referral_limit", 409, _("Of what inviting can bring a member in a day and a year, only %(left)s points are left.")
)
REWARD_STOPPED = declare("reward_stopped", 409, _("Whoever pays this reward is closing and gives no more points."))
REWARD_UNKNOWN = declare("reward_unknown", 404, _("There is no such reward."))
REWARD_TAKEN_BACK = declare("reward_taken_back", 409, _("This reward was taken back already."))
_BY_STATUS |= {
    40: REWARD_CREDIT_SHORT,
    41: REWARD_GIVEN,
    42: REFERRAL_UNKNOWN,
    43: REFERRAL_LIMIT,
    44: REWARD_STOPPED,
    45: REWARD_UNKNOWN,
    49: REWARD_TAKEN_BACK,
}
SPENDING_ENDED = declare(
    "spending_ended",
    409,
    _(
        "The last day to spend these points is over: a closing mode has ended. %(available)s points can still be "
        "spent. Lower the points and use a new request key."
    ),
)
ISSUE_STOPPED = declare("issue_stopped", 409, _("Whoever pays for these points is closing and gives no more points."))
_BY_STATUS |= {50: SPENDING_ENDED, 51: ISSUE_STOPPED}
_FACT |= {50: "available"}
_FACT |= {40: "missing", 41: "reward", 43: "left"}
