"""STORYLINES: one file a promise; each reads top to bottom as the story of its command."""
