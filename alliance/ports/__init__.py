"""Doors to the outside: text messages and e-mail. Each door has adapters, chosen by one setting."""
