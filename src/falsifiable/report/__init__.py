"""Reports: everything that turns results and standings into something a person or another program reads."""
