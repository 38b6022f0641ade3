"""A real Postgres and a real Valkey as child processes: their programs come from wheels, their life from us.

Only the programs inside the wheels are used. The wheels' own Python helpers add a system user, open parent folders to
everybody when run as root, and leave servers behind when their process is killed.

    programs.py   which program: the wheels first, then what the system has
    identity.py   how Postgres runs when we are root, which it refuses
    folders.py    private folders, and socket paths short enough for the kernel
    postgres.py   one cluster: made once, configured, ready or not
    valkey.py     one Valkey with an append-only file
    process.py    one child process that cannot outlive us
    launch.py, watchdog.py   the two small programs that see to that
    keys.py       random keys kept in the data folder
"""

from config.embedded.errors import EmbeddedError
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Postgres", "Valkey"]
