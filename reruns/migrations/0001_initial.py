"""Tables of the reruns."""


import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('observability', '0012_traces_by_user'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RerunPolicy',
            fields=[
                ('project', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='rerun_policy', serialize=False, to='observability.project')),
                ('minimum_role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('engineer', 'Engineer'), ('viewer', 'Viewer')], default='engineer', help_text='This role and those above it.', max_length=10, verbose_name='who may rerun')),
                ('max_per_hour', models.PositiveIntegerField(default=120, help_text='Runs, not requests: ten runs of one workflow count ten.', verbose_name='reruns an hour')),
                ('max_concurrent', models.PositiveIntegerField(default=20, help_text='Requests that wait or run at the same time.', verbose_name='reruns at once')),
                ('ttl_minutes', models.PositiveIntegerField(default=15, help_text='A request that is not fully answered by then ends as expired, with what has arrived.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='minutes until a rerun expires')),
                ('is_open_to_run_ids', models.BooleanField(default=False, help_text='Let whoever knows the random id of a running rerun read its frozen events and add events to it, as some SDK test modes do without a key.', verbose_name='SDKs without a key')),
            ],
            options={
                'verbose_name_plural': 'rerun policies',
                'db_table': 'rerun_policies',
            },
        ),
        migrations.CreateModel(
            name='SamplingConfig',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('mode', models.CharField(choices=[('step', 'Steps'), ('workflow', 'Workflow')], default='step', max_length=8)),
                ('event_types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('ai', 'Model calls'), ('tool', 'Tools'), ('http', 'HTTP calls'), ('db', 'Database calls')], max_length=4), help_text='What runs for real: ai, tool, http, db.', size=None)),
                ('workflow', models.CharField(blank=True, help_text='Only workflows of this name; * stands for any text. Empty: all.', max_length=255)),
                ('event_name', models.CharField(blank=True, help_text='Only events of this name; * stands for any text. Empty: all.', max_length=255)),
                ('rate', models.FloatField(default=0.01, help_text='0 to 1.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='share of traces')),
                ('run_count', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(50)], verbose_name='runs of each')),
                ('max_per_hour', models.PositiveIntegerField(default=10, verbose_name='reruns an hour')),
                ('evaluations', models.JSONField(blank=True, default=list, help_text='What to check of each result.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('triggered_count', models.PositiveBigIntegerField(default=0, editable=False)),
                ('capped_count', models.PositiveBigIntegerField(default=0, editable=False)),
                ('unusable_count', models.PositiveBigIntegerField(default=0, editable=False)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sampling_configs', to='observability.project')),
            ],
            options={
                'db_table': 'sampling_configs',
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SampledTrace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trace_id', models.CharField(max_length=255)),
                ('outcome', models.CharField(choices=[('triggered', 'Run again'), ('capped', 'Left out: over a limit'), ('unusable', 'Left out: nothing in it can be run again')], max_length=9)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sampled', to='reruns.samplingconfig')),
            ],
            options={
                'db_table': 'sampled_traces',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='SdkConnection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sid', models.CharField(max_length=40, unique=True)),
                ('session_id', models.CharField(max_length=200)),
                ('process', models.CharField(max_length=40)),
                ('may_rerun', models.BooleanField(help_text='Its key has the scope `rerun`.')),
                ('tools', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                ('workflows', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                ('branch', models.CharField(blank=True, max_length=200)),
                ('sdk_version', models.CharField(blank=True, max_length=60)),
                ('address', models.GenericIPAddressField(null=True)),
                ('connected_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('registered_at', models.DateTimeField(null=True)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('closed_at', models.DateTimeField(null=True)),
                ('closed_because', models.CharField(blank=True, max_length=60)),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='observability.apikey')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sdk_connections', to='observability.project')),
            ],
            options={
                'db_table': 'sdk_connections',
                'ordering': ['-connected_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='SessionClaim',
            fields=[
                ('session_id', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='observability.project')),
            ],
            options={
                'db_table': 'sdk_session_claims',
            },
        ),
        migrations.CreateModel(
            name='Trigger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mode', models.CharField(choices=[('workflow', 'Workflow'), ('step', 'Steps'), ('portal', 'One call')], max_length=8)),
                ('state', models.CharField(choices=[('pending', 'Waiting for an SDK'), ('sent', 'Sent'), ('running', 'Running'), ('completed', 'Completed'), ('failed', 'Failed'), ('expired', 'Expired'), ('cancelled', 'Cancelled')], default='pending', max_length=9)),
                ('trace_id', models.CharField(blank=True, max_length=255)),
                ('workflow_name', models.CharField(blank=True, max_length=400)),
                ('is_direct', models.BooleanField(default=False, help_text='Sent as `workflow:rerun`, not as `trigger`.')),
                ('run_count', models.PositiveSmallIntegerField(default=1)),
                ('steps', models.JSONField(blank=True, default=list)),
                ('evaluations', models.JSONField(blank=True, default=list)),
                ('requested_session_id', models.CharField(blank=True, help_text='Empty: any that can run it.', max_length=200)),
                ('session_id', models.CharField(blank=True, max_length=200)),
                ('detail', models.TextField(blank=True)),
                ('version', models.PositiveIntegerField(default=1, help_text='Counts the changes, for live pages.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('running_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField()),
                ('cancelled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='triggers', to='observability.project')),
                ('requested_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='observability.apikey')),
                ('sampling_config', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='triggers', to='reruns.samplingconfig')),
            ],
            options={
                'db_table': 'triggers',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='RunConfig',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('trace_id', models.CharField(max_length=255)),
                ('workflow_name', models.CharField(max_length=400)),
                ('workflow_input', models.JSONField(blank=True, null=True)),
                ('input_source', models.CharField(choices=[('given', 'Given with the request'), ('trace', "What the trace's workflow was given")], default='given', max_length=5)),
                ('frozen_event_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None)),
                ('freezes_nothing', models.BooleanField(default=False)),
                ('tool_mock_config', models.JSONField(blank=True, default=dict)),
                ('ai_mock_config', models.JSONField(blank=True, default=dict)),
                ('prompt_mocks', models.JSONField(blank=True, default=dict)),
                ('user_prompt_mocks', models.JSONField(blank=True, default=dict)),
                ('is_strict', models.BooleanField(default=False, help_text='A call that is neither frozen nor mocked fails.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='run_configs', to='observability.project')),
                ('trigger', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='run_config', to='reruns.trigger')),
            ],
            options={
                'db_table': 'run_configs',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveSmallIntegerField(default=0)),
                ('number', models.PositiveSmallIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('completed', 'Completed'), ('failed', 'Failed'), ('expired', 'Expired'), ('cancelled', 'Cancelled')], default='waiting', max_length=9)),
                ('ok', models.BooleanField(blank=True, null=True)),
                ('output', models.BinaryField(blank=True, null=True)),
                ('output_bytes', models.PositiveIntegerField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('duration_ms', models.FloatField(blank=True, null=True)),
                ('usage', models.JSONField(blank=True, null=True)),
                ('trace_id', models.CharField(blank=True, max_length=255)),
                ('is_late', models.BooleanField(default=False, help_text='Answered after the trigger had come to its end.')),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('trigger', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='reruns.trigger')),
            ],
            options={
                'db_table': 'trigger_runs',
                'ordering': ['step', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('channel', models.CharField(choices=[('socket', 'Socket'), ('register', 'Socket, when it registered'), ('ping', 'Socket, at its heartbeat'), ('ingest', 'Reply to a batch of events')], max_length=8)),
                ('session_id', models.CharField(blank=True, max_length=200)),
                ('sid', models.CharField(blank=True, max_length=40)),
                ('is_delivered', models.BooleanField()),
                ('detail', models.CharField(blank=True, max_length=200)),
                ('trigger', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='reruns.trigger')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'db_table': 'trigger_deliveries',
                'ordering': ['id'],
            },
        ),
        migrations.AddConstraint(
            model_name='samplingconfig',
            constraint=models.UniqueConstraint(fields=('project', 'name'), name='sampling_config_name'),
        ),
        migrations.AddConstraint(
            model_name='samplingconfig',
            constraint=models.CheckConstraint(condition=models.Q(('rate__gte', 0), ('rate__lte', 1)), name='sampling_config_rate'),
        ),
        migrations.AddConstraint(
            model_name='sampledtrace',
            constraint=models.UniqueConstraint(fields=('config', 'trace_id'), name='sampled_trace_once'),
        ),
        migrations.AddIndex(
            model_name='sdkconnection',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['project', 'session_id'], name='sdk_connections_open'),
        ),
        migrations.AddIndex(
            model_name='sdkconnection',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['process'], name='sdk_connections_process'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(fields=['project', '-id'], name='triggers_newest'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(fields=['project', 'trace_id', '-id'], name='triggers_by_trace'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(condition=models.Q(('state__in', ['pending', 'sent', 'running'])), fields=['project', 'session_id', 'expires_at'], name='triggers_live'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state__in', ['pending', 'sent', 'running'])), models.Q(('finished_at__isnull', False), ('state__in', ['completed', 'failed', 'expired', 'cancelled'])), _connector='OR'), name='trigger_finished_when_final'),
        ),
        migrations.AddIndex(
            model_name='runconfig',
            index=models.Index(fields=['project', 'trace_id'], name='run_configs_by_trace'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('trace_id', ''), _negated=True), fields=['trace_id'], name='trigger_runs_by_trace'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(fields=('trigger', 'step', 'number'), name='trigger_run_once'),
        ),
    ]
