"""Looks at its own process, its parent's and a child's, and at the machine."""

import os
import subprocess

import psutil

me = psutil.Process()
print("pid", me.pid == os.getpid(), "status", me.status())
with me.oneshot():
    print("memory", me.memory_info().rss > 0, "threads", me.num_threads() >= 1)
child = subprocess.Popen(["sleep", "60"])
seen = psutil.Process(child.pid)
print("child", seen.name(), seen.ppid() == me.pid, [c.pid == child.pid for c in me.children()])
seen.terminate()
print("waited", psutil.wait_procs([seen], timeout=30)[1])
child.wait()
try:
    psutil.Process(child.pid)
except psutil.NoSuchProcess as error:
    print("gone", type(error).__name__)
print("machine", psutil.cpu_count() >= 1, psutil.virtual_memory().total > 0)
print("disk", psutil.disk_usage("/").total > 0, "loopback", "lo" in psutil.net_if_addrs())
