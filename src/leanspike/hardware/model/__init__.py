"""What a mapping makes the hardware do, and what that costs."""
