"""What a study asks for, read and checked before anything runs."""
