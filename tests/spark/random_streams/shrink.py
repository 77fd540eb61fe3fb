"""Takes parts away from a spec as long as the two engines still differ in the same way."""
import copy


def smaller(spec):
    """Specs with one part less, the biggest parts first."""
    for name, source in spec["sources"].items():
        count = len(source["files"])
        for index in range(count if count > 1 else 0):
            less = copy.deepcopy(spec)
            for other in less["sources"].values():
                if index < len(other["files"]):
                    del other["files"][index]
            less["runs"] = None
            yield less
        break
    for key in ("runs", "where", "having", "residual", "grouping", "time", "limit", "order"):
        if spec.get(key):
            yield dict(copy.deepcopy(spec), **{key: None})
    if spec["conf"]:
        yield dict(copy.deepcopy(spec), conf={})
    if spec["partitions"] > 1:
        yield dict(copy.deepcopy(spec), partitions=1)
    for key in ("aggregates", "group", "columns", "on"):
        for index in range(len(spec.get(key) or []) if len(spec.get(key) or []) > 1 else 0):
            less = copy.deepcopy(spec)
            del less[key][index]
            yield less
    for name, source in spec["sources"].items():
        for index, rows in enumerate(source["files"]):
            step = (len(rows) + 1) // 2
            while rows and step >= 1:
                for at in range(0, len(rows), step):
                    less = copy.deepcopy(spec)
                    del less["sources"][name]["files"][index][at:at + step]
                    yield less
                step = step // 2 if step > 1 else 0


def shrink(spec, differs, attempts):
    """differs(spec) -> text or None. The smallest spec found within so many attempts, and how it differs."""
    problem = differs(spec)
    again = True
    while again and attempts > 0:
        again = False
        for less in smaller(spec):
            attempts -= 1
            found = differs(less)
            if found:
                spec, problem, again = less, found, True
                break
            if attempts <= 0:
                break
    return spec, problem
