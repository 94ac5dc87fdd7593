"""Tools for people who change Lianhui; nothing of the product imports them."""
