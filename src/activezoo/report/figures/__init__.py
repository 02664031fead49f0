"""The figures, by topic: functions of tables and arrays."""
