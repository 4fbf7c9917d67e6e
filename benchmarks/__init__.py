"""Side by side with the tools people use today: ``python -m benchmarks`` measures, and writes RESULTS.md.

Every row does the same job on the same file with a named peer and with this project, in turn, several times. Nothing
here is part of the package: the rows go through its public doors.
"""
