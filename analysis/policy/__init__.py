"""Policy texts: corpus, vocabulary over time, coding of measures, scores of whole texts."""
