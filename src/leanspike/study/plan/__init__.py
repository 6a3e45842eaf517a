"""What a study will do: its points, and the tasks that lead to them. Nothing runs here."""
