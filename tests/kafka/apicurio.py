"""A real schema registry for the tests: Apicurio, which speaks Confluent's API, on a free port, its schemas in memory. Fetched from Maven Central once and
kept outside the repository. Needs java 17 and mvn; broker.Unavailable says what is missing."""
import glob
import json
import os
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request

from broker import Unavailable, free_port

VERSION = "3.0.9"
CACHE = os.path.join(os.environ.get("MILLRACE_CACHE", os.path.expanduser("~/.cache/millrace")), "apicurio-" + VERSION)


def program():
    """The folder that holds the runner, fetched when it is not there yet."""
    for tool in ("java", "mvn"):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")
    if not glob.glob(os.path.join(CACHE, "*-runner.jar")):
        work = CACHE + f".{os.getpid()}"
        os.makedirs(work, exist_ok=True)
        done = subprocess.run(["mvn", "-B", "-q", "dependency:copy", f"-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all",
                               "-DoutputDirectory=" + work], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        found = glob.glob(os.path.join(work, "*.tar.gz"))
        if done.returncode != 0 or not found:
            shutil.rmtree(work, ignore_errors=True)
            raise Unavailable("the schema registry cannot be fetched from Maven Central: " + done.stdout.decode()[-300:].replace("\n", " "))
        with tarfile.open(found[0]) as archive:
            archive.extractall(work)
        os.unlink(found[0])
        inner = glob.glob(os.path.join(work, "**", "*-runner.jar"), recursive=True)
        if not os.path.isdir(CACHE) and inner:
            os.rename(os.path.dirname(inner[0]), CACHE)
        shutil.rmtree(work, ignore_errors=True)
    return CACHE


class Registry:
    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        os.makedirs(directory, exist_ok=True)

    def __enter__(self):
        jar = glob.glob(os.path.join(program(), "*-runner.jar"))[0]
        with open(os.path.join(self.directory, "registry.log"), "ab") as log:
            self.process = subprocess.Popen(["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1",
                                             f"-Dquarkus.http.port={self.port}", "-Dapicurio.storage.kind=sql", "-Dapicurio.storage.sql.kind=h2",
                                             "-jar", jar], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.time() + 90
        while True:
            try:
                self.request("GET", "/subjects")
                return self
            except (OSError, urllib.error.URLError):
                if self.process.poll() is not None or time.time() > end:
                    self.__exit__()
                    raise Unavailable("the schema registry does not start: see " + self.directory)
                time.sleep(0.2)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def register(self, subject, schema):
        return self.request("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})["id"]
