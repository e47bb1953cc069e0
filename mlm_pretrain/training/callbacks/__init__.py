"""What the trainer does when: one concern a file."""
