"""Models whose objects find, save and delete themselves."""
