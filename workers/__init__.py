"""The glue: Celery tasks that drive the engine and write what it yields."""
