"""Interviews: from transcripts and coder files to agreement, themes and chains."""
