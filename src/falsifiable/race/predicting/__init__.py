"""Where a run will end, from its first points, with an interval that was tested."""
