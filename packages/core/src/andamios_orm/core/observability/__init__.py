"""What is to be seen from outside: metrics, traces, logs, health, progress."""
