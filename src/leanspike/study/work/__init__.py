"""Doing the tasks of a study, by any number of workers, so that nothing finished is lost."""
