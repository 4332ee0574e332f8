"""The types of columns that models add to those of core, by kind."""
