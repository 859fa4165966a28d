"""Orders one thing after the other from the shop at the given address, about one a second."""

import itertools
import sys
import threading
import urllib.error
import urllib.request

shop = sys.argv[1]
pause = threading.Event()
for number in itertools.count(1):
    try:
        urllib.request.urlopen(f"{shop}/orders/{number % 20}", timeout=10).read()
    except (urllib.error.URLError, OSError) as error:
        print(f"order {number % 20}: {error}", flush=True)
    pause.wait(1)
