from points.models.account import Account, Terms, Wallet
from points.models.award import Awaited, Award, AwardUsed, Trace, Visit
from points.models.backtest import Backtest, BacktestRow
from points.models.clearing import (
    AccountDay,
    BankLine,
    BankStatement,
    Clearing,
    Mark,
    Movement,
    Payout,
    Retention,
    Split,
    Standing,
    Statement,
)
from points.models.flow import FlowDay
from points.models.handle import Handle, Pass
from points.models.hold import Hold, HoldLot
from points.models.journal import Journal, Key, Reversal, Sale, Transfer
from points.models.lot import MATURE, Lot, LotUse
from points.models.opening import Opening, OpeningLine
from points.models.promise import CreditLine, MerchantBill, Promise
from points.models.proof import Proof, ProofBucket
from points.models.refund import Claim, Due, KeptFee, Refund, RefundAward, ReturnDue
from points.models.reward import Referral, Reward, RewardBack
from points.models.rule import Rule, RuleVersion
from points.models.seal import Seal
from points.models.stripe import Allowance
from points.models.surplus import SurplusClosing, SurplusShare
from points.models.winding import Winding, WindingFloat

__all__ = [
    "MATURE",
    "Account",
    "AccountDay",
    "Allowance",
    "Awaited",
    "Award",
    "AwardUsed",
    "Backtest",
    "BacktestRow",
    "BankLine",
    "BankStatement",
    "Claim",
    "Clearing",
    "CreditLine",
    "Due",
    "FlowDay",
    "Handle",
    "Hold",
    "HoldLot",
    "Journal",
    "KeptFee",
    "Key",
    "Lot",
    "LotUse",
    "Mark",
    "MerchantBill",
    "Movement",
    "Opening",
    "OpeningLine",
    "Pass",
    "Payout",
    "Promise",
    "Proof",
    "ProofBucket",
    "Referral",
    "Refund",
    "RefundAward",
    "Retention",
    "ReturnDue",
    "Reversal",
    "Reward",
    "RewardBack",
    "Rule",
    "RuleVersion",
    "Sale",
    "Seal",
    "Split",
    "Standing",
    "Statement",
    "SurplusClosing",
    "SurplusShare",
    "Terms",
    "Trace",
    "Transfer",
    "Visit",
    "Wallet",
    "Winding",
    "WindingFloat",
]
