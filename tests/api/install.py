#!/usr/bin/env python3
"""Installs the build into a temporary prefix, builds examples/embedded against it in every way a user would, and runs it.

usage: install.py BUILD
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "examples/embedded")
BUILD = os.path.abspath(sys.argv[1])
ORDERS = [("tea", 1.5, "10:00:05"), ("tea", 2.5, "10:00:45"), ("mug", -1, "10:00:50"), ("mug", 8, "10:01:10"), ("tea", 4, "10:05:00")]
EVENTS = [[("ann", "failed", None, "10:00:00"), ("ann", "failed", None, "10:05:00"), ("bob", "order", "o-1", "10:00:00"),
           ("bob", "order", "o-2", "10:01:00"), ("eve", "failed", None, "10:00:00"), ("eve", "failed", None, "10:01:00")],
          [("ann", "failed", None, "10:09:00"), ("bob", "paid", "o-2", "10:10:00"), ("eve", "failed", None, "10:30:00")],
          [("joe", "failed", None, "10:45:00")]]
LATER = [("cup", 3, "10:09:00"), ("late", 3, "10:00:00")]


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, **more)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), text.strip().replace("\n", " | ")[-700:]))
    return text


def put(path, orders):
    with open(path, "w") as out:
        for product, amount, time in orders:
            out.write(json.dumps({"product": product, "amount": amount, "ordered_at": "2024-01-01T%sZ" % time}) + "\n")


def rows_of(text):
    return sorted((r["minute"][11:16], r["product"], r["orders"], float(r["revenue"]))
                  for r in (json.loads(line.split(": ", 1)[1]) for line in text.splitlines() if line.startswith("batch ")))


def use(program, folder, environment):
    """Two runs of the example with the same checkpoint."""
    os.makedirs(os.path.join(folder, "landing"))
    arguments = [program] + [os.path.join(folder, name) for name in ("landing", "table", "checkpoint")]
    put(os.path.join(folder, "landing/1.json"), ORDERS)
    text = run(arguments, env=environment)
    assert rows_of(text) == [("10:00", "tea", 2, 4.0), ("10:01", "mug", 1, 8.0)], text
    progress = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert progress and progress[0]["numInputRows"] == 5 and progress[0]["name"] == "revenue", text
    assert rows_of(run(arguments, env=environment)) == []
    put(os.path.join(folder, "landing/2.json"), LATER)
    assert rows_of(run(arguments, env=environment)) == [("10:05", "tea", 1, 4.0)]
    adds = 0
    for name in os.listdir(os.path.join(folder, "table/_delta_log")):
        if name.endswith(".json"):
            adds += open(os.path.join(folder, "table/_delta_log", name)).read().count('"add":')
    assert adds == 2, "%d files were added" % adds


class Checks:
    def __init__(self, work):
        self.work, self.prefix, self.failed = work, os.path.join(work, "moved"), 0
        self.environment = dict(os.environ, LC_ALL="C")

    def check(self, name, step):
        try:
            step()
            print("ok api_install_" + name, flush=True)
        except Exception as problem:  # every failure is a line of the report
            self.failed += 1
            print("not ok api_install_%s: %s" % (name, str(problem).replace("\n", " | ")), flush=True)

    def install(self):
        """To one place, and then moved: nothing may remember where it was installed."""
        first = os.path.join(self.work, "first")
        run(["cmake", "--install", BUILD, "--prefix", first])
        os.rename(first, self.prefix)
        found = []
        for directory, _, names in os.walk(self.prefix):
            found += [os.path.relpath(os.path.join(directory, n), self.prefix) for n in names]
        library = [n for n in found if n.endswith("libmillrace.so")]
        assert library, found
        self.library = os.path.join(self.prefix, os.path.dirname(library[0]))
        self.environment["PKG_CONFIG_PATH"] = os.path.join(self.library, "pkgconfig")
        self.environment["LD_LIBRARY_PATH"] = self.library
        for wanted in ("bin/millrace", "include/millrace/millrace.h", "include/millrace/arrow.h", "include/millrace/processor.h", "libmillrace.a", "millrace.pc",
                       "cmake/millrace/millrace-config.cmake"):
            assert any(n.endswith(wanted) for n in found), "%s is not installed" % wanted
        assert run([os.path.join(self.prefix, "bin/millrace"), "--help"])

    def symbols(self):
        """Public names alone, in both libraries; every function of the header is there."""
        headers = [open(os.path.join(self.prefix, "include/millrace", name)).read() for name in ("millrace.h", "processor.h")]
        import re
        header = "".join(text[text.index("#ifndef"):] for text in headers)
        declared = set(re.findall(r"(millrace_[a-z0-9_]+)\(", header))
        declared -= {name for name in declared if "(*%s)" % name in header}
        declared = {name for name in declared if re.search(r"MILLRACE_API[^;]*\b%s\(" % name, header)}
        for command in (["nm", "-D", "--defined-only", os.path.join(self.library, "libmillrace.so")],
                        ["nm", "-g", "--defined-only", os.path.join(self.library, "libmillrace.a")]):
            names = {line.split()[-1] for line in run(command).splitlines() if len(line.split()) == 3}
            strange = {n for n in names if not n.startswith("millrace_") and not n.startswith("DW.ref.")}
            assert not strange, "visible beside the API: %s" % sorted(strange)[:5]
            assert declared == {n for n in names if n.startswith("millrace_")}, declared ^ names

    def header(self):
        """Alone, as strict C99 and as C++, without a warning; every line of it needs nothing of ours."""
        source = os.path.join(self.work, "header.c")
        with open(source, "w") as out:
            out.write("#include <millrace/millrace.h>\nint main(void) { return millrace_job_free(millrace_job_new(0)), 0; }\n")
        flags = ["-I", os.path.join(self.prefix, "include"), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
        run(["gcc", "-std=c99"] + flags + [source])
        run(["g++", "-std=c++11", "-x", "c++"] + flags + [source])

    def pkg_config(self):
        program = os.path.join(self.work, "revenue")
        flags = run(["pkg-config", "--cflags", "--libs", "millrace"], env=self.environment).split()
        assert run(["pkg-config", "--modversion", "millrace"], env=self.environment).strip() == "0.1.0"
        run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program, os.path.join(EXAMPLE, "revenue.c")] + flags)
        use(program, os.path.join(self.work, "by_pkg_config"), self.environment)

    def custom_state(self):
        """examples/custom-state: the alerts, also of what was remembered by an earlier run."""
        folder = os.path.join(self.work, "custom_state")
        program = os.path.join(folder, "alerts")
        os.makedirs(os.path.join(folder, "events"))
        flags = run(["pkg-config", "--cflags", "--libs", "millrace"], env=self.environment).split()
        run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program, os.path.join(ROOT, "examples/custom-state/alerts.c")] + flags)
        for number, events in enumerate(EVENTS):
            with open(os.path.join(folder, "events/%d.json" % number), "w") as out:
                for user, event, item, time in events:
                    out.write(json.dumps({"user": user, "event": event, "item": item, "at": "2026-01-01T%sZ" % time}) + "\n")
            run([program] + [os.path.join(folder, name) for name in ("events", "table", "checkpoint")], env=self.environment)
            if number == 1:
                self.state(os.path.join(folder, "checkpoint"))
        text = run([os.path.join(self.prefix, "bin/millrace"), "sql", "--format", "json",
                    "SELECT user, date_format(at, 'HH:mm') AS at, alert, item FROM delta.`%s/table` ORDER BY 1, 2" % folder],
                   env=self.environment, cwd=folder)
        rows = [tuple(json.loads(line).get(name) for name in ("user", "at", "alert", "item")) for line in text.splitlines()]
        assert [(r[0],) + r[2:] for r in rows] == [("ann", "three failed logins", None), ("bob", "order not paid", "o-1")], text

    def state(self, checkpoint):
        """What `millrace state` says of the program's checkpoint."""
        def ask(*arguments):
            text = run([os.path.join(self.prefix, "bin/millrace"), "state", "--format", "json", "--checkpoint", checkpoint] + list(arguments),
                       env=dict(self.environment, TZ="UTC"))
            return [json.loads(line) for line in text.splitlines()]

        variables = [(r["stateVarName"], r["kind"], r["columns"]) for r in ask()]
        assert variables == [("failures", "ListState", "STRUCT<at: TIMESTAMP>"), ("unpaid", "MapState", "STRUCT<due: TIMESTAMP>")], variables
        failures = ask("--variable", "failures")
        assert [r["key"] for r in failures] == [{"user": "eve"}] * 3 and "at" in failures[0]["list_element"], failures
        unpaid = ask("--variable", "unpaid")
        assert [(r["key"]["user"], r["user_map_key"]["item"]) for r in unpaid] == [("bob", "o-1")], unpaid
        timers = ask("--timers")
        assert [r["key"]["user"] for r in timers] == ["bob", "bob"], timers
        assert timers[1]["expiration_timestamp_ms"] - timers[0]["expiration_timestamp_ms"] == 60000, timers
        for wrong in (["--variable", "nosuch"], ["--operator", "1"]):
            try:
                ask(*wrong)
            except RuntimeError as refused:
                assert "STDS_INVALID_OPTION_VALUE" in str(refused), refused
            else:
                raise AssertionError("%s is not refused" % wrong)

    def pkg_config_static(self):
        program = os.path.join(self.work, "revenue_static")
        flags = run(["pkg-config", "--static", "--cflags", "--libs", "millrace"], env=self.environment).split()
        flags = ["-l:libmillrace.a" if flag == "-lmillrace" else flag for flag in flags]
        run(["cc", "-o", program, os.path.join(EXAMPLE, "revenue.c")] + flags)
        environment = dict(self.environment)
        del environment["LD_LIBRARY_PATH"]
        use(program, os.path.join(self.work, "static_by_pkg_config"), environment)

    def cmake(self):
        build = os.path.join(self.work, "cmake")
        run(["cmake", "-S", EXAMPLE, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.prefix, "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"])
        run(["cmake", "--build", build])
        use(os.path.join(build, "revenue"), os.path.join(self.work, "by_cmake"), self.environment)
        use(os.path.join(build, "revenue_static"), os.path.join(self.work, "static_by_cmake"), self.environment)


def main():
    work = tempfile.mkdtemp(prefix="millrace_install.")
    try:
        checks = Checks(work)
        for step in ("install", "symbols", "header", "pkg_config", "custom_state", "pkg_config_static", "cmake"):
            checks.check(step, getattr(checks, step))
        return 1 if checks.failed else 0
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
