"""Sub-commands of the command ``andamios-orm``."""
