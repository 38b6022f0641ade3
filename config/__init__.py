"""Project configuration. Loads Celery with Django, so that `shared_task` finds its application."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
