"""All settings, in one file. Every variable of the environment is described in docs/settings.md."""

from pathlib import Path

from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor

from alliance import env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- what this installation is -----------------------------------------------------------------
LIANHUI_NAME = env.text("LIANHUI_NAME", "联惠")
LIANHUI_DEMO = env.flag("LIANHUI_DEMO", False)
LIANHUI_VERSION = "0.1.0"
STATE_DIR = Path(env.text("LIANHUI_STATE", str(BASE_DIR / ".state")))

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY")
# Keys that must outlive a change of SECRET_KEY: digests of phone and card numbers.
HANDLE_KEY = env.text("HANDLE_KEY", SECRET_KEY)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# --- applications ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "alliance.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_cotton.apps.SimpleAppConfig",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "alliance",
    "points",
    "merchants",
    "stores",
    "members",
    "town",
]

MIDDLEWARE = [
    "alliance.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "alliance.middleware.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "alliance.middleware.preferences",
    "alliance.sessions.middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "alliance.middleware.refusals",
]

ROOT_URLCONF = "alliance.urls"
WSGI_APPLICATION = "alliance.wsgi.application"

_LOADERS = [
    "django_cotton.cotton_loader.Loader",
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": _LOADERS if DEBUG else [("django.template.loaders.cached.Loader", _LOADERS)],
            "builtins": ["django_cotton.templatetags.cotton"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "alliance.context.site",
            ],
        },
    },
]
COTTON_DIR = "cotton"

