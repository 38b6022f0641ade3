"""Addresses of the project settings."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from observability.pages.settings import capture, coverage, frame, general, keys, members, quickstart, where

urlpatterns: list[URLPattern | URLResolver] = [
    path("", frame.settings, name="settings"),
    path("keys/", keys.keys, name="settings-keys"),
    path("keys/new/", keys.create, name="key-create"),
    path("keys/<str:public_id>/rotate/", keys.rotate, name="key-rotate"),
    path("keys/<str:public_id>/revoke/", keys.revoke, name="key-revoke"),
    path("quickstart/", quickstart.quickstart, name="settings-quickstart"),
    path("quickstart/test/", quickstart.send_test, name="test-trace"),
    path("where/", where.where, name="settings-where"),
    path("capture/", capture.capture, name="settings-capture"),
    path("capture/change/", capture.change_capture, name="capture-change"),
    path("capture/try/", capture.try_rules, name="rule-try"),
    path("capture/rules/", capture.add_rule, name="rule-add"),
    path("capture/rules/<int:rule_id>/", capture.switch_rule, name="rule-switch"),
    path("coverage/", coverage.coverage, name="settings-coverage"),
    path("members/", members.members, name="settings-members"),
    path("members/invite/", members.invite_member, name="member-invite"),
    path("members/invitations/<int:invitation_id>/send/", members.resend_invitation, name="invitation-send"),
    path("members/invitations/<int:invitation_id>/revoke/", members.withdraw_invitation, name="invitation-revoke"),
    path("members/<int:user_id>/role/", members.change_role, name="member-role"),
    path("members/<int:user_id>/remove/", members.remove, name="member-remove"),
    path("project/", general.general, name="settings-general"),
    path("project/rename/", general.rename, name="project-rename"),
    path("project/delete-traces/", general.remove_traces, name="traces-delete"),
    path("project/delete/", general.remove_project, name="project-delete"),
    path("project/deletions/", general.deletions, name="deletions"),
    path("organization/", general.organization, name="settings-organization"),
    path("organization/rename/", general.rename_org, name="organization-rename"),
    path("organization/projects/", general.new_project, name="project-create"),
    path("organization/leave/", general.leave, name="organization-leave"),
]
