"""Runs trials side by side, keeps what survived, and checks it all at the end."""
import concurrent.futures
import os
import random
import shutil
import sys

import check
import jobs
import power


FAULTS = ("enospc", "eio", "eintr", "short")  # a call fails, and the process may say so; all other trouble ends it


class Trials:
    """One suite: a workplace, the input, the undisturbed run of each job that is used, and what was found."""

    def __init__(self, suite, parallel=2):
        self.suite, self.parallel = suite, parallel
        self.until = None  # no new trial is begun after that
        self.place = jobs.workplace()
        self.landing = os.path.join(self.place, "landing")
        jobs.write_input(self.landing)
        self.expected, self.calls, self.bad, self.kept = {}, {}, [], []
        self.failed = 0
        self.number = 0

    def close(self):
        if os.environ.get("CRASH_KEEP"):
            print("kept: " + self.place)
        else:
            shutil.rmtree(self.place, ignore_errors=True)
        return 1 if self.failed else 0

    def say(self, name, why=None):
        self.failed += why is not None
        print("ok %s_%s" % (self.suite, name) if why is None else "not ok %s_%s: %s" % (self.suite, name, why))
        sys.stdout.flush()

    def folder(self, job, landing=None):
        self.number += 1
        folder = os.path.join(self.place, "%s-%05d" % (job, self.number))
        jobs.make_project(folder, job, landing or self.landing)
        return folder

    def undisturbed(self, job, workers=1):
        """What every other run must come to; counts its durable calls."""
        if (job, workers) in self.calls:
            return self.calls[job, workers]
        folder = self.folder(job)
        life = jobs.live(folder, workers=workers, count=True)
        if life.status != 0 or not life.calls:
            raise SystemExit("not ok %s_%s_undisturbed: %s, %s calls" % (self.suite, job, life, life.calls))
        for table, (_, unique) in jobs.JOBS[job].items():
            columns, rows = check.read(jobs.table_path(folder, table))
            if job not in ("gold", "windowed") and table in ("mapped", "bronze"):
                assert sum(rows.values()) > 50 and max(rows.values()) == 1, "the test's own input is wrong"
            self.expected.setdefault((job, table), rows)
            if self.expected[job, table] != rows:
                raise SystemExit("not ok %s_%s_undisturbed: %d workers give other rows" % (self.suite, job, workers))
        shutil.rmtree(folder)
        self.calls[job, workers] = life.calls
        return life.calls

    def time_is_up(self):
        return self.until is not None and jobs.now() > self.until

    def trial(self, name, job, lives, workers=1, aside=True):
        """Lives with trouble, then an undisturbed one, which must complete. Returns how many met their trouble, or None if there was no time.
        lives: dicts for jobs.live; with `cut`, the power is cut at the life's end (see power.py), which then need not have met trouble."""
        if self.time_is_up():
            return None
        folder = self.folder(job)
        met = 0
        disk = power.Disk(folder) if any("cut" in how for how in lives) else None
        for number, how in enumerate(lives):
            cut, how = how.get("cut"), {k: v for k, v in how.items() if k != "cut"}
            life = jobs.live(folder, **dict(dict(workers=workers, journal=disk and disk.journal), **how))
            met += life.met
            if cut:
                disk.cut(cut)
            fine = life.status == 0 or (life.refused if how.get("kind") in FAULTS else life.died)
            if not fine:
                self.bad.append((name, "life %d: %s" % (number + 1, life)))
                return met
            if aside and (cut or life.status != 0):
                self.keep(name + " before recovery %d" % (number + 1), job, folder, True)
        life = jobs.live(folder, workers=workers)
        if disk and os.path.exists(disk.journal):
            os.unlink(disk.journal)
        if life.status != 0:
            self.bad.append((name, "the next run does not complete: %s" % life))
            if os.environ.get("CRASH_KEEP"):
                return met
        else:
            self.keep(name, job, folder, False)
        shutil.rmtree(folder, ignore_errors=True)
        return met

    def keep(self, name, job, folder, partial):
        self.number += 1
        to = os.path.join(self.place, "kept-%05d" % self.number)
        jobs.tables_aside(folder, job, to)
        self.kept.append((name, job, to, partial))

    def look(self):
        """Checks what was kept since the last look; -> what is wrong, and forgets it."""
        bad, self.bad = self.bad, []
        for name, job, place, partial in self.kept:
            for table, (_, unique) in jobs.JOBS[job].items():
                path = os.path.join(place, table)
                log = jobs.log_path(job, path)
                if not os.path.isdir(log) or not os.listdir(log):
                    problem = None if partial else "there is no table"
                elif partial and job not in jobs.SINKS and not any(n.endswith(".json") for n in os.listdir(log)):
                    problem = None
                else:
                    problem = check.compare(path, self.expected[job, table], unique, partial, job in jobs.PROPERTIES)
                if problem:
                    bad.append((name, "%s: %s" % (table, problem)))
            shutil.rmtree(place, ignore_errors=True)
        self.kept = []
        return bad

    def run(self, name, plans, of=None, least=None):
        """plans: [(trial name, arguments of trial)]. Runs what there is time for, in an order that covers all if time ends early; reports one check."""
        with concurrent.futures.ThreadPoolExecutor(self.parallel) as pool:
            results = list(pool.map(lambda plan: self.trial(plan[0], **plan[1]), plans))
        tried = sum(r is not None for r in results)
        met = sum(1 for r in results if r)
        bad = self.look()
        for which, why in bad[:20]:
            print("    %s: %s" % (which, why))
        text = "%s: %d of %d tried, trouble met in %d, %d bad" % (name, tried, of or len(plans), met, len(bad))
        print(text)
        if not tried and not bad:
            print("skip %s_%s: no time was left for it" % (self.suite, name.replace(" ", "_")))
            return tried
        why = None
        if bad:
            why = "%d of %d bad; first: %s: %s" % (len(bad), tried, bad[0][0], bad[0][1])
        elif met < (max(1, tried // 3) if least is None else least):
            why = "trouble was met in %d trials only: the test shows nothing" % met
        self.say(name.replace(" ", "_"), why)
        return tried


def spread(count, wanted, seed):
    """`wanted` of 1..count, one drawn from each stretch of equal length; all if there are not more. In random order."""
    dice = random.Random(seed)
    if wanted is None or wanted >= count:
        points = list(range(1, count + 1))
    else:
        points = [1 + int((i + dice.random()) * count / wanted) for i in range(wanted)]
    dice.shuffle(points)
    return points
