"""Wrong data: what is left in the database when it is all over."""
