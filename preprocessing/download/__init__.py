"""Downloads: many at once, few a host, each retried with patience, stored whole, in img2dataset's layout.

run.py       the loop: from links to shards, resumed where it stopped
options.py   how links are fetched
team.py      the threads: each link is tried until it is there or given up
queue.py     which link is next: bounds for every host, waits that servers asked for
fetch.py     one address: redirects, limits of size and time
robots.py    headers that forbid the use of an image
picture.py   bytes that came: a whole image, or not
shard.py     a shard's files, and what an earlier run left of them
journal.py   what is done of an unfinished shard
tables.py    a finished shard's table and statistics
"""
