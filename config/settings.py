"""Django settings. Everything an operator may change is an environment variable, listed in `.env.example`."""

from __future__ import annotations

import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import structlog
from celery.schedules import crontab
from django.urls import reverse_lazy
from psycopg.conninfo import conninfo_to_dict

from config.appearance import UNFOLD as UNFOLD
from config.env import BASE_DIR, DATA_DIR, env, read_run_file, read_secret, read_setting
from config.single_sign_on import read_single_sign_on

_run_file = read_run_file()

DEBUG = env.bool("PLAYHEAD_DEBUG", default=False)
# `development` or `staging`; whatever else it says is production, and so is saying nothing. `manage.py up` says
# development.
ENVIRONMENT = read_setting("PLAYHEAD_ENV", run_file=_run_file, default="production").strip().lower()
IS_PRODUCTION = ENVIRONMENT not in ("development", "staging")
# An empty key is refused by Django itself, with its own message, as soon as something signs.
SECRET_KEY = read_secret("PLAYHEAD_SECRET_KEY", file="secret_key")
# Fernet keys for replay copies, newest first; older ones only decrypt.
ENCRYPTION_KEYS = [key for key in read_secret("PLAYHEAD_ENCRYPTION_KEYS", file="encryption_keys").split(",") if key]
ALLOWED_HOSTS = env.list("PLAYHEAD_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("PLAYHEAD_TRUSTED_ORIGINS", default=[])
# The address people and SDKs reach this product at; quickstarts and the own-traffic filter use it.
PUBLIC_URL = (
    env.str("PLAYHEAD_PUBLIC_URL", default="") or _run_file.get("PUBLIC_URL", "http://127.0.0.1:8000")
).rstrip("/")

INSTALLED_APPS = [
    # Only its `runserver` is wanted; loaded everywhere, Twisted would cost every process half a second and 20 MB.
    *(["daphne"] if "runserver" in sys.argv else []),
    "unfold",
    "django.contrib.admin",
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
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "auditlog",
    "channels",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "observability",
    "reruns",
    "debugconsole",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "observability.audit.AuditMiddleware",
    "observability.pages.zones.TimeZoneMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "observability.pages.context.navigation",
            ],
        },
    },
]

# --- Postgres -------------------------------------------------------------------------------------------------------
DATABASE_URL = read_setting("DATABASE_URL", run_file=_run_file, default="postgres:///playhead")
# libpq itself reads the address, so every form that psql takes works here (sockets, several hosts, service files).
_libpq = conninfo_to_dict(DATABASE_URL)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _libpq.pop("dbname", ""),
        "USER": _libpq.pop("user", ""),
        "PASSWORD": _libpq.pop("password", ""),
        "HOST": _libpq.pop("host", ""),
        "PORT": _libpq.pop("port", ""),
        "OPTIONS": {
            "pool": {"min_size": 0, "max_size": 8, "timeout": 10, "reconnect_timeout": 3},
            "connect_timeout": 5,
            "options": "-c statement_timeout=30s",
            **_libpq,
        },
        # A connection that a restarted Postgres left behind is noticed when it is taken, not by a page.
        "CONN_HEALTH_CHECKS": True,
        # Transaction pooling (pgbouncer) has no server-side cursors.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
