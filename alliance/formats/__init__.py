"""Number and date formats. Django's Chinese ones group digits by four and not at all: 1234567 stays 1234567."""
