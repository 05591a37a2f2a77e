"""Write sysctls inside network namespaces: stdin {namespace: {path under /proc/sys: value}}.

One process for all: /proc/sys/net shows the namespace of the process that looks.
"""
import json
import sys

import namespace

for name, settings in json.load(sys.stdin).items():
    namespace.enter(name)
    for path, value in settings.items():
        try:
            with open(f"/proc/sys/{path}", "w") as file:
                file.write(value)
        except FileNotFoundError:
            module = "br_netfilter" if path.startswith("net/bridge/") else "of its feature"
            sys.exit(f"{name}: no /proc/sys/{path}: load the kernel module {module}")
