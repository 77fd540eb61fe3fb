"""Power cuts: what a disk may hold that was promised nothing but what was fsynced.

The preloaded library keeps a journal of every call that changed a file or a name, and of every fsync, over all the processes of a trial (preload.c).
A cut replays it over what the folder held at first and leaves out what was not synced, or a part of that:

  all         nothing unsynced survives
  first-N     the earliest N percent of it survives, in its order; the write at the border is torn
  some-SEED   any part of it survives: a later write without an earlier one, a name without its bytes, some of the 512-byte sectors of a write,
              a file that has grown without the bytes it has grown by

The strict reading of POSIX: fsync of a file makes its bytes and size durable, and not its name; fsync of a directory makes the names in it durable, and
neither the directory's own name in its parent nor anything below. A rename is one change: both names or none, sure when both directories are synced.
"""
import os
import random
import shutil
import struct

WRITE, SIZE, SYNC, NAME, REMOVE, RENAME = range(1, 7)
HEAD = struct.Struct("<IHHQQQqq")
SECTOR = 512


class Node:
    """A file or a directory, as first seen."""

    def __init__(self, directory, data=b""):
        self.directory, self.data = directory, data
        self.changes = []  # of its content
        self.entries = {}


class Change:
    """One write, new size, or change of names ([(directory, name, node or None)]). waits: the directories whose fsync it still needs; None: its file's."""

    def __init__(self, waits=None, offset=0, data=None, size=None, names=()):
        self.waits, self.offset, self.data, self.size, self.names = waits, offset, data, size, names
        self.durable = False


class Disk:
    """The folder of one trial, from now on: all it holds is durable. Let the lives journal into `journal`."""

    def __init__(self, folder):
        self.folder, self.journal = folder, folder + ".journal"
        self.begin()

    def begin(self):
        if os.path.exists(self.journal):
            os.unlink(self.journal)
        self.nodes = {}
        self.root = self.look(self.folder)

    def look(self, path):
        inode = os.lstat(path).st_ino
        if inode not in self.nodes:
            if os.path.isdir(path):
                node = Node(True)
                node.entries = {name: self.look(os.path.join(path, name)) for name in os.listdir(path)}
            else:
                with open(path, "rb") as file:
                    node = Node(False, file.read())
            self.nodes[inode] = node
        return self.nodes[inode]

    def records(self):
        with open(self.journal, "rb") as file:
            data = file.read()
        at = 0
        while at < len(data):
            kind, first, second, inode, directory, directory2, offset, size = HEAD.unpack_from(data, at)
            at += HEAD.size
            name, name2 = data[at:at + first].decode(), data[at + first:at + first + second].decode()
            at += first + second
            content = data[at:at + size] if kind == WRITE else None
            at += size if kind == WRITE else 0
            yield kind, inode, directory, directory2, name, name2, offset, size, content

    def replay(self):
        """-> all changes in their order, each marked durable or not."""
        changes = []
        for kind, inode, directory, directory2, name, name2, offset, size, content in self.records() if os.path.exists(self.journal) else ():
            if kind == SYNC:
                self.synced(self.nodes.get(inode), changes)
                continue
            if kind in (WRITE, SIZE):
                node = self.nodes.setdefault(inode, Node(False))
                change = Change(offset=offset, data=content, size=size)
                node.changes.append(change)
            elif kind == RENAME:
                source, target, node = self.nodes[directory], self.nodes[directory2], self.nodes.get(inode, Node(False))
                change = Change({source, target}, names=[(source, name, None), (target, name2, node)])
            else:
                if kind == NAME and (offset or inode not in self.nodes):  # a new file takes over the number of one that is gone
                    self.nodes[inode] = Node(offset == 2)
                place = self.nodes[directory]
                change = Change({place}, names=[(place, name, self.nodes[inode] if kind == NAME else None)])
            changes.append(change)
        return changes

    @staticmethod
    def synced(node, changes):
        if node and not node.directory:
            for change in node.changes:
                change.durable = True
        for change in changes:
            if node and change.waits:
                change.waits.discard(node)
                change.durable = not change.waits

    def cut(self, how):
        """Leaves the folder as it may be found after the power was gone; that is durable then. -> how many changes were lost."""
        changes = self.replay()
        loose = [c for c in changes if not c.durable]
        lost = choose(loose, how)
        for change in changes:
            for place, name, node in change.names if change not in lost else ():
                place.entries[name] = node
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.write(self.root, self.folder, {}, lost)
        self.begin()
        return len(lost)

    def write(self, node, path, written, lost):
        for name, child in node.entries.items():
            to = os.path.join(path, name)
            if child is None:
                continue
            if child.directory:
                if child not in written:
                    written[child] = to
                    os.mkdir(to)
                    self.write(child, to, written, lost)
            elif child in written:
                os.link(written[child], to)
            else:
                written[child] = to
                with open(to, "wb") as file:
                    file.write(content(child, lost))


def content(node, lost):
    data = bytearray(node.data)
    for change in node.changes:
        if change in lost:
            continue
        if change.data is None:
            del data[change.size:]
            data.extend(bytes(change.size - len(data)))
        else:
            data.extend(bytes(max(0, change.offset + len(change.data) - len(data))))
            for begin, end in change.sectors if hasattr(change, "sectors") else [(0, len(change.data))]:
                data[change.offset + begin:change.offset + end] = change.data[begin:end]
    return data


def sectors(change):
    """A write's pieces, as the disk's sectors divide it."""
    begin = 0
    while begin < len(change.data):
        end = min(len(change.data), (change.offset + begin) // SECTOR * SECTOR + SECTOR - change.offset)
        yield begin, end
        begin = end


def choose(loose, how):
    """-> the changes that are lost whole; torn writes get the sectors that survive."""
    if how == "all":
        return set(loose)
    kind, number = how.split("-")
    if kind == "first":
        border = len(loose) * int(number) // 100
        if border < len(loose) and loose[border].data:
            pieces = list(sectors(loose[border]))
            loose[border].sectors = pieces[:len(pieces) // 2]
            border += 1
        return set(loose[border:])
    dice = random.Random(int(number))
    keep = dice.choice((0.1, 0.5, 0.9))
    lost = set()
    for change in loose:
        if change.data and dice.random() < 0.3:  # torn; no sector at all: the file has grown, its bytes are missing
            survive = dice.choice((0, keep, keep))
            change.sectors = [piece for piece in sectors(change) if dice.random() < survive]
        elif dice.random() >= keep:
            lost.add(change)
    return lost
