from made_up_study import database, made, results  # noqa: F401  (fixtures)
