"""The record: tables, migrations and the questions we ask them."""