# What the writer runs often, it prepares. A pooler that hands out connections by transaction may not know of that.
DATABASE_PREPARES = env.bool("DATABASE_PREPARES", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Valkey: one server, one database number a purpose ---------------------------------------------------------------
REDIS_URL = read_setting("REDIS_URL", run_file=_run_file, default="redis://localhost:6379/0")


def _redis_url(database: int) -> str:
    """Return REDIS_URL with another database number; unix sockets carry it as `?db=`."""
    parts = urlsplit(REDIS_URL)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={database}"
    return urlunsplit(parts._replace(path=f"/{database}"))


def _celery_url(url: str) -> str:
    """Return the form kombu takes: `redis+socket://` with `virtual_host` for unix sockets."""
    return url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")


CACHES = {
    "default": {
        "BACKEND": "config.cache.ValkeyOrMemoryCache",
        "LOCATION": _redis_url(1),
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": _redis_url(2), "socket_connect_timeout": 2}], "prefix": "playhead"},
    },
}

# Debug lines, best on a server of its own: whoever prints much fills this one alone.
DEBUG_REDIS_URL = env.str("DEBUG_REDIS_URL", default="") or _redis_url(5)

# Socket.IO of the SDKs: messages among web processes, and the mailbox of each.
SOCKETS_URL = _redis_url(4)

CELERY_BROKER_URL = _celery_url(_redis_url(3))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_timeout": 10, "socket_connect_timeout": 5}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "ensure-partitions": {
        "task": "observability.tasks.ensure_partitions",
        "schedule": crontab(minute="7"),
        # Not worth doing late: the next hour's does the same.
        "options": {"expire_seconds": 3000},
    },
    # Deletions whose task got lost; usually none.
    "resume-purges": {
        "task": "observability.tasks.resume_purges",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 500},
    },
    "resume-deletions": {
        "task": "observability.tasks.resume_deletions",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 500},
    },
    "sweep-blobs": {
        "task": "observability.tasks.sweep_blobs",
        "schedule": crontab(minute="43"),
        "options": {"expire_seconds": 3000},
    },
    "trim-rejections": {
        "task": "observability.tasks.trim_rejections",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 500},
    },
    # observability.services.retention
    "start-retention": {
        "task": "observability.tasks.start_retention",
        "schedule": crontab(hour="2", minute="0"),
        "options": {"expire_seconds": 36_000},
    },
    "resume-retention": {
        "task": "observability.tasks.run_retention",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 500},
    },
    # observability.services.day_counts
    "count-days": {
        "task": "observability.tasks.count_days",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 500},
    },
    # Reruns whose time is over, and those that a lost message left waiting.
    "sweep-reruns": {
        "task": "reruns.tasks.sweep_reruns",
        "schedule": timedelta(seconds=15),
        "options": {"expire_seconds": 30},
    },
    "sweep-sdk-connections": {
        "task": "reruns.tasks.sweep_connections",
        "schedule": timedelta(seconds=60),
        "options": {"expire_seconds": 60},
    },
    "sweep-samples": {
        "task": "reruns.tasks.sweep_samples",
        "schedule": timedelta(seconds=60),
        "options": {"expire_seconds": 60},
    },
    "sweep-evaluations": {
        "task": "reruns.tasks.sweep_evaluations",
        "schedule": timedelta(seconds=60),
        "options": {"expire_seconds": 60},
    },
    # Debug lines that are older than may be kept.
    "trim-debug-streams": {
        "task": "debugconsole.tasks.trim_streams",
        "schedule": timedelta(seconds=30),
        "options": {"expire_seconds": 30},
    },
    "forget-old-reruns": {
        "task": "reruns.tasks.forget_old_reruns",
        "schedule": crontab(minute="37"),
        "options": {"expire_seconds": 3000},
    },
    "sweep-debug-sessions": {
        "task": "debugconsole.tasks.sweep_sessions",
        "schedule": timedelta(seconds=30),
        "options": {"expire_seconds": 30},
    },
    # observability.services.heartbeat
    "heartbeat": {
        "task": "observability.tasks.send_heartbeat",
        "schedule": timedelta(seconds=15),
        "options": {"expire_seconds": 30},
    },
}
# Beat writes to the database when it last sent a task, after each one: `doctor` reads there that it is alive.
CELERY_BEAT_SYNC_EVERY = 1

# --- People ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "observability.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "observability.services.accounts.AccountAdapter"
ACCOUNT_SIGNUP_OPEN = env.bool("PLAYHEAD_OPEN_SIGNUP", default=False)
# One provider of the organization's own, by settings; a verified address there is the person with that address here.
SINGLE_SIGN_ON = read_single_sign_on()
IS_PASSWORD_SIGN_IN = env.bool("PLAYHEAD_PASSWORD_SIGN_IN", default=True)
SOCIALACCOUNT_ADAPTER = "observability.services.single_sign_on.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = SINGLE_SIGN_ON.make_providers()
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
# People hear of every change to how they sign in.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Playhead: "
MFA_TOTP_ISSUER = "Playhead"
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
EMAIL_CONFIG = env.email_url("PLAYHEAD_EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("PLAYHEAD_FROM_EMAIL", default="playhead@localhost")

# Who changed what, for every table of people, tenants and keys. Secrets stay out, and what no person changes.
AUDITLOG_INCLUDE_TRACKING_MODELS = (
    {
        "model": "observability.User",
        "include_fields": ["email", "name", "is_active", "is_staff", "is_superuser", "password"],
        "mask_fields": ["password"],
        "mask_callable": "observability.audit.hide_value",
        "m2m_fields": ["groups", "user_permissions"],
    },
    {"model": "observability.ApiKey", "exclude_fields": ["secret_hash", "last_used_at", "replaces"]},
    {
        "model": "observability.Organization",
        "exclude_fields": ["projects", "memberships", "invitations", "deletions", "retention_runs"],
    },
    {"model": "observability.Project", "exclude_fields": ["api_keys", "memberships", "redaction_rules", "invitations"]},
    "observability.Membership",
    "observability.ProjectMembership",
    "observability.RedactionRule",
    {"model": "observability.Invitation", "exclude_fields": ["token_hash"]},
    {"model": "observability.Deletion", "exclude_fields": ["expected", "removed"]},
    # What was asked for and by whom; how it went is on the rerun's own page.
    {
        "model": "reruns.Trigger",
        "include_fields": [
            "project",
            "mode",
            "trace_id",
            "workflow_name",
            "run_count",
            "requested_session_id",
            "requested_by",
            "requested_key",
            "sampling_config",
            "cancelled_by",
        ],
    },
    {"model": "reruns.RunConfig", "include_fields": ["project", "trigger", "trace_id", "frozen_event_ids"]},
    {"model": "reruns.SamplingConfig", "exclude_fields": ["triggered_count", "capped_count", "unusable_count"]},
    "reruns.RerunPolicy",
)
AUDITLOG_CID_GETTER = "observability.audit.get_no_correlation_id"

SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
IS_BEHIND_PROXY = env.bool("PLAYHEAD_BEHIND_PROXY", default=False)
if IS_BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What Prometheus says to be shown `/metrics`; empty: it must be on this machine.
METRICS_TOKEN = env.str("PLAYHEAD_METRICS_TOKEN", default="").strip()

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "observability.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "config.api_errors.handle_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Playhead",
    "DESCRIPTION": "Record every run of an AI agent or workflow, watch it while it happens, and run it again.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "observability.api.schema.add_ingest_doors",
        "reruns.api.schema.add_run_events",
        "debugconsole.api.schema.add_debug_door",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "media"}},
    # Values over 1 MiB, by content hash. Any django-storages backend can take its place.
    "blobs": {
        "BACKEND": env.str("PLAYHEAD_BLOB_STORAGE", default="observability.services.blobs.LocalBlobStorage"),
        "OPTIONS": env.json("PLAYHEAD_BLOB_STORAGE_OPTIONS", default={"location": str(DATA_DIR / "blobs")}),
    },
    "staticfiles": {"BACKEND": "config.static.HashedStaticFilesStorage"},
}

