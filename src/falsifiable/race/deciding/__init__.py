"""What follows at a rung: the race as data, the states of its runs, and decisions as a pure function of both."""
