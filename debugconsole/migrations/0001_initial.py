"""Tables of the debug console."""

import debugconsole.models.extensions
import debugconsole.wire.envelope
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('observability', '0018_vacuum_traces'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DebugAuditHead',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField(default=0)),
                ('hash', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'db_table': 'debug_audit_head',
            },
        ),
        migrations.CreateModel(
            name='DebugAudit',
            fields=[
                ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor', models.CharField(blank=True, max_length=254)),
                ('action', models.CharField(max_length=40)),
                ('organization_id', models.BigIntegerField(null=True)),
                ('extension_id', models.BigIntegerField(null=True)),
                ('target', models.CharField(max_length=300)),
                ('session_id', models.UUIDField(null=True)),
                ('detail', models.JSONField(default=dict)),
                ('prev_hash', models.CharField(max_length=64)),
                ('hash', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'debug audit row',
                'db_table': 'debug_audit',
                'ordering': ['-seq'],
                'indexes': [models.Index(fields=['actor_id', '-at'], name='debug_audit_of_person'), models.Index(fields=['organization_id', '-at'], name='debug_audit_of_organization')],
            },
        ),
        migrations.CreateModel(
            name='DebugGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('install_id', models.CharField(blank=True, max_length=200)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('reason', models.CharField(max_length=300)),
                ('ticket', models.CharField(blank=True, help_text='Where the case is kept.', max_length=100)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('refused_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('refused_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('revoked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'debug_grants',
                'ordering': ['-requested_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Extension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('extension_id', models.CharField(help_text='As runners name it, in any case.', max_length=200, verbose_name='id')),
                ('name', models.CharField(blank=True, max_length=100)),
                ('capabilities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=debugconsole.models.extensions._default_capabilities, size=None)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='extensions', to='observability.organization')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='extensions', to='observability.project')),
            ],
            options={
                'db_table': 'extensions',
                'ordering': ['name', 'extension_id'],
            },
        ),
        migrations.CreateModel(
            name='DebugSession',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('install_id', models.CharField(blank=True, max_length=200)),
                ('request_id', models.CharField(blank=True, max_length=400)),
                ('filter', models.CharField(blank=True, max_length=512)),
                ('tail', models.PositiveIntegerField(default=200)),
                ('transport', models.CharField(choices=[('ws', 'WebSocket'), ('sse', 'SSE'), ('poll', 'Long-poll'), ('compat', 'Compatible stream')], max_length=6)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('policy', models.CharField(help_text='The rule that let it open, and its version.', max_length=60)),
                ('lines_per_second', models.PositiveIntegerField(default=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('opened_at', models.DateTimeField(null=True)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('hard_expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_reason', models.CharField(blank=True, choices=[(debugconsole.wire.envelope.EndReason['CLOSED'], debugconsole.wire.envelope.EndReason['CLOSED']), (debugconsole.wire.envelope.EndReason['EXPIRED'], debugconsole.wire.envelope.EndReason['EXPIRED']), (debugconsole.wire.envelope.EndReason['REVOKED'], debugconsole.wire.envelope.EndReason['REVOKED']), (debugconsole.wire.envelope.EndReason['POLICY_CHANGED'], debugconsole.wire.envelope.EndReason['POLICY_CHANGED']), (debugconsole.wire.envelope.EndReason['SLOW_CONSUMER'], debugconsole.wire.envelope.EndReason['SLOW_CONSUMER']), (debugconsole.wire.envelope.EndReason['REPLACED'], debugconsole.wire.envelope.EndReason['REPLACED']), (debugconsole.wire.envelope.EndReason['IDLE'], debugconsole.wire.envelope.EndReason['IDLE']), (debugconsole.wire.envelope.EndReason['BUDGET'], debugconsole.wire.envelope.EndReason['BUDGET']), (debugconsole.wire.envelope.EndReason['SERVER_DRAIN'], debugconsole.wire.envelope.EndReason['SERVER_DRAIN']), (debugconsole.wire.envelope.EndReason['LOST'], debugconsole.wire.envelope.EndReason['LOST']), (debugconsole.wire.envelope.EndReason['UNVERIFIABLE'], debugconsole.wire.envelope.EndReason['UNVERIFIABLE'])], max_length=16)),
                ('is_attached', models.BooleanField(default=False)),
                ('ip', models.GenericIPAddressField(null=True)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('resumes', models.PositiveIntegerField(default=0)),
                ('produced', models.BigIntegerField(default=0)),
                ('delivered', models.BigIntegerField(default=0)),
                ('filtered', models.BigIntegerField(default=0)),
                ('dropped', models.JSONField(default=dict)),
                ('redacted', models.BigIntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0)),
                ('ticket_hash', models.CharField(blank=True, max_length=64)),
                ('ticket_expires_at', models.DateTimeField(null=True)),
                ('grant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='sessions', to='debugconsole.debuggrant')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='debug_sessions', to=settings.AUTH_USER_MODEL)),
                ('extension', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='debug_sessions', to='debugconsole.extension')),
            ],
            options={
                'db_table': 'debug_sessions',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='DebugPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('environment', 'Environment'), ('tenant', 'Tenant'), ('extension', 'Extension'), ('install', 'Install')], max_length=11)),
                ('environment', models.CharField(blank=True, help_text='As PLAYHEAD_ENV says it: production, staging.', max_length=40)),
                ('install_id', models.CharField(blank=True, max_length=200)),
                ('effect', models.CharField(choices=[('allow', 'Allow'), ('deny', 'Deny'), ('approval', "Allow with another person's approval")], max_length=8)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('engineer', 'Engineer'), ('viewer', 'Viewer')], max_length=10), blank=True, default=list, help_text='Empty: engineers and above.', size=None)),
                ('require_capability', models.CharField(blank=True, default='cap:debug.logs', help_text='What the extension must have; empty: nothing.', max_length=60)),
                ('ttl_minutes', models.PositiveIntegerField(default=10, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(240)], verbose_name='minutes of a session')),
                ('hard_ttl_minutes', models.PositiveIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(480)], verbose_name='minutes with extensions')),
                ('max_viewers', models.PositiveIntegerField(default=10, verbose_name='viewers at once')),
                ('lines_per_second', models.PositiveIntegerField(default=500, validators=[django.core.validators.MinValueValidator(1)], verbose_name='lines a second')),
                ('allows_export', models.BooleanField(default=False, verbose_name='export')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('reason', models.CharField(help_text='Why, for whoever reads the audit.', max_length=300)),
                ('expires_at', models.DateTimeField(blank=True, help_text='From then on it is not there.', null=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('organization', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='observability.organization')),
                ('updated_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('extension', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='debugconsole.extension')),
            ],
            options={
                'verbose_name_plural': 'debug policies',
                'db_table': 'debug_policies',
                'ordering': ['scope', 'id'],
            },
        ),
        migrations.AddField(
            model_name='debuggrant',
            name='extension',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='debugconsole.extension'),
        ),
        migrations.CreateModel(
            name='ExtensionInstall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('install_id', models.CharField(max_length=200, verbose_name='id')),
                ('capabilities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, help_text="Empty: the extension's own.", null=True, size=None)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('extension', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='installs', to='debugconsole.extension')),
            ],
            options={
                'db_table': 'extension_installs',
                'ordering': ['install_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='extension',
            constraint=models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('extension_id'), name='extension_once_in_organization'),
        ),
        migrations.AddIndex(
            model_name='debugsession',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['extension', 'expires_at'], name='debug_sessions_open'),
        ),
        migrations.AddIndex(
            model_name='debugsession',
            index=models.Index(fields=['user', '-created_at'], name='debug_sessions_of_person'),
        ),
        migrations.AddIndex(
            model_name='debugsession',
            index=models.Index(fields=['ended_at'], name='debug_sessions_ended'),
        ),
        migrations.AddConstraint(
            model_name='debugpolicy',
            constraint=models.UniqueConstraint(fields=('scope', 'environment', 'organization', 'extension', 'install_id'), name='debug_policy_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='debugpolicy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('extension', None), ('install_id', ''), ('organization', None), ('scope', 'environment'), models.Q(('environment', ''), _negated=True)), models.Q(('environment', ''), ('extension', None), ('install_id', ''), ('organization__isnull', False), ('scope', 'tenant')), models.Q(('environment', ''), ('extension__isnull', False), ('install_id', ''), ('organization', None), ('scope', 'extension')), models.Q(('environment', ''), ('extension__isnull', False), ('organization', None), ('scope', 'install'), models.Q(('install_id', ''), _negated=True)), _connector='OR'), name='debug_policy_names_its_scope'),
        ),
        migrations.AddIndex(
            model_name='debuggrant',
            index=models.Index(fields=['requested_by', 'extension'], name='debug_grants_of_person'),
        ),
        migrations.AddConstraint(
            model_name='debuggrant',
            constraint=models.CheckConstraint(condition=models.Q(('approved_by', None), models.Q(('approved_by', models.F('requested_by')), _negated=True), _connector='OR'), name='debug_grant_by_another'),
        ),
        migrations.AddConstraint(
            model_name='debuggrant',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('not_before'))), name='debug_grant_has_length'),
        ),
        migrations.AddConstraint(
            model_name='extensioninstall',
            constraint=models.UniqueConstraint(models.F('extension'), django.db.models.functions.text.Lower('install_id'), name='extension_install_once'),
        ),
    ]
