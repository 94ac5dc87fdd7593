"""People who sign in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, phone: str | None = None, email: str | None = None, **fields: Any) -> User:
        user = self.model(phone=phone or None, email=email.lower() if email else None, **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user

    def visible_to(self, user: User) -> models.QuerySet[User]:
        """Return the console users with a post in the user's units; from the top of the tree, everybody."""
        from alliance import access
        from alliance.models.unit import Post

        if access.is_at_the_top(user):
            return self.all()
        return self.filter(pk__in=Post.objects.visible_to(user).values("user"))

    def create_superuser(self, *, email: str, password: str, **fields: Any) -> User:
        """Make a console user; what it may do still comes from its posts (alliance.access)."""
        user = self.model(email=email.lower(), is_staff=True, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Somebody who signs in: a member, a merchant's staff or console staff. Known by phone first, else by e-mail."""

    class Language(models.TextChoices):
        CHINESE = "zh-hans", "简体中文"
        ENGLISH = "en", "English"

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    phone = models.CharField(_("phone"), max_length=16, unique=True, null=True, blank=True)
    email = models.EmailField(_("e-mail"), unique=True, null=True, blank=True)
    name = models.CharField(_("name"), max_length=60, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language, blank=True)
    theme = models.CharField(_("theme"), max_length=6, choices=Theme, default=Theme.SYSTEM)
    is_staff = models.BooleanField(_("console user"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("since"), default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.CheckConstraint(
                name="alliance_user_has_phone_or_email",
                condition=models.Q(phone__isnull=False) | models.Q(email__isnull=False),
            ),
            models.CheckConstraint(
                name="alliance_user_phone_is_e164",
                condition=models.Q(phone__isnull=True) | models.Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.masked

    def get_full_name(self) -> str:
        return str(self)

    @property
    def masked(self) -> str:
        """Return the phone or e-mail with its middle hidden."""
        if self.phone:
            national = self.phone.removeprefix("+86")
            return f"{national[:3]}****{national[-4:]}"
        local, _at, domain = (self.email or "").partition("@")
        return f"{local[:1]}***@{domain}"

    # Unfold and Django's admin ask these. What a console user may do is decided by posts, in alliance.access.
    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        from alliance import access

        return access.has_django_permission(self, perm)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff

    def has_perms(self, perm_list: list[str], obj: object | None = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    @property
    def is_superuser(self) -> bool:
        return False
