"""How a catalogue grows past one machine: measured times of shards, a model of many of them, and its simulation."""
