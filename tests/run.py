#!/usr/bin/env python3
"""Runs the test suites and counts: closes with one line "N passed, N failed[, N skipped]".

Two kinds of suite:
  * every cmocka program of the sanitizer build (tests/<room>/<subject>_test.c), read from its own report;
  * the commands of tests/suites: "name: command". Such a command prints a line per check, "ok NAME", "not ok NAME: why" or "skip NAME: why",
    and may print anything else. It gets MILLRACE (release binary), MILLRACE_ASAN (the sanitizer build's), BUILD, BUILD_ASAN, PYTHON.
A suite that ends badly without having said so is one failure. A suite that says nothing at all is one failure too.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, ".build/release")
BUILD_ASAN = os.path.join(ROOT, ".build/asan")
VENV = os.environ.get("MILLRACE_VENV", os.path.join(ROOT, ".build/venv"))

CMOCKA = re.compile(r"^\[\s*(OK|FAILED|SKIPPED|ERROR|  ERROR)\s*\] ([A-Za-z_][A-Za-z_0-9]*)", re.M)
LINE = re.compile(r"^(ok|not ok|skip) (\S.*)$", re.M)
REPORT = re.compile(r"^.*(?:(?:ERROR|WARNING): (?:Address|Leak|Thread)Sanitizer|: runtime error: ).*$", re.M)
FRAME = re.compile(r"#\d+ 0x[0-9a-f]+ +(?:in (.+?) )?(\(?[^\s()]+(?::\d+|\+0x[0-9a-f]+\)))")


def environment():
    env = dict(os.environ)
    env.update(MILLRACE=os.path.join(BUILD, "millrace"), MILLRACE_ASAN=os.path.join(BUILD_ASAN, "millrace"),
               BUILD=BUILD, BUILD_ASAN=BUILD_ASAN, PYTHON=os.path.join(VENV, "bin/python"),
               UBSAN_OPTIONS="print_stacktrace=1", CMOCKA_MESSAGE_OUTPUT="STDOUT")
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
    return env


def suites(names):
    found = []
    if os.path.isdir(BUILD_ASAN):
        for directory in sorted(os.listdir(os.path.join(ROOT, "tests"))):
            path = os.path.join(ROOT, "tests", directory)
            if not os.path.isdir(path):
                continue
            for file in sorted(os.listdir(path)):
                if file.endswith("_test.c"):
                    name = directory + "_" + file[:-len(".c")]
                    found.append((name, [os.path.join(BUILD_ASAN, name)], True))
    with open(os.path.join(ROOT, "tests/suites")) as listing:
        for line in listing:
            line = line.strip()
            if line and not line.startswith("#"):
                name, command = line.split(":", 1)
                found.append((name.strip(), ["bash", "-c", command.strip()], False))
    if names:
        found = [s for s in found if any(n in s[0] for n in names)]
    return found


def sanitizer_report(output):
    """The first report of a sanitizer, and what of it fits a line: its summary and the innermost frames of ours (else of anybody's)."""
    first = REPORT.search(output)
    if not first:
        return "", ""
    summary = re.compile(r"^SUMMARY: .*$", re.M).search(output, first.end())
    report = output[first.start():summary.end() if summary else first.end() + 8000].strip()
    stack = re.split(r"\n\s*\n|\n(?!\s*#)", report[report.find("#0 "):])[0]
    frames = [("%s %s" % (function or "?", place), place) for function, place in FRAME.findall(stack) if "libsanitizer/" not in place]
    ours = [frame.replace("../../", "") for frame, place in frames if re.match(r"\.\./\.\./(?!base/(memory|arena|text)\.)\w", place)]
    return report, " in ".join([(summary or first).group(0).strip()] + [" < ".join((ours or [frame for frame, _ in frames])[:4])] * bool(frames))


def wait(child):
    """-> its status; 124: its time was up. What it has left running ends with it."""
    try:
        return child.wait(timeout=float(os.environ.get("SUITE_SECONDS", "1500")))
    except subprocess.TimeoutExpired:
        return 124
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()


def run(name, command, is_cmocka, env):
    started = time.time()
    with tempfile.TemporaryFile() as record:
        try:
            child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=record, stderr=subprocess.STDOUT,
                                     start_new_session=True)
            status = wait(child)
        except OSError as problem:
            record.write(str(problem).encode())
            status = 127
        record.seek(0)
        output = record.read().decode("utf-8", "replace") + ("\ntime is up" if status == 124 else "")
    passed, failed, skipped = [], [], []
    if is_cmocka:
        for verdict, test in CMOCKA.findall(output):
            {"OK": passed, "SKIPPED": skipped}.get(verdict.strip(), failed).append(test)
        passed = [t for t in passed if t not in failed]
        failed = sorted(set(failed))
        skipped = sorted(set(skipped))
    else:
        for verdict, test in LINE.findall(output):
            {"ok": passed, "skip": skipped}.get(verdict, failed).append(test)
    report, essence = sanitizer_report(output) if status != 0 else ("", "")
    broken = report and "LeakSanitizer" not in report  # a test that has failed may leak
    if (status != 0 and not failed) or broken or not (passed or failed or skipped):
        failed.append("%s ended with status %d%s" % (name, status, ": " + essence if essence else ""))
    seconds = time.time() - started
    print("%-44s %5d passed %4d failed %4d skipped %7.1f s" % (name, len(passed), len(failed), len(skipped), seconds))
    for test in skipped:
        print("    skipped: " + test)
    if failed:
        for test in failed:
            print("    FAILED: " + test)
        last = "\n".join(output.splitlines()[-60:])
        print("    " + (report + "\n...\n" + last if report not in last else last).replace("\n", "\n    "))
    sys.stdout.flush()
    return len(passed), len(failed), len(skipped)


def main():
    env = environment()
    total = [0, 0, 0]
    for name, command, is_cmocka in suites(sys.argv[1:]):
        for i, count in enumerate(run(name, command, is_cmocka, env)):
            total[i] += count
    line = "%d passed, %d failed" % (total[0], total[1])
    print(line + (", %d skipped" % total[2] if total[2] else ""))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
