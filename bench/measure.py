"""bench/measure.py: wall time, CPU of a whole process tree, peak memory of its largest process and of the tree together.

CPU is what the kernel accounts to all waited-for descendants (this process is made their subreaper, so orphans count too)."""
import ctypes
import os
import signal
import subprocess
import threading
import time


def subreaper():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def tree_rss(root):
    """Sum of the resident sizes of root and its descendants, in bytes."""
    parents, sizes = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
                parents[int(entry)] = int(fields[1])
                sizes[int(entry)] = int(fields[21]) * 4096
            except OSError:
                pass
    total = 0
    for pid in sizes:
        at = pid
        while at in parents and at != root:
            at = parents[at]
        if at == root:
            total += sizes[pid]
    return total


def run(command, cwd=None, env=None, timeout=1800, output=None):
    """{wall, cpu, user, sys, peak_mib, tree_mib, status}"""
    started = time.time()
    child = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output or subprocess.DEVNULL,
                             stderr=subprocess.STDOUT if output else subprocess.DEVNULL, start_new_session=True)
    peak, ending = [0], threading.Event()

    def sample():
        while not ending.wait(0.05):
            peak[0] = max(peak[0], tree_rss(child.pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    killer = threading.Timer(timeout, lambda: os.killpg(child.pid, signal.SIGKILL))
    killer.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.time() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    killer.cancel()
    # Orphans that outlive it (Spark's JVM ends after the Python that started it) are ours now: their time counts, so wait for them.
    user, system, peak_kib = usage.ru_utime, usage.ru_stime, usage.ru_maxrss
    patience = time.time() + 60
    while time.time() < patience:
        try:
            pid, _, more = os.wait4(-child.pid, os.WNOHANG)  # of its process group: a broker that the bench started itself goes on
        except ChildProcessError:
            break
        if pid == 0:
            time.sleep(0.02)
            continue
        user, system, peak_kib = user + more.ru_utime, system + more.ru_stime, max(peak_kib, more.ru_maxrss)
    else:
        raise RuntimeError("%s left processes running" % command[0])
    ending.set()
    sampler.join()
    return {"wall": wall, "cpu": user + system, "user": user, "sys": system, "status": child.returncode,
            "peak_mib": peak_kib / 1024, "tree_mib": max(peak[0] / 2**20, peak_kib / 1024)}
