"""Source studies as data: codes, chains, actors, framework figures; the four towns compared."""
