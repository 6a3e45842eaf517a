from hypothesis import settings

# The first example of a compiled function waits for its compilation.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
