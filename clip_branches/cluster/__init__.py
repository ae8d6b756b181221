"""Work on many machines, by Ray: an extra that nothing else needs."""
