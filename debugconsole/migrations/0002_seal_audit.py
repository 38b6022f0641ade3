"""Let rows of the debug audit be added and nothing else.

TRUNCATE is left to the table's owner, as tests need it; the head row shows that rows are gone.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

SEAL = """
CREATE FUNCTION debug_audit_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the debug audit can only be added to' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER debug_audit_sealed BEFORE UPDATE OR DELETE ON debug_audit
    FOR EACH STATEMENT EXECUTE FUNCTION debug_audit_is_sealed();
"""
UNSEAL = """
DROP TRIGGER debug_audit_sealed ON debug_audit;
DROP FUNCTION debug_audit_is_sealed();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("debugconsole", "0001_initial")]

    operations: ClassVar = [migrations.RunSQL(SEAL, UNSEAL)]
