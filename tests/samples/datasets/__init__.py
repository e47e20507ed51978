"""One writer per public data set."""
