"""Django admin: the operator's rooms. Read-mostly; what changes something calls a service."""

from observability.admin import accounts, audit, keys, people, records, schedule, sign_in, store, tenants

__all__ = ["accounts", "audit", "keys", "people", "records", "schedule", "sign_in", "store", "tenants"]
