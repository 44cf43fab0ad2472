"""What happens around steps and epochs."""
