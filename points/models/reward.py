"""Rewards for what is not a sale: who invited whom, what was given, what was taken back. All of it is kept for good."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Account
from points.models.refund import Refund


class Referral(models.Model):
    """One inviter per member, for good; there is no second step."""

    # Translators: 被邀请人钱包
    invitee_id = models.BigIntegerField(_("invited wallet"), primary_key=True)
    # Translators: 邀请人钱包
    inviter_id = models.BigIntegerField(_("inviting wallet"))
    # Translators: 邀请时间
    invited_at = models.DateTimeField(_("invited at"))
    actor = models.CharField(_("actor"), max_length=40)

    class Meta:
        db_table = "points_referral"
        # Translators: 邀请关系
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.inviter_id} → {self.invitee_id}"


class Reward(models.Model):
    """What a budget or a shop gave on account of a member; a referral gives to both. id: the member's transfer."""

    class Kind(models.IntegerChoices):
        # Translators: 邀请奖励
        REFERRAL = 1, _("referral")
        # Translators: 评价奖励
        REVIEW = 2, _("review")
        # Translators: 任务奖励
        MISSION = 3, _("mission")

    id = models.BigIntegerField(primary_key=True)
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    # Translators: 奖励对象
    subject = models.CharField(_("subject"), max_length=80)
    member_id = models.BigIntegerField(_("wallet"))
    inviter_id = models.BigIntegerField(_("inviting wallet"), null=True)
    payer = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("paid by"))
    is_outside = models.BooleanField(_("paid by others"))
    points = models.BigIntegerField(_("points"))
    # Translators: 邀请人所得积分
    inviter_points = models.BigIntegerField(_("points of the inviter"))
    inviter_transfer_id = models.BigIntegerField(null=True)
    on_day = models.DateField(_("day"))
    booked_at = models.DateTimeField(_("booked at"))
    actor = models.CharField(_("actor"), max_length=40)

    class Meta:
        db_table = "points_reward"
        # Translators: 非消费奖励
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.points}"


class RewardBack(models.Model):
    """A part of a reward that was taken back: points = taken + charged to a merchant + owed by the member."""

    transfer_id = models.BigIntegerField(primary_key=True)
    reward = models.ForeignKey(Reward, models.PROTECT, related_name="backs")
    wallet_id = models.BigIntegerField()
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, related_name="+")
    points = models.BigIntegerField()
    taken = models.BigIntegerField()
    charged = models.BigIntegerField()
    owed = models.BigIntegerField()
    red_id = models.BigIntegerField(null=True)
    charge_id = models.BigIntegerField(null=True)
    booked_at = models.DateTimeField()
    actor = models.CharField(max_length=40)

    class Meta:
        db_table = "points_reward_back"
        # Translators: 收回的奖励
        verbose_name = _("reward taken back")
        verbose_name_plural = _("rewards taken back")

    def __str__(self) -> str:
        return f"{self.transfer_id}: {self.points}"
