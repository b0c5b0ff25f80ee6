"""Personal data: finding and masking them, consent, review."""