# --- data --------------------------------------------------------------------------------------
# The application's own role may not change the book's history; the owner migrates, builds towns and tests.
_URL = env.text("DATABASE_URL")
_OWNER_URL = env.text("DATABASE_OWNER_URL", _URL)
DATABASE_APP_ROLE = env.database(_URL)["USER"]
DATABASE_HAS_TWO_ROLES = env.database(_OWNER_URL)["USER"] != DATABASE_APP_ROLE
DATABASES = {"default": env.database(_OWNER_URL if env.text("LIANHUI_DB_ROLE", "app") == "owner" else _URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "alliance.User"

REDIS_URL = env.text("REDIS_URL", "")
CACHES = {
    "default": (
        {"BACKEND": "alliance.caches.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# --- work in the background --------------------------------------------------------------------
CELERY_BROKER_URL = env.celery_broker(REDIS_URL) if REDIS_URL else "memory://"
CELERY_TASK_ALWAYS_EAGER = env.flag("CELERY_EAGER", False)
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "alliance.tasks.heartbeat", "schedule": 30.0},
    "reactions": {"task": "alliance.tasks.run_reactions", "schedule": 5.0},
    "roll-up": {"task": "points.tasks.roll_up", "schedule": 10.0},
    "stripes": {"task": "points.tasks.fold_stripes", "schedule": 600.0},
    "holds": {"task": "points.tasks.release_holds", "schedule": 60.0},
    "mature": {"task": "points.tasks.mature", "schedule": crontab(minute="7")},
    "refunds": {"task": "points.tasks.settle_refunds", "schedule": 60.0},
    "expire": {"task": "points.tasks.expire", "schedule": crontab(minute="12")},
    "pay-promises": {"task": "points.tasks.pay_promises", "schedule": 60.0},
    "bills": {"task": "points.tasks.bills", "schedule": crontab(minute="35", hour="0")},
    # After midnight; the later hours only do what was missed.
    "close": {"task": "points.tasks.close", "schedule": crontab(minute="20")},
    # Of months that are over; most days find nothing.
    "keep-fees": {"task": "points.tasks.keep_fees", "schedule": crontab(minute="40", hour="1")},
    # Once a day, after the close; the later hours only if that one was missed.
    "prove": {"task": "points.tasks.prove", "schedule": crontab(minute="50")},
    # Once a day, after what has lapsed is booked; asked often, so that a new installation does not wait for the night.
    "forecast": {"task": "points.tasks.forecast", "schedule": crontab(minute="23-59/10")},
    # Once a day, when people are awake; the later hours only if the first was missed.
    "notices": {"task": "members.tasks.notices", "schedule": crontab(minute="25", hour="8-21")},
    "rules": {"task": "points.tasks.turn_rules", "schedule": 60.0},
    # A day is sealed an hour after midnight at the earliest; the later hours only for what was left.
    "seal": {"task": "points.tasks.seal", "schedule": crontab(minute="30")},
    "flows": {"task": "points.tasks.flows", "schedule": 300.0},
    # What was left half-way by a worker that was killed goes on.
    "surplus": {"task": "points.tasks.share_surplus", "schedule": 60.0},
    "openings": {"task": "points.tasks.book_openings", "schedule": 60.0},
    "winding-up": {"task": "points.tasks.wind_up", "schedule": crontab(minute="35")},
    "figures": {"task": "alliance.tasks.reckon_figures", "schedule": 300.0},
    "sessions": {"task": "alliance.tasks.sweep_sessions", "schedule": crontab(minute="40", hour="3")},
    "awards": {"task": "points.tasks.prune_awards", "schedule": crontab(minute="20", hour="3")},
    "verify": {"task": "points.tasks.check_laws", "schedule": crontab(minute="10", hour="4")},
    "bury-jobs": {"task": "alliance.tasks.bury_jobs", "schedule": 600.0},
    "bury-back-tests": {"task": "points.tasks.bury_back_tests", "schedule": 300.0},
    "partitions": {"task": "points.tasks.partitions_ahead", "schedule": crontab(minute="0", hour="3")},
    # After the close; the later hours go on with a run that was stopped, or had to wait for a close.
    "clear": {"task": "merchants.tasks.clear", "schedule": crontab(minute="30")},
    "tokens": {"task": "merchants.tasks.forget_tokens", "schedule": crontab(minute="40", hour="3")},
}

# --- people who sign in ------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["alliance.auth.StaffBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "front"
LOGOUT_REDIRECT_URL = "login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_METHODS = {"email"}
MFA_ADAPTER = "alliance.auth.MfaAdapter"
# A code is also good for the 30 seconds before and after its own: clocks of phones differ.
MFA_TOTP_TOLERANCE = 1
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = LIANHUI_NAME
SESSION_COOKIE_AGE = 30 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "alliance.web.errors.csrf_failure"
# Over plain http (the demo on a laptop) secure cookies would lock everybody out; production sets HTTPS=true.
HTTPS = env.flag("HTTPS", not (DEBUG or LIANHUI_DEMO))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY", False) else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- clearing (docs/operations.md) ---------------------------------------------------------------
# So many days after the trade a day is cleared; below so much nothing is paid out.
CLEARING_DAYS = env.number("CLEARING_DAYS", 1)
# A day so many days after everything in the book is neither closed nor cleared: some clock is wrong.
CLOCK_DAYS = env.number("CLOCK_DAYS", 366 if LIANHUI_DEMO else 7)
CLEARING_MINIMUM_FEN = env.number("CLEARING_MINIMUM_FEN", 100_00)
# How payout files are written and statements are read (docs/bank-files.md), and whose account pays.
BANK_FORMAT = env.text("BANK_FORMAT", "plain")
BANK_NAME = env.text("BANK_NAME", "演示银行（模拟）" if LIANHUI_DEMO else "BANK")
BANK_ACCOUNT = env.text("BANK_ACCOUNT", "6200-0000-0001" if LIANHUI_DEMO else "0000")
# More accounts that hold the members' money: lines of any other account are not booked.
BANK_ACCOUNTS = env.words("BANK_ACCOUNTS")
# Who operates the alliance, as it stands in law; the account may be in another name (a custodian's).
OPERATOR_NAME = env.text("OPERATOR_NAME", "")
OPERATOR_TAX_NUMBER = env.text("OPERATOR_TAX_NUMBER", "")
BANK_ACCOUNT_NAME = env.text("BANK_ACCOUNT_NAME", OPERATOR_NAME)

# --- messages that leave the house (alliance/ports) ---------------------------------------------
# demo: kept for the page to show; console: on the terminal; both are refused by `check --deploy`.
SMS_PORT = env.text("SMS_PORT", "demo" if LIANHUI_DEMO else "console")
SMS_GATEWAY_URL = env.text("SMS_GATEWAY_URL", "")
SMS_GATEWAY_TOKEN = env.text("SMS_GATEWAY_TOKEN", "")
MAIL_PORT = env.text("MAIL_PORT", "demo" if LIANHUI_DEMO else "console")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "no-reply@localhost")
# How long points are held for an open bill unless the till says otherwise; seven days at most.
HOLD_MINUTES = env.number("HOLD_MINUTES", 30)
if not 1 <= HOLD_MINUTES <= 7 * 24 * 60:
    raise env.BadSetting(f"HOLD_MINUTES={HOLD_MINUTES} is not between 1 and 10080 (see docs/settings.md)")
# What tills may take in points while they are offline: on one bill, and of one member in a day.
OFFLINE_SPEND_FEN = env.number("OFFLINE_SPEND_FEN", 2_000)
OFFLINE_SPEND_DAY_FEN = env.number("OFFLINE_SPEND_DAY_FEN", 4_000)
if not 0 <= OFFLINE_SPEND_FEN <= 20_000:
    raise env.BadSetting(f"OFFLINE_SPEND_FEN={OFFLINE_SPEND_FEN} is not between 0 and 20000 (see docs/settings.md)")
if not 0 <= OFFLINE_SPEND_DAY_FEN <= 20_000:
    raise env.BadSetting(
        f"OFFLINE_SPEND_DAY_FEN={OFFLINE_SPEND_DAY_FEN} is not between 0 and 20000 (see docs/settings.md)"
    )
REFUND_DAYS = env.number("REFUND_DAYS", 60)
# Above which share of what it issued in a month a merchant pays the fee on points that its refunds lacked.
SHORTFALL_SHARE_BPS = env.number("SHORTFALL_SHARE_BPS", 100)
if not 0 <= SHORTFALL_SHARE_BPS <= 10_000:
    raise env.BadSetting(f"SHORTFALL_SHARE_BPS={SHORTFALL_SHARE_BPS} is not between 0 and 10000 (see docs/settings.md)")
# What inviting can bring one member in a day and a calendar year.
REFERRAL_DAY_POINTS = env.number("REFERRAL_DAY_POINTS", 2_000)
REFERRAL_YEAR_POINTS = env.number("REFERRAL_YEAR_POINTS", 20_000)
# Up to how much of one receipt a cashier may refund alone, and somebody at headquarters without a second person.
REFUND_CASHIER_FEN = env.number("REFUND_CASHIER_FEN", 20_000)
REFUND_STAFF_FEN = env.number("REFUND_STAFF_FEN", 50_000)
# One-time codes that one network address may ask for in an hour; a shop or a school shares one address.
LOGIN_CODES_PER_IP_HOUR = env.number("LOGIN_CODES_PER_IP_HOUR", 1000 if LIANHUI_DEMO else 60)

# What the buffer keeps when the surplus is closed, in fen.
BUFFER_FLOOR_FEN = env.number("BUFFER_FLOOR_FEN", 1_000_000)
# A newest bank line older than this many days is an alarm.
BANK_LINE_DAYS = env.number("BANK_LINE_DAYS", 3)
# Of sums smaller than this members are told once, 30 days ahead, and not also 60 and 7 days ahead.
EXPIRY_NOTICE_POINTS = env.number("EXPIRY_NOTICE_POINTS", 100)

# --- language and time -------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "alliance" / "locale"]
FORMAT_MODULE_PATH = ["alliance.formats"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

# --- files -------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS: list[Path] = []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or env.flag("PLAIN_STATIC", False)
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = env.flag("PLAIN_STATIC", False)
# Half of the compressing at the first start: nobody asks for unhashed names or for compressed source maps.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
MEDIA_ROOT = STATE_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000

# --- machines that call ------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["merchants.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["merchants.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["alliance.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "alliance.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_THROTTLE_RATES": {"api_key": env.text("API_RATE", "6000/min")},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lianhui API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- the console -------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": LIANHUI_NAME,
    "SITE_HEADER": LIANHUI_NAME,
    "SITE_SYMBOL": "loyalty",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "alliance.admin.site.environment",
    "DASHBOARD_CALLBACK": "alliance.admin.dashboard.context",
    "COLORS": {
        "primary": {
            "50": "255 247 237",
            "100": "255 237 213",
            "200": "254 215 170",
            "300": "253 186 116",
            "400": "251 146 60",
            "500": "234 88 12",
            "600": "194 65 12",
            "700": "154 52 18",
            "800": "124 45 18",
            "900": "99 32 13",
            "950": "67 20 7",
        }
    },
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": "alliance.admin.site.language_switch"},
    "STYLES": ["alliance.admin.site.stylesheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "alliance.admin.site.favicon"}],
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "alliance.admin.navigation.of",
    },
}

LOGGING_CONFIG = "alliance.logs.configure"
LOGGING = {"level": env.text("LOG_LEVEL", "INFO"), "json": env.flag("LOG_JSON", not DEBUG)}

SILENCED_SYSTEM_CHECKS: list[str] = []