# --- Ingest: every bound of the doors and the writer --------------------------------------------------------------
INGEST_MAX_COMPRESSED_BYTES = env.int("INGEST_MAX_COMPRESSED_BYTES", default=8 * 2**20)
INGEST_MAX_BODY_BYTES = env.int("INGEST_MAX_BODY_BYTES", default=64 * 2**20)
INGEST_MAX_INFLIGHT_BYTES = env.int("INGEST_MAX_INFLIGHT_BYTES", default=256 * 2**20)
# Records waiting for their commit, in bytes of their values; past it the door answers 503 with Retry-After.
INGEST_QUEUE_BYTES = env.int("INGEST_QUEUE_BYTES", default=64 * 2**20)
# A value larger than this goes to blob storage by content hash.
INGEST_BLOB_BYTES = env.int("INGEST_BLOB_BYTES", default=2**20)
# Days that have a partition of their own, around today; older or later rows land in the default partition, flagged.
PARTITION_DAYS_BACK = env.int("PARTITION_DAYS_BACK", default=14)
PARTITION_DAYS_AHEAD = env.int("PARTITION_DAYS_AHEAD", default=7)
# The share of its time that retention spends deleting rows; the rest it waits, so that ingest and reads go on.
RETENTION_SHARE = env.float("RETENTION_SHARE", default=0.2)

# --- Reruns -------------------------------------------------------------------------------------------------------
# What an SDK may answer over its socket; larger results are posted.
RERUN_SOCKET_BYTES = env.int("RERUN_SOCKET_BYTES", default=2**20)
RERUN_RESULT_BYTES = env.int("RERUN_RESULT_BYTES", default=16 * 2**20)
# How often SDKs with one key may connect, and register, a minute and web process: many may come back at once.
RERUN_CONNECTS_PER_MINUTE = env.int("RERUN_CONNECTS_PER_MINUTE", default=600)
RERUN_REGISTERS_PER_MINUTE = env.int("RERUN_REGISTERS_PER_MINUTE", default=1200)

# --- Debug console ------------------------------------------------------------------------------------------------
# Off, nobody can look: no page, no endpoint, no reader. Policies then say who may.
DEBUG_CONSOLE_ENABLED = (
    env.bool("DEBUG_CONSOLE_ENABLED") if env.str("DEBUG_CONSOLE_ENABLED", default="") else not IS_PRODUCTION
)
# What runners put before their keys (RUNNER_DEBUG_REDIS_STREAM_PREFIX); an empty one is the default, as they read it.
DEBUG_STREAM_PREFIX = env.str("DEBUG_STREAM_PREFIX", default="") or "ext-debug:"
DEBUG_STREAM_MAXLEN = env.int("DEBUG_STREAM_MAXLEN", default=2_000)
DEBUG_RETENTION_MINUTES = env.int("DEBUG_RETENTION_MINUTES", default=15)

# --- The rest -------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
SITE_ID = None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], sort_keys=True),
            ],
            "foreign_pre_chain": [
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.add_log_level,
            ],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.str("PLAYHEAD_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
