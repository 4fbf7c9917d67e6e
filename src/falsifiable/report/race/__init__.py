"""What a race looks like to a reader: a table of its runs, plots, and a page that stands alone."""
