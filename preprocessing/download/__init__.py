"""Downloads: many at once, few a host, each retried with patience, stored whole, in img2dataset's layout.

run.py       the loop: from links to shards, resumed where it stopped
queue.py     which link is next: bounds for every host, waits that servers asked for
fetch.py     one address: redirects, limits of size and time
robots.py    headers that forbid the use of an image
picture.py   bytes that came: a whole image, or not
shard.py     a shard's files, its journal, its table and statistics
"""
